//! An answer that is not there soon: a stream of events is begun for it, so that nothing between
//! client and server takes the silence for a dead connection.
//!
//! The transport begins such a stream by itself in revision 2025-11-25. In 2026-07-28 it waits
//! for the first message, since the status depends on it: a tool that waits for a person would
//! say nothing for minutes.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, to_bytes};
use axum::response::Response;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use http::{HeaderValue, header};

use super::limits;

/// What has to be there soon, and how often it is said that it still comes.
const BEAT: Duration = Duration::from_secs(10);

/// A line that clients skip.
const STILL: Bytes = Bytes::from_static(b":\n\n");

type Answered = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The answer, or one that begins before it is there.
pub(super) async fn soon(answered: impl Future<Output = Response> + Send + 'static) -> Response {
    within(BEAT, Box::pin(answered)).await
}

async fn within(beat: Duration, mut answered: Answered) -> Response {
    if let Ok(response) = tokio::time::timeout(beat, &mut answered).await {
        return response;
    }
    let pieces = stream::unfold(Coming::Late(answered), move |coming| async move {
        Some(match coming {
            Coming::Late(mut answered) => match tokio::time::timeout(beat, &mut answered).await {
                Err(_) => (STILL, Coming::Late(answered)),
                Ok(response) => (STILL, Coming::There(pieces(response).await)),
            },
            Coming::There(mut pieces) => (pieces.next().await?, Coming::There(pieces)),
        })
    });
    let mut response = Response::new(Body::from_stream(pieces.map(Ok::<_, Infallible>)));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// An answer that has begun.
enum Coming {
    Late(Answered),
    There(BoxStream<'static, Bytes>),
}

/// An answer as what is left of a stream of events.
async fn pieces(response: Response) -> BoxStream<'static, Bytes> {
    let kind = response.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_vec());
    let is = |wanted: &[u8]| kind.as_ref().is_some_and(|kind| kind.starts_with(wanted));
    let (events, json) = (is(b"text/event-stream"), is(b"application/json"));
    let body = response.into_body();
    if events {
        let pieces: BodyDataStream = body.into_data_stream();
        return pieces.filter_map(async |piece| piece.ok()).boxed();
    }
    // One message, on one line. Anything else has no words of the protocol's.
    let message = to_bytes(body, limits::ANSWERED).await.ok().filter(|_| json);
    let event =
        message.map(|message| Bytes::from([b"data: ".as_slice(), &message, b"\n\n"].concat()));
    stream::iter(event).boxed()
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http::StatusCode;
    use tokio::sync::oneshot;

    use super::*;

    const SHORT: Duration = Duration::from_millis(1);

    async fn late(response: Response) -> String {
        let (tell, told) = oneshot::channel();
        let answered = Box::pin(async { told.await.unwrap() });
        let begun = within(SHORT, answered).await;
        assert_eq!(begun.status(), StatusCode::OK);
        assert_eq!(begun.headers()[header::CONTENT_TYPE], "text/event-stream");
        let mut pieces = begun.into_body().into_data_stream();
        assert_eq!(pieces.next().await.unwrap().unwrap(), STILL);
        assert_eq!(pieces.next().await.unwrap().unwrap(), STILL);
        tell.send(response).unwrap();
        let rest: Vec<_> = pieces.map(|piece| piece.unwrap().to_vec()).collect().await;
        let rest = String::from_utf8(rest.concat()).unwrap();
        rest.trim_start_matches(":\n\n").to_owned()
    }

    #[tokio::test]
    async fn what_is_there_soon_is_the_answer_as_it_is() {
        let answer = (StatusCode::NOT_FOUND, "x").into_response();
        let answer = within(Duration::from_secs(60), Box::pin(async { answer })).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn what_is_late_comes_in_a_stream_that_goes_on_until_then() {
        let kind = |kind: &'static str| [(header::CONTENT_TYPE, kind)];
        let events = (kind("text/event-stream"), "data: {}\n\n").into_response();
        assert_eq!(late(events).await, "data: {}\n\n");
        let error = (StatusCode::BAD_REQUEST, kind("application/json"), "{}").into_response();
        assert_eq!(late(error).await, "data: {}\n\n");
        assert_eq!(late((StatusCode::BAD_GATEWAY, "words").into_response()).await, "");
    }

    #[tokio::test]
    async fn who_goes_away_ends_what_he_waited_for() {
        let (alive, mut gone) = oneshot::channel::<()>();
        let answered = Box::pin(async move {
            let _alive = alive;
            std::future::pending().await
        });
        let begun = within(SHORT, answered).await;
        assert!(gone.try_recv().is_err_and(|e| e == oneshot::error::TryRecvError::Empty));
        drop(begun);
        assert!(gone.try_recv().is_err_and(|e| e == oneshot::error::TryRecvError::Closed));
    }
}
