//! One secret: what is known of it, where it is live, and the ways back and out.

use askama::Template;
use axum::extract::{Form, Path, Query};
use axum::http::header;
use axum::response::{IntoResponse, Redirect};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::super::frame::{Frame, Page, Problem, Section};
use super::super::manifest::manifest;
use super::super::rights::{May, may};
use super::super::shown;
use super::super::visit::Visit;
use super::super::words::secret::Secret as Words;
use super::super::words::state::{self, State, Tone};
use super::super::words::time::Moment;
use super::super::words::warning::{Told, told};
use super::super::words::{Done, Language};
use crate::account::{
    Caller, DryRun, Error, Live, Stage, Target, Thing, User, Using, Waited, What, restorable, stage,
};
use crate::api::condition::Reason;
use crate::api::{HistoryEntry, KlivAccount, KlivSecret, NotUpdated};

#[derive(Template)]
#[template(path = "secret.html")]
pub(crate) struct SecretPage {
    frame: Frame,
    account: String,
    object: String,
    may: May,
    facts: Facts,
    arrival: Arrival,
    warnings: Vec<Told>,
    functions: Functions,
    history: Vec<Version>,
    seen: String,
    /// Whether there is a sealed value to copy.
    is_sealed: bool,
}

/// What is known of it.
struct Facts {
    variable: String,
    environment: Option<String>,
    description: Option<String>,
    mask: Option<String>,
    version: Option<i64>,
    state: State,
    /// What the state means, where not all is well.
    explained: Option<&'static str>,
    created: Option<Moment>,
    updated: Option<Moment>,
    by: String,
    every_days: Option<String>,
    due: Option<Moment>,
    is_due: bool,
    expires: Option<Moment>,
    refused_before: Option<Moment>,
}

/// How far the newest spec is on its way to the functions.
struct Arrival {
    tone: Tone,
    says: &'static str,
    rest: String,
}

/// Which functions use it.
enum Functions {
    Seen(Vec<Row>),
    /// He may not look; those that the account itself names as behind.
    Unseen(Vec<Row>),
}

struct Row {
    function: String,
    tone: Tone,
    state: String,
    explained: Option<String>,
    requires: bool,
}

/// One value that it has or had.
struct Version {
    number: i64,
    mask: String,
    when: Moment,
    who: String,
    restores: Option<String>,
    is_in_use: bool,
    back: Option<WayBack>,
}

/// How a version is offered to come back.
struct WayBack {
    offer: String,
    sure: String,
    yes: String,
}

/// What was done just now.
#[derive(Deserialize)]
pub(crate) struct Asked {
    done: Option<String>,
}

pub(crate) async fn page(
    visit: Visit,
    Path((account, object)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Page<SecretPage>, Problem> {
    let caller = visit.caller(&account)?;
    let secret = find(&caller, &object).await?;
    // After the secret: a set is current before its secrets say so.
    let (published, users, may) =
        tokio::join!(caller.account(), caller.users(&secret), may(&caller));
    let frame = visit.frame(Section::Secrets, Some(&caller)).with_done(asked.done.as_deref());
    Ok(Page(SecretPage {
        account,
        may,
        facts: facts(&frame, &secret),
        arrival: arrival(&secret, &published, frame.t.language),
        warnings: warnings(&secret, frame.t.language),
        functions: functions(users, published.ok().flatten(), frame.t.language),
        history: history(&frame, &secret),
        seen: shown::seen(&secret),
        is_sealed: secret.spec.sealed.is_some(),
        object,
        frame,
    }))
}

impl SecretPage {
    fn t(&self) -> &'static Words {
        &self.frame.t.secret
    }

    fn lang(&self) -> Language {
        self.frame.t.language
    }
}

/// The secret, or that it is not there.
pub(super) async fn find(caller: &Caller, object: &str) -> Result<KlivSecret, Problem> {
    let target = Target::parse(object, None).map_err(|_| Problem::NoSuchPage)?;
    if target.object() != object {
        return Err(Problem::NoSuchPage);
    }
    Ok(caller.find(&target).await?)
}

fn facts(frame: &Frame, secret: &KlivSecret) -> Facts {
    let spec = &secret.spec;
    let status = secret.status.clone().unwrap_or_default();
    let moment = |time: Timestamp| frame.moment(time);
    let due = spec.rotate_after_days.and_then(|days| {
        let updated = status.updated_time.as_ref()?.0;
        updated.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok()
    });
    let filled = |text: &Option<String>, shown: fn(&str) -> String| {
        text.as_deref().filter(|text| !text.is_empty()).map(shown)
    };
    let state = State::of(secret);
    let why = state::reason(secret).filter(|_| !matches!(state, State::Live | State::NotTakenYet));
    Facts {
        variable: shown::line(&spec.env_var),
        environment: filled(&spec.environment, shown::line),
        description: filled(&spec.description, shown::lines),
        mask: filled(&status.masked_value, shown::line),
        version: status.version,
        state,
        explained: why.map(|reason| state::explained(reason, frame.t.language)),
        created: status.created_time.as_ref().map(|time| moment(time.0)),
        updated: status.updated_time.as_ref().map(|time| moment(time.0)),
        by: shown::who(
            status.updated_by.as_deref().unwrap_or_default(),
            status.on_behalf_of.as_deref(),
            status.via.as_deref().unwrap_or_default(),
            frame.t.language,
        ),
        every_days: spec.rotate_after_days.map(frame.t.secret.every_days),
        is_due: due.is_some_and(|due| due <= frame.now),
        due: due.map(moment),
        expires: spec.expiration_time.as_ref().map(|time| moment(time.0)),
        refused_before: status.refuse_sealed_before.as_ref().map(|time| moment(time.0)),
    }
}

fn arrival(
    secret: &KlivSecret,
    account: &Result<Option<KlivAccount>, Error>,
    language: Language,
) -> Arrival {
    let t = &language.words().secret;
    let says = |tone, says, rest| Arrival { tone, says, rest };
    let name = secret.metadata.name.clone().unwrap_or_default();
    let generation = secret.metadata.generation.unwrap_or_default();
    let waited = Waited { written: vec![(name, generation)], deleted: None };
    let seen = account.as_ref().ok().and_then(Option::as_ref);
    let live_on = |live: &Live| state::live_on(live.updated, live.total, language);
    let why = || {
        let reason = state::reason(secret).map(|reason| state::explained(reason, language));
        reason.unwrap_or_default().to_owned()
    };
    match stage(&waited, std::slice::from_ref(secret), seen) {
        Stage::Unseen(_) | Stage::Untaken(_) => says(Tone::Plain, t.waits, String::new()),
        Stage::Stalled(..) => says(Tone::Bad, t.not_taken, why()),
        Stage::Retried(..) => says(Tone::Warn, t.tried_again, why()),
        _ if state::reason(secret) == Some(Reason::AwaitingValue) => {
            says(Tone::Warn, t.awaits_value, String::new())
        }
        _ if account.is_err() => says(Tone::Plain, t.account_unseen, String::new()),
        Stage::RollingOut(live) => says(Tone::Plain, t.rolls_out, live_on(&live)),
        Stage::Done(live) => {
            let tone = if live.everywhere() { Tone::Good } else { Tone::Warn };
            says(tone, "", live_on(&live))
        }
    }
}

fn warnings(secret: &KlivSecret, language: Language) -> Vec<Told> {
    let warnings = secret.status.iter().flat_map(|status| &status.warnings);
    let shown = |told: Told| Told {
        title: shown::line(&told.title),
        text: shown::line(&told.text),
        ..told
    };
    warnings.map(|warning| shown(told(warning, language))).collect()
}

fn functions(
    users: Result<Vec<User>, Error>,
    account: Option<KlivAccount>,
    language: Language,
) -> Functions {
    let report = account.and_then(|account| account.status).map(|status| status.functions);
    let behind = report.map(|report| report.not_updated).unwrap_or_default();
    match users {
        Ok(users) => {
            Functions::Seen(users.iter().map(|u| user_row(u, &behind, language)).collect())
        }
        Err(_) => Functions::Unseen(behind.iter().map(|b| behind_row(b, language)).collect()),
    }
}

fn user_row(user: &User, behind: &[NotUpdated], language: Language) -> Row {
    let tone = match user.state {
        Using::Current => Tone::Good,
        Using::RollingOut => Tone::Plain,
        Using::Former => Tone::Warn,
        Using::Failed => Tone::Bad,
    };
    // A note may be a moment old: where all is well by now, it is.
    let noted = behind.iter().find(|noted| noted.name == user.function);
    let noted = noted.filter(|_| user.state != Using::Current);
    Row {
        function: shown::line(&user.function),
        tone,
        state: language.words().secret.using(user.state).to_owned(),
        explained: noted.and_then(|noted| explained(noted, language)),
        requires: user.requires,
    }
}

fn behind_row(noted: &NotUpdated, language: Language) -> Row {
    let state = match state::behind_of(&noted.reason) {
        Some(behind) => state::behind(behind, language).to_owned(),
        None => shown::line(&noted.reason),
    };
    Row {
        function: shown::line(&noted.name),
        tone: Tone::Warn,
        state,
        explained: explained(noted, language),
        requires: false,
    }
}

fn explained(noted: &NotUpdated, language: Language) -> Option<String> {
    match state::behind_of(&noted.reason) {
        Some(behind) => state::behind_explained(behind, language).map(str::to_owned),
        // Of a later version of the operator.
        None => noted.message.as_deref().map(shown::line),
    }
}

fn history(frame: &Frame, secret: &KlivSecret) -> Vec<Version> {
    let status = secret.status.as_ref();
    let in_use = status.and_then(|status| status.version);
    let t = &frame.t.secret;
    let version = |entry: &HistoryEntry| Version {
        number: entry.version,
        mask: shown::line(&entry.masked_value),
        when: frame.moment(entry.time.0),
        who: shown::who(&entry.by, entry.on_behalf_of.as_deref(), &entry.via, frame.t.language),
        restores: entry.restores.map(t.restores),
        is_in_use: in_use == Some(entry.version),
        back: restorable(secret, entry.version).ok().map(|entry| WayBack {
            offer: (t.roll_back)(entry.version),
            sure: (t.roll_back_sure)(entry.version),
            yes: (t.roll_back_yes)(entry.version),
        }),
    };
    status.iter().flat_map(|status| &status.history).map(version).collect()
}

/// Which version is to come back.
#[derive(Deserialize)]
pub(crate) struct Back {
    version: i64,
    /// The secret as it was looked at.
    seen: Option<String>,
}

/// Brings a former value back.
pub(crate) async fn roll_back(
    visit: Visit,
    Path((account, object)): Path<(String, String)>,
    form: Result<Form<Back>, axum::extract::rejection::FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(back) = form.map_err(|_| Problem::BadForm)?;
    let caller = visit.caller(&account)?;
    let secret = find(&caller, &object).await?;
    is_as_seen(&secret, back.seen.as_deref())?;
    caller.roll_back(&secret, back.version, DryRun::None).await?;
    let done = Done::RolledBack.code();
    Ok(Redirect::to(&format!("/accounts/{account}/secrets/{object}?done={done}")))
}

/// That somebody else was quicker.
fn changed(secret: &KlivSecret) -> Error {
    let name = secret.metadata.name.clone().unwrap_or_default();
    let namespace = secret.metadata.namespace.clone().unwrap_or_default();
    Error::Changed(Thing { what: What::Secret, name, namespace })
}

/// Whether it is still as the form's reader saw it.
pub(super) fn is_as_seen(secret: &KlivSecret, seen: Option<&str>) -> Result<(), Problem> {
    match seen {
        Some(seen) if seen != shown::seen(secret) => Err(changed(secret).into()),
        _ => Ok(()),
    }
}

/// The manifest with the sealed value, as a file.
pub(crate) async fn yaml(
    visit: Visit,
    Path((account, object)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let caller = visit.caller(&account)?;
    let secret = find(&caller, &object).await?;
    if secret.spec.sealed.is_none() {
        return Err(Problem::NoSuchPage);
    }
    // Its name is one that an object can have: no quote in it.
    let file = format!("attachment; filename=\"{object}.yaml\"");
    let kind = "text/plain; charset=utf-8".to_owned();
    let text = manifest(&secret)?;
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, file)], text))
}
