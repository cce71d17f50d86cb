//! The router: which page is where.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use super::frame::{Frame, Problem, Section, explain};
use super::gate;
use super::guard::navigates;
use super::limits::is_events;
use super::session::Session;
use super::shown::line;
use super::site::{Door, Site};
use super::visit::{address, language};
use super::{assets, live, pages, signin};
use crate::account::Namespace;
use crate::runtime::clock;

/// All pages of a site.
pub fn router(site: Site) -> Router {
    let account = Router::new()
        .route("/", get(pages::secrets::page))
        .route("/environments", get(pages::environments::page))
        .route("/secrets/{object}", get(pages::secret::page))
        .route("/secrets/{object}/rollback", post(pages::secret::roll_back))
        .route("/secrets/{object}/sealed.yaml", get(pages::secret::yaml))
        .route("/secrets/{object}/delete", get(pages::delete::page).post(pages::delete::delete))
        .route("/audit", get(pages::audit::page))
        .route("/audit/export", get(pages::audit::export))
        .route("/new", get(pages::add::page).post(pages::add::create))
        .route("/secrets/{object}/update", get(pages::update::page).post(pages::update::change))
        .route("/requests", get(pages::requests::page))
        .route("/requests/{object}", get(pages::request::page).post(pages::request::answer))
        .route("/import", pages::import::routes())
        .route("/events", get(live::events));
    Router::new()
        .route("/", get(pages::accounts::page))
        .route("/accounts", get(pages::accounts::open))
        .route("/health", get(pages::health::page))
        .route("/language", post(pages::language::choose))
        .route("/assets/{edition}/{*name}", get(assets::serve))
        .nest("/accounts/{account}", account)
        .merge(signin::routes())
        .fallback(async || Problem::NoSuchPage)
        .layer(middleware::from_fn_with_state(site.clone(), in_words))
        // What is compressed is the person's own page: other sites can have none asked for, so
        // nobody can measure how a guess of his shortens it. Streams of events are left alone.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(middleware::from_fn_with_state(site.clone(), gate::pass))
        .with_state(site)
}

/// Where there is a problem, a page that tells it.
async fn in_words(State(site): State<Site>, request: Request, next: Next) -> Response {
    let spoken = language(request.headers());
    let is_local = matches!(site.door, Door::Local { .. });
    let path = request.uri().path();
    let reads = request.method() == Method::GET && !is_events(path);
    let account = path.strip_prefix("/accounts/").and_then(|rest| rest.split('/').next());
    let account = account.and_then(|name| Namespace::try_from(name).ok());
    let who = request.extensions().get().map(|session: &Session| line(&session.person.name));
    let address = address(request.extensions(), request.uri());
    let navigates = navigates(request.headers());
    let response = next.run(request).await;
    if reads && matches!(response.extensions().get(), Some(Problem::NotSignedIn)) {
        return signin::first(&site, navigates.then_some(&*address));
    }
    let frame = Frame::of_nobody(spoken, is_local, Section::Nowhere, clock::now());
    let frame = match who {
        Some(_) => Frame { who, ..lost(frame, account.as_deref(), address, reads) },
        None => frame,
    };
    explain(response, frame)
}

/// Of somebody who asked for what is not there: still in his account, as far as it has a name,
/// and with the way to the other language, unless only forms are sent there.
fn lost(frame: Frame, account: Option<&str>, address: String, reads: bool) -> Frame {
    let home = account.map_or("/".to_owned(), |name| format!("/accounts/{name}"));
    let address = if reads { address } else { home };
    Frame { account: account.map(str::to_owned), address, ..frame }
}
