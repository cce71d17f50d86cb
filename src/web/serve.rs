//! The router: which page is where.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;

use super::frame::{Problem, explain};
use super::site::{Door, Site};
use super::visit::{Visit, language};
use super::{assets, live, pages};
use crate::runtime::clock;

/// All pages of a site.
pub fn router(site: Site) -> Router {
    let account =
        Router::new().route("/", get(pages::secrets::page)).route("/events", get(live::events));
    Router::new()
        .route("/", get(pages::accounts::page))
        .route("/assets/{edition}/{*name}", get(assets::serve))
        .nest("/accounts/{account}", account)
        .fallback(async || Problem::NoSuchPage)
        .layer(middleware::from_fn_with_state(site.clone(), in_words))
        .with_state(site)
}

/// Where there is a problem, a page that tells it.
async fn in_words(
    State(site): State<Site>,
    visit: Option<Visit>,
    request: Request,
    next: Next,
) -> Response {
    let spoken = language(request.headers());
    let is_local = matches!(site.door, Door::Local { .. });
    let response = next.run(request).await;
    explain(response, spoken, visit.map(|visit| visit.who), is_local, clock::now())
}
