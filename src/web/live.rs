//! Server-sent events: that something of an account changed. What, the page shows when it is
//! fetched anew: it alone knows what its reader may see.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::Path;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::{Stream, StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

use super::frame::Problem;
use super::visit::Visit;
use crate::account::What;
use crate::api::{KlivAccount, KlivSecret};

/// Changes that come together are told once.
const TOGETHER: Duration = Duration::from_millis(300);

/// Tells `changed` each time. Ends when the server does, and where the person may not look;
/// the browser asks again then.
pub(super) async fn events(
    visit: Visit,
    Path(account): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let caller = visit.caller(&account)?;
    // What is there at the start is known: told is what is otherwise. Without the right to
    // read, the answer is that, not an endless stream of nothing.
    let secrets = caller.list(false).await?;
    let published = caller.account().await?;
    let secrets =
        caller.watch::<KlivSecret>(What::Secrets, false, secrets).map(|seen| seen.is_ok());
    let accounts =
        caller.watch::<KlivAccount>(What::Account, false, published.into_iter().collect());
    let changes = stream::select(secrets, accounts.map(|seen| seen.is_ok()));
    let told = stream::unfold(Box::pin(changes), |mut changes| async {
        let first = changes.next().await?;
        let end = Instant::now() + TOGETHER;
        while let Ok(Some(_)) = timeout_at(end, changes.next()).await {}
        // Without data a browser dispatches no event.
        first.then(|| (Ok(Event::default().event("changed").data("1")), changes))
    });
    let told = told.take_until(visit.site.stop.clone().cancelled_owned());
    Ok(Sse::new(told).keep_alive(KeepAlive::default()))
}
