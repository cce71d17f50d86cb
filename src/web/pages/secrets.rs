//! The secrets of an account.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};

use super::super::frame::{Frame, Page, Problem, Section};
use super::super::shown::one_line;
use super::super::visit::Visit;
use super::super::words::state::State;
use super::behind::Functions;
use super::secret::may;
use super::secrets_rows::{Asked, NO_ENVIRONMENT, Row, Sort, Wanted, Wish, environments};

#[derive(Template)]
#[template(path = "secrets.html")]
pub(crate) struct Secrets {
    frame: Frame,
    account: String,
    /// What was asked for, as the form shows it again.
    text: String,
    environments: Vec<Choice>,
    states: Vec<Choice>,
    sorts: Vec<Choice>,
    narrows: bool,
    rows: Vec<Row>,
    /// How many are shown, in words.
    shown: String,
    /// The same while a script hides some, with `{}` for the number.
    shown_some: String,
    is_empty: bool,
    /// Nothing where the account has none, or the person may not look.
    functions: Option<Functions>,
    may_add: bool,
}

/// One of several.
struct Choice {
    code: String,
    words: String,
    is_chosen: bool,
}

pub(crate) async fn page(
    visit: Visit,
    Path(account): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Page<Secrets>, Problem> {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let caller = visit.caller(&account)?;
    let frame = visit.frame(Section::Secrets, Some(&caller)).with_done(asked.done.as_deref());
    let (secrets, published, may) =
        tokio::join!(caller.list(false), caller.account(), may(&caller));
    let secrets = secrets?;
    let status = published.ok().flatten().and_then(|account| account.status);
    let language = frame.t.language;
    let wish = Wish::of(&asked);
    let rows = wish.pick(&secrets).into_iter();
    let rows: Vec<Row> = rows.map(|secret| Row::of(secret, frame.now, language)).collect();
    let (t, total) = (&frame.t.secrets, secrets.len());
    let shown = match rows.len() {
        shown if shown == total => (t.all)(total),
        shown => (t.shown)(&shown.to_string(), total),
    };
    let functions = status.map(|status| Functions::of(&status.functions, t.more_behind, language));
    let (named, some_without) = environments(&secrets);
    Ok(Page(Secrets {
        account: caller.namespace.to_string(),
        text: asked.q.clone().unwrap_or_default(),
        environments: environment_choices(&frame, named, some_without, &wish),
        states: state_choices(&frame, &wish),
        sorts: sort_choices(&frame, &wish),
        narrows: wish.narrows(),
        rows,
        shown,
        shown_some: (t.shown)("{}", total),
        is_empty: secrets.is_empty(),
        functions,
        may_add: may.create,
        frame,
    }))
}

fn environment_choices(
    frame: &Frame,
    named: Vec<String>,
    some_without: bool,
    wish: &Wish,
) -> Vec<Choice> {
    let without = some_without.then(|| Choice {
        code: NO_ENVIRONMENT.to_owned(),
        words: frame.t.secrets.every_environment.to_owned(),
        is_chosen: wish.environment == Some(None),
    });
    let named = named.into_iter().map(|name| Choice {
        is_chosen: wish.environment.as_ref() == Some(&Some(name.clone())),
        words: one_line(&name, 63),
        code: name,
    });
    without.into_iter().chain(named).collect()
}

fn state_choices(frame: &Frame, wish: &Wish) -> Vec<Choice> {
    let choice = |wanted: Wanted, words: &str| Choice {
        code: wanted.code().to_owned(),
        words: words.to_owned(),
        is_chosen: wish.state == Some(wanted),
    };
    let t = &frame.t.secrets;
    let beyond = Wanted::BEYOND.into_iter().zip([t.due, t.stuck, t.warned]);
    let beyond = beyond.map(|(wanted, words)| choice(wanted, words));
    let states = State::ALL.into_iter();
    let states = states.map(|state| choice(Wanted::State(state), state.words(frame.t.language)));
    beyond.chain(states).collect()
}

fn sort_choices(frame: &Frame, wish: &Wish) -> Vec<Choice> {
    let t = &frame.t.secrets;
    let words = [t.by_name, t.by_updated, t.by_created, t.by_state];
    let choices = Sort::ALL.into_iter().zip(words).map(|(sort, words)| Choice {
        code: sort.code().to_owned(),
        words: words.to_owned(),
        is_chosen: wish.sort == sort,
    });
    choices.collect()
}
