//! With `-v`: a line for each request, on standard error. It names what was asked for and how
//! that ended; no header and no body, at any level.

use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use tower::{Layer, Service};

use crate::runtime::clock;

/// Tells the requests of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tell;

/// A service whose requests are told.
pub(crate) struct Told<S>(S);

impl<S> Layer<S> for Tell {
    type Service = Told<S>;

    fn layer(&self, inner: S) -> Told<S> {
        Told(inner)
    }
}

impl<S, A, B> Service<Request<A>> for Told<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<B>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let what = format!("{} {}", request.method(), request.uri());
        let began = clock::monotonic();
        let asked = self.0.call(request);
        let told = asked.inspect(move |answer| {
            let ms = clock::monotonic().duration_since(began).as_millis();
            match answer {
                Ok(answer) => tracing::info!("{what} {} in {ms} ms", answer.status().as_u16()),
                Err(_) => tracing::info!("{what} got no answer in {ms} ms"),
            }
        });
        told.boxed()
    }
}
