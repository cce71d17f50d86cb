//! The rows of an account's secrets: which are wanted, in which order, and what each shows.
//! Pure.

use std::cmp::Reverse;

use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Deserialize;

use super::super::shown::one_line;
use super::super::words::Language;
use super::super::words::state::{State, Tone, explained, reason, via, who};
use super::super::words::time::Moment;
use super::super::words::warning::{Told, told};
use crate::account::{self, due};
use crate::api::KlivSecret;
use crate::api::condition::Reason;

/// As it stands in the address.
#[derive(Deserialize, Clone, Default, Debug)]
pub(crate) struct Asked {
    pub(super) q: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) state: Option<String>,
    pub(super) sort: Option<String>,
    pub(super) done: Option<String>,
}

/// Which secrets are wanted, in which order. What is not understood is not asked for.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Wish {
    /// In small letters.
    pub(super) text: String,
    pub(super) environment: Option<Environment>,
    pub(super) state: Option<Wanted>,
    pub(super) sort: Sort,
}

/// An environment, or none.
pub(super) type Environment = Option<String>;

/// In an address: the secrets without environment. No environment can be called so.
pub(super) const NO_ENVIRONMENT: &str = "-";

/// How a wanted secret stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// So.
    State(State),
    /// A new value is due.
    Due,
    /// Functions don't get its newest value, and somebody has to do something.
    Stuck,
    /// There is a warning.
    Warned,
}

impl Wanted {
    pub(super) const BEYOND: [Self; 3] = [Self::Due, Self::Stuck, Self::Warned];

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::State(state) => state.code(),
            Self::Due => "due",
            Self::Stuck => "stuck",
            Self::Warned => "warned",
        }
    }

    fn parse(code: &str) -> Option<Self> {
        let beyond = Self::BEYOND.into_iter().find(|wanted| wanted.code() == code);
        beyond.or_else(|| State::parse(code).map(Self::State))
    }

    fn takes(self, secret: &KlivSecret) -> bool {
        match self {
            Self::State(state) => State::of(secret) == state,
            Self::Due => due(secret).is_some(),
            Self::Stuck => is_stuck(State::of(secret)),
            Self::Warned => secret.status.as_ref().is_some_and(|s| !s.warnings.is_empty()),
        }
    }
}

/// Functions don't get the newest value, and somebody has to do something.
pub(super) fn is_stuck(state: State) -> bool {
    state == State::FormerLive || state.tone() == Tone::Bad
}

/// In which order.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Sort {
    /// By name, then environment.
    #[default]
    Name,
    /// The newest value first.
    Updated,
    /// The newest secret first.
    Created,
    /// What needs somebody first.
    State,
}

impl Sort {
    pub(super) const ALL: [Self; 4] = [Self::Name, Self::Updated, Self::Created, Self::State];

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Updated => "updated",
            Self::Created => "created",
            Self::State => "state",
        }
    }
}

impl Wish {
    pub(super) fn of(asked: &Asked) -> Self {
        const LONGEST: usize = 200;
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let text = asked.q.as_deref().unwrap_or_default().trim();
        let environment =
            given(&asked.environment).map(|name| Some(name).filter(|name| name != NO_ENVIRONMENT));
        let sort = Sort::ALL.into_iter().find(|sort| Some(sort.code()) == asked.sort.as_deref());
        Self {
            text: text.chars().take(LONGEST).collect::<String>().to_lowercase(),
            environment,
            state: given(&asked.state).and_then(|code| Wanted::parse(&code)),
            sort: sort.unwrap_or_default(),
        }
    }

    /// Whether some secrets may not be wanted.
    pub(super) fn narrows(&self) -> bool {
        !self.text.is_empty() || self.environment.is_some() || self.state.is_some()
    }

    fn takes(&self, secret: &KlivSecret) -> bool {
        let spec = &secret.spec;
        let name = secret.name_any();
        let texts = [Some(&name), Some(&spec.env_var), spec.description.as_ref()];
        let has = |text: &&String| text.to_lowercase().contains(&self.text);
        let of_environment =
            self.environment.as_ref().is_none_or(|wanted| *wanted == spec.environment);
        of_environment
            && self.state.is_none_or(|wanted| wanted.takes(secret))
            && (self.text.is_empty() || texts.iter().flatten().any(has))
    }

    /// Those that are wanted, in the order that is.
    pub(super) fn pick<'a>(&self, secrets: &'a [KlivSecret]) -> Vec<&'a KlivSecret> {
        let mut picked: Vec<&KlivSecret> =
            secrets.iter().filter(|secret| self.takes(secret)).collect();
        let status = |secret: &KlivSecret| secret.status.clone().unwrap_or_default();
        picked.sort_by_cached_key(|secret| {
            (secret.spec.env_var.to_lowercase(), secret.spec.environment.clone())
        });
        match self.sort {
            Sort::Name => {}
            Sort::Updated => picked
                .sort_by_cached_key(|secret| Reverse(status(secret).updated_time.map(|t| t.0))),
            Sort::Created => picked.sort_by_cached_key(|secret| Reverse(created(secret))),
            Sort::State => picked.sort_by_cached_key(|secret| urgency(secret)),
        }
        picked
    }
}

/// What needs somebody has the least.
fn urgency(secret: &KlivSecret) -> u8 {
    let warned = || secret.status.as_ref().is_some_and(|status| !status.warnings.is_empty());
    match State::of(secret).tone() {
        Tone::Bad => 0,
        Tone::Warn => 1,
        _ if due(secret).is_some() => 2,
        _ if warned() => 3,
        _ => 4,
    }
}

fn created(secret: &KlivSecret) -> Option<Timestamp> {
    let accepted = secret.status.as_ref().and_then(|status| status.created_time.as_ref());
    accepted.or(secret.metadata.creation_timestamp.as_ref()).map(|time| time.0)
}

/// One secret, as a row shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) object: String,
    pub(super) variable: String,
    pub(super) environment: String,
    pub(super) description: String,
    pub(super) mask: String,
    pub(super) state: &'static str,
    pub(super) tone: &'static str,
    /// What the state means and the way out, where something is wrong.
    pub(super) why: &'static str,
    pub(super) warnings: Vec<Told>,
    /// What is asked of people about its value; else empty.
    pub(super) question: &'static str,
    pub(super) created: Option<Moment>,
    pub(super) updated: Option<Moment>,
    pub(super) by: String,
    pub(super) via: String,
}

impl Row {
    pub(super) fn of(secret: &KlivSecret, now: Timestamp, language: Language) -> Self {
        let status = secret.status.clone().unwrap_or_default();
        let state = State::of(secret);
        let is_said = |reason: &Reason| !matches!(reason, Reason::Published);
        let why = reason(secret).filter(is_said).map(|reason| explained(reason, language));
        let moment = |time: Timestamp| Moment::of(time, now, language);
        let by = status.updated_by.as_deref().unwrap_or_default();
        let warnings = status.warnings.iter().map(|warning| told(warning, language));
        Self {
            object: secret.name_any(),
            variable: one_line(&secret.spec.env_var, 128),
            environment: one_line(secret.spec.environment.as_deref().unwrap_or_default(), 63),
            description: one_line(secret.spec.description.as_deref().unwrap_or_default(), 160),
            mask: one_line(status.masked_value.as_deref().unwrap_or_default(), 64),
            state: state.words(language),
            tone: state.tone().class(),
            why: why.unwrap_or_default(),
            // The state says that already.
            warnings: warnings.filter(|told| told.reason != "AwaitingValue").collect(),
            question: match account::Wanted::of(secret) {
                // The state says that already.
                None | Some(account::Wanted::Value) => "",
                Some(wanted) => language.words().requests.badge(wanted),
            },
            created: created(secret).map(moment),
            updated: status.updated_time.as_ref().map(|time| moment(time.0)),
            by: one_line(&who(by, status.on_behalf_of.as_deref(), language), 200),
            via: one_line(via(status.via.as_deref().unwrap_or_default(), language), 32),
        }
    }
}

/// The environments that secrets name, sorted, and whether some name none.
pub(super) fn environments(secrets: &[KlivSecret]) -> (Vec<String>, bool) {
    let named = secrets.iter().filter_map(|secret| secret.spec.environment.clone());
    let mut named: Vec<String> = named.collect();
    named.sort();
    named.dedup();
    (named, secrets.iter().any(|secret| secret.spec.environment.is_none()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn secret(variable: &str, environment: Option<&str>, status: Value) -> KlivSecret {
        let name = crate::api::object_name(variable, environment);
        serde_json::from_value(json!({
            "metadata": { "name": name, "generation": 1 },
            "spec": {
                "envVar": variable, "environment": environment,
                "description": format!("For {variable}\nask Anna"),
            },
            "status": status,
        }))
        .unwrap()
    }

    fn status(reason: &str, updated: &str) -> Value {
        let time = format!("2026-11-{updated}T10:00:00Z");
        json!({
            "observedGeneration": 1, "updatedTime": time, "createdTime": time,
            "maskedValue": "sk-p****z789", "updatedBy": "bot", "onBehalfOf": "anna", "via": "web",
            "conditions": [{
                "type": "Ready", "status": "True", "reason": reason, "message": "",
                "lastTransitionTime": time,
            }],
        })
    }

    fn three() -> Vec<KlivSecret> {
        let mut due = secret("SMTP_PASSWORD", Some("test"), status("Published", "22"));
        due.status.as_mut().unwrap().warnings =
            vec![crate::api::Warning { reason: "RotationDue".into(), message: "x".into() }];
        vec![
            secret("STRIPE_KEY", None, status("Published", "20")),
            secret("OPENAI_KEY", Some("test"), status("DecryptionFailed", "21")),
            due,
        ]
    }

    fn picked(query: &str) -> Vec<String> {
        let mut asked = Asked::default();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let field = match key {
                "q" => &mut asked.q,
                "environment" => &mut asked.environment,
                "state" => &mut asked.state,
                _ => &mut asked.sort,
            };
            *field = Some(value.to_owned());
        }
        let secrets = three();
        Wish::of(&asked).pick(&secrets).iter().map(|s| s.spec.env_var.clone()).collect()
    }

    #[test]
    fn secrets_are_searched_by_name_and_description_and_narrowed() {
        let (openai, smtp, stripe) = ("OPENAI_KEY", "SMTP_PASSWORD", "STRIPE_KEY");
        for (query, wanted) in [
            ("", [openai, smtp, stripe].as_slice()),
            ("q=key", &[openai, stripe]),
            ("q=for s", &[smtp, stripe]),
            ("q=stripe-key", &[stripe]),
            ("q=nothing", &[]),
            ("environment=test", &[openai, smtp]),
            ("environment=-", &[stripe]),
            ("state=live", &[smtp, stripe]),
            ("state=stuck", &[openai]),
            ("state=due", &[smtp]),
            ("state=warned&q=smtp", &[smtp]),
            ("state=no-such-state&environment=", &[openai, smtp, stripe]),
        ] {
            assert_eq!(picked(query), wanted, "{query}");
        }
    }

    #[test]
    fn secrets_are_sorted_as_asked() {
        let (openai, smtp, stripe) = ("OPENAI_KEY", "SMTP_PASSWORD", "STRIPE_KEY");
        for (query, wanted) in [
            ("sort=name", [openai, smtp, stripe]),
            ("sort=updated", [smtp, openai, stripe]),
            ("sort=created", [smtp, openai, stripe]),
            ("sort=state", [openai, smtp, stripe]),
            ("sort=<script>", [openai, smtp, stripe]),
        ] {
            assert_eq!(picked(query), wanted, "{query}");
        }
    }

    #[test]
    fn a_row_says_what_is_known_of_a_secret() {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let secret = secret("OPENAI_KEY", Some("test"), status("DecryptionFailed", "21"));
        let row = Row::of(&secret, now, Language::Swedish);
        assert_eq!(row.object, "openai-key.test");
        assert_eq!(row.description, "For OPENAI_KEY ask Anna");
        assert_eq!((row.state, row.tone), ("går inte att öppna", "bad"));
        assert!(row.why.contains("går inte att öppna"));
        assert_eq!(row.updated.unwrap().relative, "för 1 dag sedan");
        assert_eq!((row.by.as_str(), row.via.as_str()), ("bot för anna", "webbsidan"));
    }

    #[test]
    fn the_environments_to_choose_from_are_those_of_the_secrets() {
        assert_eq!(environments(&three()), (vec!["test".to_owned()], true));
        assert_eq!(environments(&three()[1..]), (vec!["test".to_owned()], false));
    }
}
