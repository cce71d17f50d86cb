//! A way to the API server that can be cut at any call: what a process that dies there leaves
//! behind is then known exactly.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use kube::Client;
use kube::config::AuthInfo;
use tokio::runtime::Runtime;

use super::{Cluster, clients};

/// A proxy on loopback, plain HTTP. Who asks is as whom the API server is asked.
pub struct Proxy {
    address: SocketAddr,
    lines: Lines,
    /// Of its own: it goes on while a test waits for a process to end.
    runtime: Option<Runtime>,
}

/// Where a namespace's line is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// At which kind of call, e.g. `PATCH klivsecrets/status` …
    pub call: String,
    /// … and the how manieth of them, from 1.
    pub nth: usize,
    /// Whether it arrives, and only its answer does not come back.
    pub arrives: bool,
}

/// What is asked about one namespace.
#[derive(Default)]
struct Line {
    /// The calls, in order.
    asked: Vec<String>,
    cut: Option<Cut>,
    is_cut: bool,
    /// It is cut, and the API server is through with what arrived.
    is_over: bool,
}

type Lines = Arc<Mutex<BTreeMap<String, Line>>>;

/// What becomes of a call.
enum Fate {
    Passes,
    PassesUnanswered,
    IsLost,
}

impl Cluster {
    /// A way to this cluster that can be cut.
    pub fn proxy(&self) -> Proxy {
        let mut threads = tokio::runtime::Builder::new_multi_thread();
        let runtime = threads.worker_threads(1).enable_all().build().expect("a runtime");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let lines = Lines::default();
        let mut config = self.config();
        config.auth_info = AuthInfo::default();
        let state = lines.clone();
        runtime.spawn(async move {
            let routes = Router::new().fallback(pass).with_state((clients::client(config), state));
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, routes).await.expect("serves");
        });
        Proxy { address, lines, runtime: Some(runtime) }
    }
}

impl Proxy {
    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Notes from here on what is asked about a namespace, and cuts there: from then on
    /// nothing that is asked about it arrives.
    pub fn cut(&self, namespace: &str, cut: Option<Cut>) {
        self.lines().insert(namespace.to_owned(), Line { cut, ..Line::default() });
    }

    /// What was asked since, in order: Events aside, which are told beside it.
    pub fn asked(&self, namespace: &str) -> Vec<String> {
        self.lines().get(namespace).map(|line| line.asked.clone()).unwrap_or_default()
    }

    /// Whether it was cut, and what arrived before has been done.
    pub fn is_cut(&self, namespace: &str) -> bool {
        self.lines().get(namespace).is_some_and(|line| line.is_over)
    }

    /// Everything arrives again.
    pub fn mend(&self) {
        self.lines().clear();
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<String, Line>> {
        self.lines.lock().expect("nobody panicked")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Line {
    fn fate(&mut self, call: &str, counts: bool) -> Fate {
        if self.is_cut {
            return Fate::IsLost;
        }
        if !counts {
            return Fate::Passes;
        }
        self.asked.push(call.to_owned());
        let times = self.asked.iter().filter(|asked| *asked == call).count();
        let cut = self.cut.as_ref().filter(|cut| cut.call == call && cut.nth == times);
        let Some(arrives) = cut.map(|cut| cut.arrives) else { return Fate::Passes };
        self.is_cut = true;
        self.is_over = !arrives;
        if arrives { Fate::PassesUnanswered } else { Fate::IsLost }
    }
}

async fn pass(State((client, lines)): State<(Client, Lines)>, request: Request) -> Response {
    let about = About::of(&request);
    let fate = about.as_ref().map_or(Fate::Passes, |about| about.fate(&lines));
    if matches!(fate, Fate::IsLost) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let answer = ask(&client, request).await;
    if let (Fate::PassesUnanswered, Some(about)) = (fate, about) {
        // All of it: until then the API server may be at work.
        drop(to_bytes(answer.into_body(), usize::MAX).await);
        if let Some(line) = lines.lock().expect("nobody panicked").get_mut(&about.namespace) {
            line.is_over = true;
        }
        return StatusCode::BAD_GATEWAY.into_response();
    }
    answer
}

async fn ask(client: &Client, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    forget_the_hop(&mut parts.headers);
    let request = Request::from_parts(parts, kube::client::Body::from(body));
    let Ok(answer) = client.send(request).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (mut parts, body) = answer.into_parts();
    forget_the_hop(&mut parts.headers);
    Response::from_parts(parts, Body::new(body))
}

fn forget_the_hop(headers: &mut HeaderMap) {
    for name in [HOST, CONNECTION, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}

/// What a call is about.
struct About {
    namespace: String,
    /// The verb of HTTP and the resource.
    call: String,
    /// Events are told beside what is done, and nobody waits for them.
    counts: bool,
}

impl About {
    /// `/apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME/SUBRESOURCE`.
    fn of(request: &Request) -> Option<Self> {
        let (_, path) = request.uri().path().split_once("/namespaces/")?;
        let mut parts = path.split('/');
        let (namespace, resource) = (parts.next()?.to_owned(), parts.next()?);
        let subresource = parts.nth(1).map(|part| format!("/{part}")).unwrap_or_default();
        let method: &Method = request.method();
        let call = format!("{method} {resource}{subresource}");
        Some(Self { namespace, call, counts: resource != "events" })
    }

    fn fate(&self, lines: &Lines) -> Fate {
        let mut lines = lines.lock().expect("nobody panicked");
        let line = lines.get_mut(&self.namespace);
        line.map_or(Fate::Passes, |line| line.fate(&self.call, self.counts))
    }
}
