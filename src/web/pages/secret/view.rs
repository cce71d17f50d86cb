//! What the page of one secret shows, from what was read. Pure.

use askama::Template;
use jiff::Timestamp;

use super::super::super::frame::{Frame, Section};
use super::super::super::shown;
use super::super::super::words::Language;
use super::super::super::words::secret::Secret as Words;
use super::super::super::words::state::{self, State, Tone};
use super::super::super::words::time::Moment;
use super::super::super::words::warning::{Told, told};
use crate::account::{
    Counted, Error, Live, Reached, Rights, Stage, Using, Waited, Wanted, restorable, rotation_due,
    stage,
};
use crate::api::condition::Reason;
use crate::api::{HistoryEntry, KlivAccount, KlivSecret, NotUpdated};

#[derive(Template)]
#[template(path = "secret.html")]
pub(crate) struct SecretPage {
    frame: Frame,
    account: String,
    object: String,
    may: Rights,
    facts: Facts,
    arrival: Arrival,
    warnings: Vec<Told>,
    functions: Functions,
    history: Vec<Version>,
    seen: String,
    /// Whether somebody asks for its value, and none has come.
    asks: bool,
    /// What else is asked of people about it.
    question: Option<&'static str>,
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

impl SecretPage {
    pub(crate) fn of(
        frame: Frame,
        account: String,
        secret: &KlivSecret,
        published: Result<Option<KlivAccount>, Error>,
        reached: Result<Vec<Reached>, Error>,
        may: Rights,
    ) -> Self {
        let wanted = Wanted::of(secret);
        Self {
            account,
            may,
            facts: facts(&frame, secret),
            arrival: arrival(secret, &published, reached.as_deref().ok(), frame.t.language),
            warnings: warnings(secret, frame.t.language),
            functions: functions(reached, published.ok().flatten(), frame.t.language),
            history: history(&frame, secret),
            seen: shown::seen(secret),
            asks: wanted == Some(Wanted::Value),
            question: wanted
                .filter(|wanted| *wanted != Wanted::Value)
                .map(|wanted| frame.t.requests.wants(wanted)),
            is_sealed: secret.spec.sealed.is_some(),
            object: secret.metadata.name.clone().unwrap_or_default(),
            frame,
        }
    }

    fn t(&self) -> &'static Words {
        &self.frame.t.secret
    }

    fn lang(&self) -> Language {
        self.frame.t.language
    }
}

fn facts(frame: &Frame, secret: &KlivSecret) -> Facts {
    let spec = &secret.spec;
    let status = secret.status.clone().unwrap_or_default();
    let moment = |time: Timestamp| frame.moment(time);
    let due = rotation_due(secret);
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
    reached: Option<&[Reached]>,
    language: Language,
) -> Arrival {
    let t = &language.words().secret;
    let says = |tone, says, rest| Arrival { tone, says, rest };
    let seen = account.as_ref().ok().and_then(Option::as_ref);
    let why = || {
        let reason = state::reason(secret).map(|reason| state::explained(reason, language));
        reason.unwrap_or_default().to_owned()
    };
    match stage(&Waited::of(secret), std::slice::from_ref(secret), seen, reached) {
        Stage::Unseen(_) | Stage::Untaken(_) => says(Tone::Plain, t.waits, String::new()),
        Stage::Stalled(..) => says(Tone::Bad, t.not_taken, why()),
        Stage::Retried(..) => says(Tone::Warn, t.tried_again, why()),
        _ if state::reason(secret) == Some(Reason::AwaitingValue) => {
            says(Tone::Warn, t.awaits_value, String::new())
        }
        _ if account.is_err() => says(Tone::Plain, t.account_unseen, String::new()),
        Stage::RollingOut(live) => says(Tone::Plain, t.rolls_out, live_on(&live, language)),
        Stage::Done(live) => {
            let tone = if live.everywhere() { Tone::Good } else { Tone::Warn };
            says(tone, "", live_on(&live, language))
        }
    }
}

/// On how many of the functions that it is for. Where those can't be seen it is told of the
/// account's, as such: some may not get it at all.
fn live_on(live: &Live, language: Language) -> String {
    let on = state::live_on(live.updated, live.total, language);
    match live.counted {
        Counted::OfAccount if live.total > 0 => {
            format!("{on} {}", language.words().secret.of_account)
        }
        _ => on,
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
    reached: Result<Vec<Reached>, Error>,
    account: Option<KlivAccount>,
    language: Language,
) -> Functions {
    let report = account.and_then(|account| account.status).map(|status| status.functions);
    let behind = report.map(|report| report.not_updated).unwrap_or_default();
    match reached {
        Ok(reached) => {
            Functions::Seen(reached.iter().map(|r| reached_row(r, &behind, language)).collect())
        }
        Err(_) => Functions::Unseen(behind.iter().map(|b| behind_row(b, language)).collect()),
    }
}

fn reached_row(reached: &Reached, behind: &[NotUpdated], language: Language) -> Row {
    let tone = match reached.state {
        Some(Using::Current) => Tone::Good,
        Some(Using::RollingOut) | None => Tone::Plain,
        Some(Using::Former) => Tone::Warn,
        Some(Using::Failed) => Tone::Bad,
    };
    // A note may be a moment old: where all is well by now, it is.
    let noted = behind.iter().find(|noted| noted.name == reached.function);
    let noted = noted.filter(|_| reached.state != Some(Using::Current));
    Row {
        function: shown::line(&reached.function),
        tone,
        state: language.words().secret.using(reached.state).to_owned(),
        explained: noted.and_then(|noted| explained(noted, language)),
        requires: reached.requires,
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::account::Right;

    const EVIL: &str = "<script>alert(1)</script>\" onx='\u{202e}gnp.exe";

    fn frame(language: Language) -> Frame {
        Frame {
            t: language.words(),
            now: "2026-11-29T10:00:00Z".parse().unwrap(),
            who: Some(shown::line(EVIL)),
            is_local: false,
            section: Section::Secrets,
            account: Some("acme".into()),
            address: "/".into(),
            done: None,
        }
    }

    fn entry(version: i64) -> Value {
        json!({
            "version": version, "generation": version, "time": "2026-11-28T10:00:00Z", "by": EVIL,
            "onBehalfOf": EVIL, "via": "cli", "maskedValue": EVIL,
            "sealed": format!("kliv1.{version}"),
        })
    }

    /// A secret of generation 2, all of whose texts are hostile.
    fn secret(observed: i64, reason: &str) -> KlivSecret {
        let status = if reason == "Published" { "True" } else { "False" };
        let secret = json!({
            "metadata": { "name": "a-key", "namespace": "acme", "uid": "u", "generation": 2 },
            "spec": { "envVar": "A_KEY", "sealed": "kliv1.2", "description": EVIL },
            "status": {
                "observedGeneration": observed, "version": 2, "maskedValue": EVIL,
                "createdTime": "2026-11-28T10:00:00Z", "updatedTime": "2026-11-29T09:00:00Z",
                "updatedBy": EVIL, "onBehalfOf": EVIL, "via": "web",
                "history": [entry(2), entry(1)],
                "warnings": [{ "reason": EVIL, "message": EVIL }],
                "conditions": [{
                    "type": "Ready", "status": status, "reason": reason, "message": EVIL,
                    "lastTransitionTime": "2026-11-29T09:00:00Z",
                }],
            },
        });
        serde_json::from_value(secret).unwrap()
    }

    fn account(updated: i32) -> Result<Option<KlivAccount>, Error> {
        let mut account = KlivAccount::new("default", Default::default());
        let behind = json!({ "name": "mail", "reason": "RolloutFailed", "message": EVIL });
        let behind = if updated < 2 { vec![behind] } else { Vec::new() };
        let functions = json!({ "total": 2, "updated": updated, "notUpdated": behind });
        account.status = serde_json::from_value(json!({ "functions": functions })).unwrap();
        Ok(Some(account))
    }

    fn reached() -> Result<Vec<Reached>, Error> {
        let one = |state| Reached { function: "mail".into(), state: Some(state), requires: true };
        Ok(vec![one(Using::Current), one(Using::Failed)])
    }

    const NONE: Rights = Rights { read: true, create: false, change: false, delete: false };
    const ALL: Rights = Rights { change: true, delete: true, ..NONE };

    fn page(
        secret: &KlivSecret,
        published: Result<Option<KlivAccount>, Error>,
        reached: Result<Vec<Reached>, Error>,
        may: Rights,
        language: Language,
    ) -> String {
        let page = SecretPage::of(frame(language), "acme".into(), secret, published, reached, may);
        page.render().unwrap()
    }

    #[test]
    fn hostile_text_stays_text() {
        for language in [Language::English, Language::Swedish] {
            let page = page(&secret(2, "Published"), account(2), reached(), ALL, language);
            assert!(!page.contains("<script>alert") && !page.contains('\u{202e}'));
            assert!(!page.contains("\" onx"), "no attribute ends with it");
            assert!(page.contains("&#60;script&#62;alert(1)"), "it is shown");
            assert!(page.contains("u{202e}gnp.exe"));
        }
    }

    #[test]
    fn where_it_is_live_is_told_from_waiting_to_everywhere() {
        let english = Language::English;
        let says = |secret: &KlivSecret, published| {
            let arrival = arrival(secret, &published, None, english);
            (arrival.tone, format!("{}{}", arrival.says, arrival.rest))
        };
        let published = secret(2, "Published");
        assert_eq!(says(&secret(1, "Published"), account(2)).1, english.words().secret.waits);
        let (tone, words) = says(&published, account(2));
        assert_eq!((tone, words.as_str()), (Tone::Good, "live on 2 of 2 functions of the account"));
        let (tone, words) = says(&published, account(1));
        assert_eq!((tone, words.as_str()), (Tone::Warn, "live on 1 of 2 functions of the account"));
        let (tone, words) = says(&secret(2, "PublishFailed"), account(2));
        assert!(tone == Tone::Warn && words.contains("tried again"), "{words}");
        let unseen = Err(Error::Forbidden(Right::of("")));
        assert_eq!(says(&published, unseen).1, english.words().secret.account_unseen);
    }

    #[test]
    fn functions_that_do_not_get_it_do_not_count_where_those_that_do_are_seen() {
        let says = |states: &[Option<Using>], updated| {
            let one = |state: &Option<Using>| Reached {
                function: "mail".into(),
                state: *state,
                requires: false,
            };
            let reached: Vec<Reached> = states.iter().map(one).collect();
            let secret = secret(2, "Published");
            let arrival = arrival(&secret, &account(updated), Some(&reached), Language::English);
            (arrival.tone, format!("{}{}", arrival.says, arrival.rest))
        };
        use Using::{Current, Former};
        let (current, former) = (Some(Current), Some(Former));
        let rolls_out = Language::English.words().secret.rolls_out;
        assert_eq!(says(&[current], 1), (Tone::Good, "live on 1 of 1 function".into()));
        let wanted = (Tone::Warn, "live on 1 of 2 functions".into());
        assert_eq!(says(&[current, former], 1), wanted, "the rollout failed");
        let wanted = (Tone::Plain, format!("{rolls_out}live on 1 of 2 functions"));
        assert_eq!(says(&[current, None], 2), wanted, "nothing is noted of it yet");
        assert_eq!(says(&[], 1), (Tone::Good, "no function gets it yet".into()));
    }

    #[test]
    fn what_he_may_not_do_is_not_offered() {
        let of = |may| page(&secret(2, "Published"), account(2), reached(), may, Language::English);
        let offers = ["/rollback", "/delete\"", "/update\""];
        assert!(offers.iter().all(|offer| of(ALL).contains(offer)));
        let read_only = of(NONE);
        assert!(!offers.iter().any(|offer| read_only.contains(offer)));
        assert!(read_only.contains("kliv-secrets-editor"), "it says what that takes");
    }

    #[test]
    fn only_a_version_that_can_come_back_has_a_way_back() {
        let page = page(&secret(2, "Published"), account(2), reached(), ALL, Language::English);
        assert!(page.contains("Yes, bring back version 1"), "{page}");
        assert!(!page.contains("bring back version 2"), "it is in use");
    }

    #[test]
    fn without_the_right_to_look_at_deployments_the_account_tells_who_is_behind() {
        let unseen = Err(Error::Forbidden(Right::of("")));
        let page = page(&secret(2, "Published"), account(1), unseen, NONE, Language::Swedish);
        assert!(page.contains("rätt att lista Deployments"), "{page}");
        assert!(page.contains("utrullningen misslyckades"), "{page}");
        assert!(!page.contains("do not become ready"), "English in Swedish");
    }
}
