//! Questions: a secret that waits for its value, and its answer.

use super::rotate::{has_value, place};
use super::{Caller, DryRun, Error, How, Target, Unfit, Value, Written};
use crate::api::names::ANNOTATION_STAMPS;
use crate::api::{KlivSecret, KlivSecretSpec, Question, Stamp, Stamps};

/// Who asks, as far as that can be told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asker {
    /// The authenticated user, where the object still says it.
    pub user: Option<String>,
    /// The human that he acts for, where the authenticator said so.
    pub on_behalf_of: Option<String>,
    /// Through what.
    pub via: Option<String>,
    /// Who has changed it since, where it was somebody else: its words may be that one's.
    pub changed_by: Option<String>,
    /// What the question itself says: anybody may write anything there.
    pub says: Option<String>,
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
            return Some(Self::Value);
        }
        let version = secret.status.as_ref().and_then(|status| status.version);
        (question.replaces.is_some() && question.replaces == version).then_some(Self::NewValue)
    }
}

/// The question that waits.
///
/// # Errors
/// There is none, or it has been answered.
pub fn waiting(secret: &KlivSecret) -> Result<(&Question, Asker), Error> {
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    if has_value(secret) {
        return Err(Unfit::HasValue(name.to_owned()).into());
    }
    let Some(question) = &secret.spec.request else {
        return Err(Unfit::NotAsked(name.to_owned()).into());
    };
    let annotations = secret.metadata.annotations.as_ref();
    let stamps = annotations.and_then(|all| all.get(ANNOTATION_STAMPS));
    let stamps = stamps.map(|text| Stamps::parse(text)).unwrap_or_default();
    let changed_by = stamps.0.last().map(|stamp| stamp.user.clone());
    let says = question.requested_by.clone();
    let asker = match stamps.0.into_iter().next() {
        Some(Stamp { user, on_behalf_of, via, .. }) => {
            let changed_by = changed_by.filter(|by| *by != user);
            Asker { user: Some(user), on_behalf_of, via: Some(via), changed_by, says }
        }
        None => Asker { says, ..Asker::default() },
    };
    Ok((question, asker))
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

    /// Asks for a new value of a secret that has one.
    ///
    /// # Errors
    /// It has none yet; somebody else has just changed it; the caller may not.
    pub async fn ask_anew(
        &self,
        secret: &KlivSecret,
        question: Question,
    ) -> Result<KlivSecret, Error> {
        let version = secret.status.as_ref().and_then(|status| status.version);
        let Some(version) = version else {
            let name = secret.metadata.name.clone().unwrap_or_default();
            return Err(Unfit::NoValue(name).into());
        };
        let question = Question { replaces: Some(version), deletion: None, ..question };
        self.put(
            &KlivSecretSpec { request: Some(question), ..place(secret) },
            Some(secret),
            DryRun::None,
        )
        .await
    }

    /// Proposes to delete a secret: somebody with that right decides.
    ///
    /// # Errors
    /// Somebody else has just changed it; the caller may not.
    pub async fn propose_deletion(
        &self,
        secret: &KlivSecret,
        question: Question,
    ) -> Result<KlivSecret, Error> {
        let question = Question { replaces: None, deletion: Some(true), ..question };
        self.put(
            &KlivSecretSpec { request: Some(question), ..place(secret) },
            Some(secret),
            DryRun::None,
        )
        .await
    }

    /// Gives the value that a question waits for.
    ///
    /// # Errors
    /// As [`waiting`]; somebody else was quicker; the caller may not.
    pub async fn answer(
        &self,
        secret: &KlivSecret,
        value: &Value,
        how: &How<'_>,
    ) -> Result<Written, Error> {
        waiting(secret)?;
        self.hand_in(place(secret), Some(secret), value, how).await
    }

    /// Refuses the value that a question waits for: the secret that holds nothing else is
    /// deleted, if it is still as it was looked at. The audit trail says who did that.
    ///
    /// # Errors
    /// As [`waiting`]; somebody has answered or changed it meanwhile; the caller may not.
    pub async fn refuse(&self, secret: &KlivSecret, dry_run: DryRun) -> Result<(), Error> {
        waiting(secret)?;
        // Nothing of it was published: there is nothing to wait for.
        self.delete(secret, dry_run).await.map(|_| ())
    }
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
}
