#![expect(clippy::disallowed_types, reason = "hands the client to whoever calls")]
//! The router, and the way of a call through it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use kube::Client;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;

use super::headers;
use super::late::soon;
use super::limits::{self, Full, Held, Limits, Takes, UnderWay};
use super::message::{Message, arrived};
use super::metadata::{Metadata, WELL_KNOWN};
use super::refused::Refused;
use super::said_anew::in_our_words;
use super::session::{self, Bound};
use super::who::{Doorkeeper, Stranger};
use crate::account::{Caller, Namespace};
use crate::api::names::AGENT_FIELD_MANAGER;
use crate::mcp::{Agent, Says, Settings, Visit};
use crate::runtime::room::SentAway;
use crate::runtime::{Metrics, clock};
use crate::server::hand_on::hand_on;
use crate::server::host::{Hosts, Named, one};
use crate::server::pace::TooOften;
use crate::server::{BadPublicUrl, Issuer, Person, Proxies, Unknown, speaking_as};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// How clients reach the server, and whom it serves.
pub struct Entrance<'a> {
    /// `https://HOST`: requests for another host are refused.
    pub public_url: &'a str,
    /// The proxies that stand before it.
    pub proxies: Proxies,
    /// Speaks as the server itself.
    pub client: Client,
    /// Whose access tokens are taken beside the cluster's.
    pub issuer: Option<Issuer>,
    /// What clients are told to ask it for.
    pub scopes: Vec<String>,
    /// Where the operator runs: the public key is there.
    pub operator_namespace: Namespace,
}

/// What all requests share.
struct Site {
    hosts: Hosts,
    proxies: Proxies,
    client: Client,
    door: Doorkeeper,
    scopes: Vec<String>,
    operator_namespace: Namespace,
    limits: Limits,
    settings: Arc<Settings>,
    metrics: Metrics,
    tools: StreamableHttpService<Agent, NeverSessionManager>,
}

/// All that is served. Answers that go on end with `stop`.
///
/// # Errors
/// The public URL can't be used.
pub fn router(
    entrance: Entrance<'_>,
    agent: Agent,
    metrics: Metrics,
    stop: CancellationToken,
) -> Result<Router, BadPublicUrl> {
    let hosts = Hosts::public(entrance.public_url)?;
    let origin = hosts.origin();
    let agent = agent.counting(metrics.clone());
    let settings = Arc::clone(agent.settings());
    let site = Arc::new(Site {
        door: Doorkeeper::new(entrance.client.clone(), entrance.issuer, origin.clone()),
        scopes: entrance.scopes,
        proxies: entrance.proxies,
        client: entrance.client,
        operator_namespace: entrance.operator_namespace,
        limits: Limits::new(settings.chat_values),
        settings,
        metrics,
        tools: tools(agent, &hosts, stop),
        hosts,
    });
    let account = post(call).fallback(async || Refused::Method("POST").into_response());
    let metadata = get(metadata).fallback(async || Refused::Method("GET, HEAD").into_response());
    Ok(Router::new()
        .route("/accounts/{account}/mcp", account)
        .route(&format!("{WELL_KNOWN}/accounts/{{account}}/mcp"), metadata)
        .fallback(async || Refused::NoSuchPlace.into_response())
        .layer(middleware::from_fn_with_state(Arc::clone(&site), pass))
        .with_state(site))
}

/// The tools, behind a transport that remembers nothing.
fn tools(
    agent: Agent,
    hosts: &Hosts,
    stop: CancellationToken,
) -> StreamableHttpService<Agent, NeverSessionManager> {
    let origin = hosts.origin();
    let host = origin.split_once("://").map_or("", |(_, host)| host).to_owned();
    let usual = if hosts.is_https() { 443 } else { 80 };
    let port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    // What it calls an origin has its port.
    let with_port = if port { origin } else { format!("{origin}:{usual}") };
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_allowed_hosts([host])
        .with_allowed_origins([with_port])
        .enforce_origin_validation()
        .with_max_request_body_bytes(limits::BODY)
        .with_cancellation_token(stop);
    StreamableHttpService::new(move || Ok(agent.clone()), Arc::default(), config)
}

/// Around all: whom a request is meant for and whence it comes, before anything is read of it;
/// and what every answer carries.
async fn pass(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let account = account_of(request.uri().path());
    let (head, body) = request.into_parts();
    // What is refused may be unread, and then hyper ends the connection: who keeps it has to
    // know, or his next request goes nowhere. HTTP/2 needs no such word.
    let ends = head.method == Method::POST && head.version < Version::HTTP_2;
    let response = match site.admits(&head) {
        Err(refused) => refused.into_response(),
        Ok(()) => next.run(Request::from_parts(head, body)).await,
    };
    let mut response = match response.extensions().get::<Refused>() {
        Some(refused) => site.refuse(refused, account.as_ref()),
        None => in_our_words(response).await,
    };
    if ends && !response.status().is_success() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    headers::put(response.headers_mut(), site.hosts.is_https());
    response
}

impl IntoResponse for Refused {
    /// On its way to [`pass`], which says it in words.
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<TooOften> for Refused {
    fn from(wait: TooOften) -> Self {
        Self::TooOften(wait.0)
    }
}

impl From<Full> for Refused {
    fn from(full: Full) -> Self {
        match full {
            Full::Own => Self::TooMany,
            Full::All => Self::Busy,
        }
    }
}

impl From<SentAway> for Refused {
    fn from(_: SentAway) -> Self {
        Self::Busy
    }
}

impl From<Stranger> for Refused {
    fn from(stranger: Stranger) -> Self {
        Self::Stranger(stranger)
    }
}

impl Site {
    fn admits(&self, head: &Parts) -> Result<(), Refused> {
        self.limits.request(self.address(head))?;
        let authority = self.hosts.asked_for(head).ok_or(Refused::Host)?;
        match one(&head.headers, &header::ORIGIN) {
            Named::Nothing => {}
            Named::Once(origin) if origin == self.hosts.origin_of(&authority) => {}
            Named::Once(_) | Named::Unclear => return Err(Refused::Origin),
        }
        match head.uri.query() {
            None => Ok(()),
            Some(_) => Err(Refused::Query),
        }
    }

    fn refuse(&self, refused: &Refused, account: Option<&Namespace>) -> Response {
        self.metrics.mcp_refused(refused.word());
        match refused {
            Refused::Stranger(Stranger::Unknown(
                unknown @ (Unknown::NotAllowed(_) | Unknown::Unanswered(_) | Unknown::Person(_)),
            )) => tracing::warn!(why = %unknown, "nobody can be served"),
            Refused::Stranger(Stranger::Unknown(unknown)) => {
                tracing::info!(why = %unknown, "a token was refused");
            }
            // As many as anybody sends: they are counted.
            _ => tracing::debug!(why = refused.word(), "a request was refused"),
        }
        refused.answer(&self.hosts.origin(), account, &self.scopes)
    }

    /// Whence a request comes.
    fn address(&self, head: &Parts) -> IpAddr {
        let peer = head.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip());
        self.proxies.client(peer, &head.headers)
    }

    /// Who calls.
    async fn who(&self, head: &Parts, account: &Namespace) -> Result<Person, Refused> {
        let at = clock::monotonic();
        let shown = self.door.shown(&head.headers, account, at)?;
        if let Some(person) = shown.known {
            return Ok(person);
        }
        // Strangers who use up what all have keep nobody out whose token was good just now.
        let is_stranger = match shown.was() {
            Some(who) => self.limits.again(who).is_err(),
            None => true,
        };
        if is_stranger {
            self.limits.unknown(self.address(head))?;
        }
        let charge = || if is_stranger { self.limits.review() } else { Ok(()) };
        self.door.ask(shown, account, (clock::now(), at), charge).await
    }

    /// Somebody who works in an account.
    fn caller(&self, person: &Person, namespace: Namespace) -> Result<Caller, Refused> {
        let client = speaking_as(&self.client, person)
            .map_err(|unfit| Stranger::Unknown(Unknown::Person(unfit)))?;
        let operator_namespace = self.operator_namespace.clone();
        let field_manager = AGENT_FIELD_MANAGER;
        Ok(Caller { client, namespace, operator_namespace, field_manager, share: None })
    }
}

/// Goes with a request to its handler, and ends with it: also where nobody waits for the answer
/// any more, and no sooner where nobody reads it.
struct Handled {
    _under_way: Arc<UnderWay>,
    _message: Held,
}

/// What a client reads to learn from whom it gets a token.
async fn metadata(
    State(site): State<Arc<Site>>,
    Path(account): Path<String>,
) -> Result<Response, Refused> {
    let account = Namespace::try_from(account.as_str()).map_err(|_| Refused::NoSuchPlace)?;
    let origin = site.hosts.origin();
    let metadata = Metadata::new(&origin, &account, site.door.issuer(), &site.scopes);
    Ok(Json(metadata).into_response())
}

/// One message of a client.
async fn call(
    State(site): State<Arc<Site>>,
    Path(account): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let account = Namespace::try_from(account.as_str()).map_err(|_| Refused::NoSuchPlace)?;
    let (mut head, body) = request.into_parts();
    let person = site.who(&head, &account).await?;
    site.limits.call(&person.name)?;

    // It has said who calls. Nothing further on is to see it.
    head.headers.remove(header::AUTHORIZATION);
    let unread = site.limits.unread(&person.name)?;
    let mut held = site.limits.held(&person.name);
    let body = arrived(&head.headers, body, site.limits.body, &mut held).await?;
    site.limits.sent(&person.name, body.len())?;
    let message: Message<'_> = serde_json::from_slice(&body).map_err(|_| Refused::NotJson)?;
    let takes = message.takes();
    if takes == Takes::Long && body.len() > limits::WAIT_BODY {
        return Err(Refused::TooLarge);
    }
    let under_way = Arc::new(site.limits.under_way(&person.name, takes)?);
    let bound = Bound { who: &person.name, account: &account };
    let begins = message.begins();
    let says = match (&begins, one(&head.headers, &SESSION)) {
        (Some(_), _) | (None, Named::Nothing) => Says::default(),
        (None, Named::Once(id)) => {
            session::says(id, &site.settings.state, bound).ok_or(Refused::Session)?
        }
        (None, Named::Unclear) => return Err(Refused::Session),
    };
    let id = begins.map(|begins| session::id(&begins, &site.settings.state, bound));
    let caller = site.caller(&person, account)?;
    head.extensions.insert(Arc::new(Visit { caller, who: person.name, says }));
    let handled = Handled { _under_way: Arc::clone(&under_way), _message: held };
    head.extensions.insert(Arc::new(handled));

    let tools = site.tools.clone();
    let request = Request::from_parts(head, Body::from(body));
    let answered = async move { tools.handle(request).await.map(Body::new) };
    let response = soon(answered).await;
    let mut response = response.map(|body| hand_on(body, limits::ANSWER, under_way, unread));
    if let Some(id) = id.filter(|_| response.status() == StatusCode::OK) {
        let id = HeaderValue::try_from(id).map_err(|_| Refused::Session)?;
        response.headers_mut().insert(SESSION, id);
    }
    Ok(response)
}

/// The account in the path of an endpoint.
fn account_of(path: &str) -> Option<Namespace> {
    let account = path.strip_prefix("/accounts/")?.strip_suffix("/mcp")?;
    Namespace::try_from(account).ok()
}
