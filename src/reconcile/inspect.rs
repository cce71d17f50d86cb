//! Opens what is new, just to learn the facts about it: whether it opens, whether it is
//! the value already in use, and its mask. The plaintext is gone before this returns.

use super::decide::rank;
use super::former;
use super::learned::Learned;
use super::observed::{Account, Memory, SecretObject};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::names::MAX_SECRETS;
use crate::api::{HistoryEntry, Intent};
use crate::seal::{Binding, Keyring, Malformed, OpenError, Opened, Sealed, mask};

/// What `spec.sealed` is, compared with the value in use (`status.history[0]`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Candidate {
    /// There is none.
    #[default]
    Nothing,
    /// It is the very ciphertext in use.
    Current,
    /// Another ciphertext of the value in use: no new version.
    SameValue {
        /// Whether it was sealed no earlier than the one in use.
        is_newer: bool,
    },
    /// A new value.
    New {
        /// Its mask.
        mask: String,
        /// The version of the history that has this value.
        restores: Option<i64>,
    },
    /// It does not open here.
    Unreadable(Why),
    /// It was sealed before what is refused.
    TooOld,
    /// It is the value in use, sealed anew: that one is refused.
    Compromised,
    /// It was not opened, since the account has too many.
    TooMany,
}

impl Candidate {
    /// Whether it is a value that waits, or that is refused, unless it is published now.
    #[must_use]
    pub fn waits(&self) -> bool {
        match self {
            Self::Nothing | Self::Current | Self::SameValue { .. } => false,
            Self::New { .. }
            | Self::Unreadable(_)
            | Self::TooOld
            | Self::Compromised
            | Self::TooMany => true,
        }
    }
}

/// Why a ciphertext does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// There is no keyring.
    NoKeyring,
    /// It is no sealed value.
    Malformed,
    /// Its key is not in the keyring, or a newer version sealed it.
    UnknownKey,
    /// Altered, or sealed for another account, name or environment.
    Refused,
}

/// Takes no history for true that a cluster's own keyring refuses: somebody forged it, and
/// with it no set of the account could be made. The next status is without it.
pub(super) fn disown(account: &mut Account, memory: &Memory) {
    for secret in account.secrets.values_mut() {
        let in_use = secret.status.history.first().map(|entry| entry.generation);
        if in_use.is_some_and(|at| memory.forged.contains(&(secret.uid.clone(), at))) {
            secret.status.history.clear();
        }
    }
}

/// Fills in the [`Candidate`] of every secret that the account may have; opening more would
/// let one account keep the engine busy. Without a keyring nothing opens.
pub fn inspect(
    account: &mut Account,
    learned: &mut Learned,
    keyring: Option<&Keyring>,
    now: Timestamp,
) {
    account.sealing_key = keyring.map(|keyring| keyring.active().id.to_string());
    let kept = account.object.as_ref().map(|object| &object.status.refused);
    let kept = kept.cloned().unwrap_or_default();
    let mut secrets: Vec<&mut SecretObject> = account.secrets.values_mut().collect();
    secrets.sort_by(|a, b| rank(a).cmp(&rank(b)));
    for (i, secret) in secrets.into_iter().enumerate() {
        secret.refused_before = former::refused_before(secret, &kept, now);
        if i >= MAX_SECRETS {
            secret.candidate = Candidate::TooMany;
            continue;
        }
        count_what_a_fast_clock_asks(&account.namespace, secret, learned, keyring, now);
        let before = secret.refused_before;
        if before.is_some_and(|before| is_surely_too_old(secret, before, learned, keyring)) {
            secret.candidate = Candidate::TooOld;
        } else {
            secret.candidate = candidate(&account.namespace, secret, keyring);
        }
        if let Some(before) = before {
            refuse_too_old(&account.namespace, secret, before, learned, keyring);
        }
    }
}

/// How far the clock of somebody who seals may be ahead of ours.
const FAST: SignedDuration = SignedDuration::from_mins(5);

/// A time that is hardly still to come counts at once where the value beside it was sealed at
/// that time or later: both are of one clock, which is ahead of ours.
fn count_what_a_fast_clock_asks(
    namespace: &str,
    secret: &mut SecretObject,
    learned: &mut Learned,
    keyring: Option<&Keyring>,
    now: Timestamp,
) {
    let Some(asked) = secret.refuse_sealed_before.and_then(former::in_whole_seconds) else {
        return;
    };
    let is_near = asked > now && asked.duration_since(now) <= FAST;
    if !is_near || secret.refused_before >= Some(asked) {
        return;
    }
    let sealed_at =
        secret.sealed().and_then(|sealed| sealed_at(namespace, secret, sealed, learned, keyring));
    if sealed_at.is_some_and(|at| at >= asked) {
        secret.refused_before = Some(asked);
    }
}

/// When a ciphertext of a secret was sealed. It is opened once for that.
fn sealed_at(
    namespace: &str,
    secret: &SecretObject,
    sealed: &str,
    learned: &mut Learned,
    keyring: Option<&Keyring>,
) -> Option<Timestamp> {
    if let Some(at) = learned.sealed_at(&secret.uid, sealed) {
        return Some(at);
    }
    let intent = secret.intent.as_ref().ok()?;
    let at = open(namespace, intent, sealed, keyring).ok()?.sealed_at;
    learned.learn_sealed_at(&secret.uid, sealed, at);
    Some(at)
}

/// Whether it is known without opening it that `spec.sealed` is older than what is refused.
fn is_surely_too_old(
    secret: &SecretObject,
    before: Timestamp,
    learned: &Learned,
    keyring: Option<&Keyring>,
) -> bool {
    let Some(sealed) = secret.sealed() else { return false };
    let key = Sealed::key_named_in(sealed);
    learned.sealed_at(&secret.uid, sealed).is_some_and(|at| at < before)
        && keyring.zip(key).is_some_and(|(keyring, key)| keyring.has(key))
}

/// Tells of the value in use, and of the one that is to come, whether they are older than
/// what is refused.
fn refuse_too_old(
    namespace: &str,
    secret: &mut SecretObject,
    before: Timestamp,
    learned: &mut Learned,
    keyring: Option<&Keyring>,
) {
    let mut is_too_old =
        |sealed: &str| Some(sealed_at(namespace, secret, sealed, learned, keyring)? < before);
    let in_use = secret.status.history.first().map(|entry| entry.sealed.as_str());
    let in_use_is = in_use.map(&mut is_too_old);
    // Mostly they are one, which is opened once.
    let is = match secret.sealed() {
        sealed if sealed == in_use => in_use_is.flatten(),
        sealed => sealed.and_then(is_too_old),
    };
    secret.in_use_refused = in_use_is.is_some_and(|is| is != Some(false));
    let is_readable = !matches!(secret.candidate, Candidate::Unreadable(_));
    if is == Some(true) && is_readable {
        secret.candidate = Candidate::TooOld;
    } else if secret.in_use_refused && matches!(secret.candidate, Candidate::SameValue { .. }) {
        secret.candidate = Candidate::Compromised;
    }
}

fn candidate(namespace: &str, secret: &SecretObject, keyring: Option<&Keyring>) -> Candidate {
    let (Ok(intent), Some(sealed)) = (&secret.intent, secret.sealed()) else {
        return Candidate::Nothing;
    };
    let current = secret.status.history.first();
    if current.is_some_and(|entry| entry.sealed == sealed) {
        // It opened before. Not to be able to open it any more is told at once, not first
        // when a set has to be made anew.
        return match (keyring, Sealed::key_named_in(sealed)) {
            (None, _) => Candidate::Unreadable(Why::NoKeyring),
            (Some(keyring), Some(key)) if !keyring.has(key) => {
                Candidate::Unreadable(Why::UnknownKey)
            }
            _ => Candidate::Current,
        };
    }
    let opened = match open(namespace, intent, sealed, keyring) {
        Ok(opened) => opened,
        Err(why) => return Candidate::Unreadable(why),
    };
    let earlier = |entry: &HistoryEntry| open(namespace, intent, &entry.sealed, keyring).ok();
    if let Some(before) = current.and_then(earlier)
        && before.value.same_as(&opened.value)
    {
        return Candidate::SameValue { is_newer: opened.sealed_at >= before.sealed_at };
    }
    // A value that was there before may come back as another ciphertext of it, e.g. by a
    // revert in git.
    let mut oldest_first = secret.status.history.iter().skip(1).rev();
    let restores = oldest_first
        .find(|entry| earlier(entry).is_some_and(|then| then.value.same_as(&opened.value)))
        .map(|entry| entry.version);
    Candidate::New { mask: mask(&opened.value), restores }
}

/// Opens one ciphertext of a secret.
pub(super) fn open(
    namespace: &str,
    intent: &Intent,
    sealed: &str,
    keyring: Option<&Keyring>,
) -> Result<Opened, Why> {
    let keyring = keyring.ok_or(Why::NoKeyring)?;
    let binding = Binding {
        account: namespace,
        variable: &intent.env_var,
        environment: intent.environment.as_deref(),
    };
    let sealed = Sealed::parse(sealed).map_err(|error| match error {
        Malformed::Version => Why::UnknownKey,
        _ => Why::Malformed,
    })?;
    keyring.open(&sealed, &binding).map_err(|error| match error {
        OpenError::UnknownKey => Why::UnknownKey,
        OpenError::Refused => Why::Refused,
    })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use super::super::{Account, Action, Change, Effect, Member, Timings, content_id, plan};
    use super::*;
    use crate::reconcile::{AccountObject, TrailEnd, Trailed};
    use crate::runtime::entropy;
    use crate::seal::{Plaintext, seal};

    fn sealed(keyring: &Keyring, variable: &str) -> String {
        let binding = Binding { account: "shop", variable, environment: None };
        let (value, now) = (Plaintext::new(b"value".to_vec()), Timestamp::UNIX_EPOCH);
        let sealed =
            seal(keyring.sealing_key(), &binding, &value, now, &mut entropy::system()).unwrap();
        sealed.to_string()
    }

    #[test]
    fn a_forged_history_is_put_right_once_also_where_it_has_the_number_of_the_true_one() {
        let now = Timestamp::UNIX_EPOCH;
        let keyring = Keyring::generate(now, &mut entropy::system());
        let object = |value| serde_json::from_value(value).unwrap();
        let entry = json!({ "version": 1, "generation": 3, "time": now, "by": "", "via": "",
            "maskedValue": "****", "sealed": sealed(&keyring, "ANOTHER") });
        let secret = SecretObject::of(&object(json!({
            "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
            "metadata": { "name": "a-b", "uid": "u", "resourceVersion": "1", "generation": 3 },
            "spec": { "envVar": "A_B", "sealed": sealed(&keyring, "A_B") },
            "status": { "version": 1, "history": [entry] },
        })));
        let member = Member {
            secret: "a-b".into(),
            uid: "u".into(),
            generation: 3,
            env_var: "A_B".into(),
            environment: None,
            sealed: String::new(),
        };
        let set = format!("kliv-env-{}", content_id(&[member]));
        let set =
            json!({ "environment": "", "name": set, "uid": "", "keys": ["A_B"], "revision": 1 });
        let mut account = Account { namespace: "shop".into(), ..Account::default() };
        account.secrets.insert("a-b".into(), secret);
        account.object = Some(AccountObject::of(&object(json!({
            "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivAccount",
            "metadata": { "name": "default", "uid": "a", "resourceVersion": "1" },
            "status": { "revision": 1, "sets": [set] },
        }))));
        let minute = std::time::Duration::from_secs(60);
        let timings = Timings {
            keep_superseded: minute,
            retire_every: minute,
            report_every: minute,
            republish_interval: minute,
            started: now,
            audit_keep: minute,
            audit_keep_events: 100,
        };
        let mut memory = Memory { strays: Some(Vec::new()), ..Memory::default() };
        memory.fold(&Effect::Forged("u".into(), 3), now);

        let mut writes = 0;
        for round in 2..10 {
            disown(&mut account, &memory);
            inspect(&mut account, &mut memory.learned, Some(&keyring), now);
            for action in plan(&account, &memory, &timings, now).actions {
                let version = round.to_string();
                let change = match action {
                    Action::FindTrail => {
                        let end = Trailed::End("a".into(), TrailEnd::default());
                        memory.fold(&Effect::Trail(end), now);
                        continue;
                    }
                    Action::Tell(events) => {
                        for event in events {
                            let told = Trailed::Told(Box::new(event));
                            memory.fold(&Effect::Trail(told), now);
                        }
                        continue;
                    }
                    Action::WriteSecret { name, status, .. } => {
                        writes += 1;
                        let mut secret = account.secrets[&name].clone();
                        (secret.status, secret.resource_version) = (*status, version);
                        Change::Secret("shop".into(), Box::new(secret))
                    }
                    Action::WriteAccount(_, status) => {
                        let mut object = account.object.clone().unwrap();
                        (object.status, object.resource_version) = (*status, version);
                        Change::Account("shop".into(), Box::new(object))
                    }
                    other => panic!("{other}"),
                };
                memory.fold(&Effect::Change(change.clone()), now);
                account.apply(change);
            }
        }
        assert_eq!(writes, 1);
        assert_eq!(account.secrets["a-b"].status.version, Some(2));
    }

    #[test]
    fn what_a_newer_version_sealed_is_not_taken_for_forged() {
        let keyring = Keyring::generate(Timestamp::UNIX_EPOCH, &mut entropy::system());
        let intent = Intent {
            env_var: "A_B".into(),
            environment: None,
            source: crate::api::Source::Nothing,
        };
        let newer = sealed(&keyring, "A_B").replacen("kliv1.", "kliv2.", 1);
        let why = open("shop", &intent, &newer, Some(&keyring)).err();
        assert_eq!(why, Some(Why::UnknownKey));
    }
}
