//! Questions that wait for people: for a first value, a new one, or whether a secret may go.
//!
//! ```text
//!  first value ──► a value: answered ─► it is there     refused ─► the object is deleted
//!  new value   ──► a value: rotated  ─► another version  refused ─► the question goes
//!  deletion    ──► the secret is deleted                 refused ─► the question goes, it stays
//! ```

use serde_json::json;

use super::rotate::{has_value, place};
use super::{Caller, DryRun, Error, How, State, Target, Unfit, Value, Written};
use crate::api::names::ANNOTATION_STAMPS;
use crate::api::{KlivSecret, KlivSecretSpec, Question, Stamp, Stamps};

/// Who asks, as far as that can be told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asker {
    /// The authenticated user, where the object still says for certain that it was him: he
    /// created it as a question.
    pub user: Option<String>,
    /// The human that he acts for, where the authenticator said so.
    pub on_behalf_of: Option<String>,
    /// Through what.
    pub via: Option<String>,
    /// Who has changed the object last, where it was somebody else: the words of the question
    /// may be that one's. Where no user is known, he has asked, or changed it since.
    pub changed_by: Option<String>,
    /// The human that this one acts for.
    pub changed_for: Option<String>,
    /// Through what he changed it.
    pub changed_via: Option<String>,
    /// What the question itself says: anybody may write anything there.
    pub says: Option<String>,
}

impl Asker {
    fn of(secret: &KlivSecret, wanted: Wanted, question: &Question) -> Self {
        let stamps = changes(secret);
        // Stamps that are recorded are dropped at the next write, so only the first of all is
        // known for what it did.
        let asked = stamps.first().filter(|first| wanted == Wanted::Value && first.seq == 1);
        let changed = stamps.last().filter(|last| asked.is_none_or(|by| by.user != last.user));
        let via = |stamp: &Stamp| stamp.via.clone();
        Self {
            user: asked.map(|stamp| stamp.user.clone()),
            on_behalf_of: asked.and_then(|stamp| stamp.on_behalf_of.clone()),
            via: asked.map(via),
            changed_by: changed.map(|stamp| stamp.user.clone()),
            changed_for: changed.and_then(|stamp| stamp.on_behalf_of.clone()),
            changed_via: changed.map(via),
            says: question.requested_by.clone(),
        }
    }
}

/// The changes of its spec that a secret still tells of, oldest first. The front door writes
/// them, and lets nobody forge or drop one; those that are recorded go with the next write.
#[must_use]
pub fn changes(secret: &KlivSecret) -> Vec<Stamp> {
    let annotations = secret.metadata.annotations.as_ref();
    let stamps = annotations.and_then(|all| all.get(ANNOTATION_STAMPS));
    stamps.map(|text| Stamps::parse(text)).unwrap_or_default().0
}

/// What a question wants of people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// The first value.
    Value,
    /// A new value, in place of the one in use.
    NewValue,
    /// That somebody deletes it, or says that it stays.
    Deletion,
}

impl Wanted {
    /// What the question of a secret still wants; none where there is no question, or it has
    /// been answered.
    #[must_use]
    pub fn of(secret: &KlivSecret) -> Option<Self> {
        let question = secret.spec.request.as_ref()?;
        if question.deletion == Some(true) {
            return Some(Self::Deletion);
        }
        if !has_value(secret) {
            return question.replaces.is_none().then_some(Self::Value);
        }
        let version = secret.status.as_ref().and_then(|status| status.version);
        let is_in_use = question.replaces.is_some() && question.replaces == version;
        (is_in_use && !is_on_its_way(secret)).then_some(Self::NewValue)
    }
}

/// Whether another value than the one in use was handed in, and the operator has not looked at
/// it yet.
fn is_on_its_way(secret: &KlivSecret) -> bool {
    let in_use = secret.status.as_ref().and_then(|status| status.history.first());
    in_use.is_some_and(|in_use| secret.spec.sealed.as_ref() != Some(&in_use.sealed))
        && State::of(secret) == State::Untaken
}

/// The question that waits.
///
/// # Errors
/// There is none, or it has been answered.
pub fn waiting(secret: &KlivSecret) -> Result<(&Question, Asker), Error> {
    let (_, question, asker) = wanted(secret)?;
    Ok((question, asker))
}

/// The same, with what it wants.
fn wanted(secret: &KlivSecret) -> Result<(Wanted, &Question, Asker), Error> {
    if let (Some(wanted), Some(question)) = (Wanted::of(secret), &secret.spec.request) {
        return Ok((wanted, question, Asker::of(secret, wanted, question)));
    }
    let name = secret.metadata.name.clone().unwrap_or_default();
    Err(if has_value(secret) { Unfit::HasValue(name) } else { Unfit::NotAsked(name) }.into())
}

impl Caller {
    /// Asks for a value: a secret that waits for it.
    ///
    /// # Errors
    /// There is such a secret; the caller may not.
    pub async fn request(
        &self,
        target: &Target,
        question: Question,
        dry_run: DryRun,
    ) -> Result<KlivSecret, Error> {
        let name = target.object();
        let spec = KlivSecretSpec {
            env_var: target.variable.clone(),
            environment: target.environment.clone(),
            request: Some(question),
            ..KlivSecretSpec::default()
        };
        match self.put(&spec, None, dry_run).await {
            Err(Error::Changed(_)) => Err(Unfit::Exists(name).into()),
            asked => asked,
        }
    }

    /// Asks for a new value of a secret that has one, which stays in use meanwhile. Takes the
    /// place of any other question.
    ///
    /// # Errors
    /// It has none yet; somebody else has just changed it; the caller may not.
    pub async fn ask_anew(
        &self,
        secret: &KlivSecret,
        question: Question,
        dry_run: DryRun,
    ) -> Result<KlivSecret, Error> {
        let version = secret.status.as_ref().and_then(|status| status.version);
        let Some(version) = version.filter(|_| has_value(secret)) else {
            return Err(no_value(secret));
        };
        let question = Question { replaces: Some(version), deletion: None, ..question };
        self.ask(secret, &question, dry_run).await
    }

    /// Proposes to delete a secret: somebody with that right decides. Takes the place of any
    /// other question. One that only waits for its value is [refused](Self::refuse) instead.
    ///
    /// # Errors
    /// It has no value; somebody else has just changed it; the caller may not.
    pub async fn propose_deletion(
        &self,
        secret: &KlivSecret,
        question: Question,
        dry_run: DryRun,
    ) -> Result<KlivSecret, Error> {
        if !has_value(secret) {
            return Err(no_value(secret));
        }
        let question = Question { replaces: None, deletion: Some(true), ..question };
        self.ask(secret, &question, dry_run).await
    }

    async fn ask(
        &self,
        secret: &KlivSecret,
        question: &Question,
        dry_run: DryRun,
    ) -> Result<KlivSecret, Error> {
        let Question { purpose, obtain_from, requested_by, replaces, deletion } = question;
        // Nothing of a question before it stays.
        let request = json!({
            "purpose": purpose,
            "obtainFrom": obtain_from,
            "requestedBy": requested_by,
            "replaces": replaces,
            "deletion": deletion,
        });
        self.change(secret, &json!({ "request": request }), dry_run).await
    }

    /// Gives the value that a question waits for: the first, or a new one.
    ///
    /// # Errors
    /// As [`waiting`]; no value is wanted; somebody else was quicker; the caller may not.
    pub async fn answer(
        &self,
        secret: &KlivSecret,
        value: &Value,
        how: &How<'_>,
    ) -> Result<Written, Error> {
        if let (Wanted::Deletion, ..) = wanted(secret)? {
            let name = secret.metadata.name.clone().unwrap_or_default();
            return Err(Unfit::DeletionProposed(name).into());
        }
        self.hand_in(place(secret), Some(secret), value, how).await
    }

    /// Refuses what a question wants, if the secret is still as it was looked at. One that
    /// waits for its first value holds nothing else and is deleted; any other stays as it is,
    /// without the question. The audit trail says who did that.
    ///
    /// # Errors
    /// As [`waiting`]; somebody has answered or changed it meanwhile; the caller may not.
    pub async fn refuse(&self, secret: &KlivSecret, dry_run: DryRun) -> Result<(), Error> {
        match wanted(secret)? {
            // Nothing of it was published: there is nothing to wait for.
            (Wanted::Value, ..) => self.delete(secret, dry_run).await.map(|_| ()),
            (Wanted::NewValue | Wanted::Deletion, ..) => {
                self.change(secret, &json!({ "request": null }), dry_run).await.map(|_| ())
            }
        }
    }
}

fn no_value(secret: &KlivSecret) -> Error {
    Unfit::NoValue(secret.metadata.name.clone().unwrap_or_default()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> KlivSecret {
        let request = Question {
            purpose: "to send receipts".into(),
            obtain_from: None,
            requested_by: Some("the boss".into()),
            ..Question::default()
        };
        let spec = KlivSecretSpec {
            env_var: "A_KEY".into(),
            request: Some(request),
            ..KlivSecretSpec::default()
        };
        KlivSecret::new("a-key", spec)
    }

    #[test]
    fn who_asks_is_the_authenticated_user_beside_what_the_question_says() {
        let mut secret = asked();
        let stamps = "1 2026-11-24T10:00:00Z spec agent:Anna%20A bot\n\
                      2 2026-11-24T10:00:01Z spec api mallory";
        secret.metadata.annotations =
            Some([(ANNOTATION_STAMPS.to_owned(), stamps.to_owned())].into());
        let (question, asker) = waiting(&secret).unwrap();
        assert_eq!(question.purpose, "to send receipts");
        let some = |text: &str| Some(text.to_owned());
        let wanted = Asker {
            user: some("bot"),
            on_behalf_of: some("Anna A"),
            via: some("agent"),
            changed_by: some("mallory"),
            changed_for: None,
            changed_via: some("api"),
            says: some("the boss"),
        };
        assert_eq!(asker, wanted);
    }

    #[test]
    fn only_what_waits_is_answered() {
        let mut answered = asked();
        answered.spec.sealed = Some("kliv1.x".into());
        let refused = |secret| match waiting(secret) {
            Err(Error::Unfit(unfit)) => unfit,
            _ => panic!("it waits"),
        };
        assert_eq!(refused(&answered), Unfit::HasValue("a-key".into()));
        let mut unasked = asked();
        unasked.spec.request = None;
        assert_eq!(refused(&unasked), Unfit::NotAsked("a-key".into()));
    }

    #[test]
    fn a_question_wants_one_of_three_things_until_it_is_answered() {
        let secret = |request, sealed: Option<&str>, seen: (i64, &str)| {
            let (version, in_use) = seen;
            let is_there = version > 0;
            let history = is_there.then(|| {
                json!({
                    "version": version, "generation": 1, "time": "2026-11-24T10:00:00Z",
                    "maskedValue": "****", "sealed": in_use,
                })
            });
            let ready = json!({
                "type": "Ready", "status": "True", "reason": "Published", "message": "",
                "lastTransitionTime": "2026-11-24T10:00:00Z",
            });
            let status = json!({
                "observedGeneration": 2, "version": is_there.then_some(version),
                "history": history.into_iter().collect::<Vec<_>>(), "conditions": [ready],
            });
            serde_json::from_value::<KlivSecret>(json!({
                "metadata": { "name": "a", "generation": 2 },
                "spec": { "envVar": "A", "request": request, "sealed": sealed },
                "status": status,
            }))
            .unwrap()
        };
        let first = || json!({ "purpose": "p" });
        let anew = |version: i64| json!({ "purpose": "p", "replaces": version });
        let deletion = || json!({ "purpose": "p", "deletion": true });
        let table = [
            (json!(null), None, (0, ""), None),
            (first(), None, (0, ""), Some(Wanted::Value)),
            (first(), Some("x"), (1, "x"), None),
            (json!({ "purpose": "p", "deletion": false }), Some("x"), (1, "x"), None),
            (anew(3), Some("x"), (3, "x"), Some(Wanted::NewValue)),
            (anew(3), Some("y"), (4, "y"), None),
            (anew(3), None, (0, ""), None),
            // Held, it has not taken the place of the one in use.
            (anew(3), Some("y"), (3, "x"), Some(Wanted::NewValue)),
            (deletion(), Some("x"), (3, "x"), Some(Wanted::Deletion)),
            (deletion(), Some("y"), (4, "y"), Some(Wanted::Deletion)),
        ];
        for (request, sealed, seen, wanted) in table {
            let words = format!("{request} {sealed:?} {seen:?}");
            assert_eq!(Wanted::of(&secret(request, sealed, seen)), wanted, "{words}");
        }
        let mut on_its_way = secret(anew(3), Some("y"), (3, "x"));
        on_its_way.metadata.generation = Some(3);
        assert_eq!(Wanted::of(&on_its_way), None, "the operator has yet to look at the answer");
    }

    #[test]
    fn nobody_is_said_to_have_asked_who_may_only_have_changed_it_since() {
        let mut secret = asked();
        let annotate = |secret: &mut KlivSecret, stamps: &str| {
            let stamps = (ANNOTATION_STAMPS.to_owned(), stamps.to_owned());
            secret.metadata.annotations = Some([stamps].into());
        };
        let some = |text: &str| Some(text.to_owned());
        let wanted = Asker {
            changed_by: some("anna"),
            changed_via: some("cli"),
            says: some("the boss"),
            ..Asker::default()
        };
        // The stamp of whoever asked was recorded, and dropped when Anna wrote.
        annotate(&mut secret, "2 2026-11-24T10:00:01Z spec cli anna");
        assert_eq!(waiting(&secret).unwrap().1, wanted);
        // The first stamp of a secret that is older than the question says nothing of it.
        annotate(&mut secret, "1 2026-11-24T10:00:01Z spec cli anna");
        secret.spec.sealed = Some("kliv1.x".into());
        secret.spec.request.as_mut().unwrap().deletion = Some(true);
        assert_eq!(waiting(&secret).unwrap().1, wanted);
    }
}
