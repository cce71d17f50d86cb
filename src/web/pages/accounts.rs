//! The accounts that somebody may see.

use askama::Template;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse as _, Redirect, Response};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;

use super::super::frame::{Frame, Page, Problem, Section};
use super::super::visit::Visit;
use super::attention::{Row, Seen};
use super::reach::Reach;
use crate::account::{Caller, Error, Namespace, Overview};
use crate::api::{KlivAccount, KlivSecret};

/// Accounts on a page: each is looked into.
const SHOWN: usize = 50;
/// Accounts that are looked into at a time.
const AT_ONCE: usize = 8;

#[derive(Template)]
#[template(path = "accounts.html")]
pub(crate) struct Accounts {
    frame: Frame,
    /// What was searched for.
    text: String,
    searchable: bool,
    rows: Vec<Row>,
    /// How many more there are, in words; empty for none.
    more: String,
    is_all: bool,
    /// A name was given that can be none.
    bad_name: bool,
}

/// As it stands in the address.
#[derive(Deserialize, Default)]
pub(crate) struct Asked {
    q: Option<String>,
    name: Option<String>,
}

pub(crate) async fn page(
    visit: Visit,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Page<Accounts>, Problem> {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    show(&visit, asked.q.unwrap_or_default(), false).await
}

/// Opens an account by its name. There need not be one: with the first secret it is.
pub(crate) async fn open(
    visit: Visit,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let name = asked.ok().and_then(|Query(asked)| asked.name).unwrap_or_default();
    match Namespace::try_from(name.trim()) {
        Ok(namespace) => Ok(Redirect::to(&format!("/accounts/{namespace}")).into_response()),
        Err(_) => {
            let mut page = show(&visit, String::new(), true).await?;
            // What was typed may be anything: the page does not repeat it.
            "/".clone_into(&mut page.0.frame.address);
            Ok(page.into_response())
        }
    }
}

async fn show(visit: &Visit, text: String, bad_name: bool) -> Result<Page<Accounts>, Problem> {
    let frame = visit.frame(Section::Accounts, None);
    let reach = Reach::of(visit).await?;
    let searchable = reach.accounts.len() > SHOWN;
    let wanted = text.trim().to_lowercase();
    let fitting = reach.accounts.into_iter().filter(|name| name.contains(&wanted));
    let mut fitting: Vec<String> = fitting.collect();
    let more = match fitting.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => (frame.t.accounts.more)(more),
    };
    fitting.truncate(SHOWN);
    let look = |name: String| {
        let (caller, t) = (visit.caller(&name), &frame.t.accounts);
        async move {
            let caller = caller?;
            let seen = look_into(&caller).await?;
            let seen = seen
                .map(|(secrets, account)| Seen::of(&Overview::of(&secrets, account.as_ref()), t));
            Ok::<_, Problem>(Row { account: name, seen })
        }
    };
    let rows = stream::iter(fitting).map(look).buffered(AT_ONCE).try_collect().await?;
    let is_all = reach.is_all;
    Ok(Page(Accounts { frame, text, searchable, rows, more, is_all, bad_name }))
}

type Found = (Vec<KlivSecret>, Option<KlivAccount>);

/// What there is in an account; nothing where he may not look.
async fn look_into(caller: &Caller) -> Result<Option<Found>, Error> {
    let (secrets, published) = tokio::join!(caller.list(false), caller.account());
    let secrets = match secrets {
        Err(Error::Forbidden(_)) => return Ok(None),
        other => other?,
    };
    Ok(Some((secrets, published.ok().flatten())))
}
