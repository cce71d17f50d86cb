//! Waits until the operator has taken changes, and the functions run with them.

use std::time::Duration;

use kube::ResourceExt as _;

use super::{Caller, Error, Held, Live, NotLive, Reached, awaited};
use crate::api::condition::{self, AUDITED, Reason, STALLED};
use crate::api::text::harmless;
use crate::api::{KlivAccount, KlivAccountStatus, KlivSecret};
use crate::runtime::client::Away;

/// How often the cluster is asked; the first times quicker.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);

/// What is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waited {
    /// Secrets that were written: their object's name, and their generation then.
    pub written: Vec<(String, i64)>,
    /// One that was deleted.
    pub deleted: Option<Deleted>,
}

/// A published secret that was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Its uid.
    pub uid: String,
    /// The account's revision before.
    pub revision: i64,
    /// Its variable.
    pub variable: String,
    /// Its environment.
    pub environment: Option<String>,
}

impl Deleted {
    /// Whether the current sets are without it: a new revision may be another change's. That
    /// it is gone, the audit trail says, unless it can't be written.
    fn is_taken(&self, status: &KlivAccountStatus) -> bool {
        let is_behind = status.conditions.iter().any(|condition| condition.type_ == AUDITED);
        let record = status.audit.as_ref().filter(|_| !is_behind);
        let is_there = record.is_some_and(|r| r.secrets.iter().any(|s| s.uid == self.uid));
        status.revision > self.revision && !is_there && status.pending.is_empty()
    }
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The cluster does not answer at the moment, and why: that may pass by itself.
    Unseen(Away),
    /// The operator has not taken so many of the changes yet.
    Untaken(usize),
    /// It can't take one, and only a person can change that: the secret, and why.
    Stalled(String, Held),
    /// It tries again and again: the secret, and why.
    Retried(String, Held),
    /// Rollouts go on.
    RollingOut(Live),
    /// As far as it goes.
    Done(Live),
}

impl Waited {
    /// One secret, as it was read or written.
    #[must_use]
    pub fn of(secret: &KlivSecret) -> Self {
        let name = secret.metadata.name.clone().unwrap_or_default();
        let generation = secret.metadata.generation.unwrap_or_default();
        Self { written: vec![(name, generation)], deleted: None }
    }
}

impl Caller {
    /// Waits until functions run with what was written, for so long at most. Each new stage
    /// is told.
    ///
    /// # Errors
    /// It can't be taken, or the time is over; with the way out.
    pub async fn live(
        &self,
        waited: &Waited,
        timeout: Duration,
        mut tell: impl FnMut(&Stage),
    ) -> Result<Live, Error> {
        let mut last = Stage::Untaken(waited.written.len());
        let stages = async {
            let mut pause = FIRST;
            loop {
                let stage = match self.stage(waited).await {
                    Err(Error::Unreachable(why)) => Stage::Unseen(why),
                    stage => stage?,
                };
                match stage {
                    Stage::Done(live) => return Ok(live),
                    Stage::Stalled(name, why) => {
                        return Err(NotLive::Held { name, why }.into());
                    }
                    stage if stage != last => {
                        tell(&stage);
                        last = stage;
                    }
                    _ => {}
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
        };
        match tokio::time::timeout(timeout, stages).await {
            Ok(ended) => ended,
            Err(_) => Err(last.in_vain(timeout).into()),
        }
    }

    async fn stage(&self, waited: &Waited) -> Result<Stage, Error> {
        let secrets = match waited.written.as_slice() {
            [] => Vec::new(),
            [(name, _)] => self.find_object(name).await?.into_iter().collect(),
            _ => self.list(false).await?,
        };
        // After the secrets: a set is current before its secrets say so.
        let account = self.account().await?;
        let account = account.as_ref();
        match stage(waited, &secrets, account, None) {
            Stage::RollingOut(_) | Stage::Done(_) => {}
            before => return Ok(before),
        }
        let reached = match self.reached(waited, account).await {
            Err(Error::Unreachable(why)) => return Ok(Stage::Unseen(why)),
            reached => reached.ok(),
        };
        Ok(stage(waited, &secrets, account, reached.as_deref()))
    }

    /// The functions that what is waited for is for, after the account was read.
    ///
    /// # Errors
    /// The caller may not list Deployments or secrets, or the cluster does not answer.
    pub async fn reached(
        &self,
        waited: &Waited,
        account: Option<&KlivAccount>,
    ) -> Result<Vec<Reached>, Error> {
        let (deployments, secrets, install) =
            futures::join!(self.deployments(), self.glance(), self.install());
        let (deployments, secrets, labels) = (deployments?, secrets?, install.functions);
        let status = account.and_then(|account| account.status.as_ref());
        let sets = status.map(|status| status.sets.as_slice()).unwrap_or_default();
        Ok(awaited(waited, &secrets, sets, &labels, &deployments))
    }
}

/// How far what is waited for is, given what was read: the account after the secrets, and then
/// the functions that it is for, where those can be seen.
#[must_use]
pub fn stage(
    waited: &Waited,
    secrets: &[KlivSecret],
    account: Option<&KlivAccount>,
    reached: Option<&[Reached]>,
) -> Stage {
    let mut untaken = 0;
    let mut retried = None;
    for (name, generation) in &waited.written {
        let Some(secret) = secrets.iter().find(|s| s.metadata.name.as_ref() == Some(name)) else {
            return Stage::Stalled(name.clone(), Held::Deleted);
        };
        let status = secret.status.as_ref();
        let observed = status.and_then(|status| status.observed_generation);
        if observed.is_none_or(|observed| observed < *generation) {
            untaken += 1;
            continue;
        }
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
        let is_stalled = conditions.iter().any(|c| c.type_ == STALLED && c.status == "True");
        let ready = condition::ready(conditions);
        let reason = ready.and_then(|c| Reason::named(&c.reason));
        let message = ready.map(|c| harmless(&c.message, 512).into_owned()).unwrap_or_default();
        let why = || Held::Because { reason, message: message.clone() };
        if is_stalled || reason == Some(Reason::QuotaExceeded) {
            return Stage::Stalled(name.clone(), why());
        }
        if ready.is_none_or(|c| c.status != "True") && reason != Some(Reason::AwaitingValue) {
            retried = Some(Stage::Retried(name.clone(), why()));
        }
    }
    if untaken > 0 {
        return Stage::Untaken(untaken);
    }
    if let Some(retried) = retried {
        return retried;
    }
    let status = account.and_then(|account| account.status.as_ref());
    let is_taken = |deleted: &Deleted| status.is_some_and(|status| deleted.is_taken(status));
    if !waited.deleted.iter().all(is_taken) {
        return Stage::Untaken(1);
    }
    let mut live = status.map(|status| Live::of(status, reached)).unwrap_or_default();
    let is_written = |s: &&KlivSecret| waited.written.iter().any(|(name, _)| s.name_any() == *name);
    let mut written = secrets.iter().filter(is_written);
    // One that waits for its value gets no further by itself.
    if reached.is_some() && waited.deleted.is_none() && !written.any(KlivSecret::has_value) {
        live = Live { behind: Vec::new(), moves: false, ..live };
    }
    if live.moves { Stage::RollingOut(live) } else { Stage::Done(live) }
}

impl Stage {
    /// What is to be said where no more is waited for.
    fn in_vain(self, after: Duration) -> NotLive {
        match self {
            Self::Retried(name, why) => NotLive::Retried { name, why, after },
            Self::Unseen(why) => NotLive::Unseen { why, after },
            Self::RollingOut(live) => NotLive::RollingOut { live, after },
            _ => NotLive::Untaken(after),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(generation: i64, observed: i64, status: &str, reason: &str) -> KlivSecret {
        let now = "2026-11-24T10:00:00Z";
        let condition = |kind: &str, status: &str| {
            json!({
                "type": kind, "status": status, "reason": reason, "message": "because",
                "lastTransitionTime": now,
            })
        };
        let mut conditions = vec![condition("Ready", status)];
        if reason == "DecryptionFailed" {
            conditions.push(condition("Stalled", "True"));
        }
        serde_json::from_value(json!({
            "metadata": { "name": "a", "generation": generation }, "spec": { "envVar": "A" },
            "status": { "observedGeneration": observed, "conditions": conditions },
        }))
        .unwrap()
    }

    fn account(revision: i64, functions: serde_json::Value) -> KlivAccount {
        serde_json::from_value(json!({
            "metadata": { "name": "default" }, "spec": {},
            "status": { "revision": revision, "functions": functions },
        }))
        .unwrap()
    }

    fn written() -> Waited {
        Waited { written: vec![("a".into(), 2)], deleted: None }
    }

    fn behind(reason: &str) -> serde_json::Value {
        json!({ "total": 2, "updated": 1, "notUpdated": [{ "name": "f", "reason": reason }] })
    }

    #[test]
    fn a_change_is_taken_when_the_status_speaks_of_its_generation() {
        let done = account(1, json!({ "total": 1, "updated": 1 }));
        let told = |secret| stage(&written(), &[secret], Some(&done), None);
        assert_eq!(told(secret(2, 1, "True", "Published")), Stage::Untaken(1));
        assert!(matches!(told(secret(2, 2, "True", "Published")), Stage::Done(_)));
        assert!(matches!(told(secret(3, 3, "True", "Published")), Stage::Done(_)));
        let failed = secret(2, 2, "False", "DecryptionFailed");
        let because = |reason| Held::Because { reason: Some(reason), message: "because".into() };
        assert_eq!(told(failed), Stage::Stalled("a".into(), because(Reason::DecryptionFailed)));
        let failed = secret(2, 2, "False", "PublishFailed");
        assert_eq!(told(failed), Stage::Retried("a".into(), because(Reason::PublishFailed)));
        assert!(matches!(told(secret(2, 2, "False", "AwaitingValue")), Stage::Done(_)));
        assert!(matches!(stage(&written(), &[], Some(&done), None), Stage::Stalled(..)));
    }

    #[test]
    fn it_is_over_when_no_function_moves_any_more() {
        let told = |functions| {
            let secret = secret(2, 2, "True", "Published");
            stage(&written(), &[secret], Some(&account(1, functions)), None)
        };
        assert!(matches!(told(json!({ "total": 2, "updated": 0 })), Stage::RollingOut(_)));
        assert!(matches!(told(behind("RollingOut")), Stage::RollingOut(_)));
        for reason in ["RolloutFailed", "Manual", "WriteRefused"] {
            let Stage::Done(live) = told(behind(reason)) else { panic!("{reason}") };
            assert_eq!((live.updated, live.total), (1, 2));
            assert!(!live.everywhere());
        }
    }

    #[test]
    fn a_delete_is_taken_in_the_new_revision_that_is_without_the_secret() {
        let deleted = Deleted { uid: "u1".into(), revision: 4, ..Deleted::default() };
        let waited = Waited { deleted: Some(deleted), ..Waited::default() };
        let told = |status: serde_json::Value| {
            let account =
                json!({ "metadata": { "name": "default" }, "spec": {}, "status": status });
            stage(&waited, &[], Some(&serde_json::from_value(account).unwrap()), None)
        };
        let known = |uid: &str| json!({ "secrets": [{ "name": "a", "uid": uid }] });
        let done = Stage::Done(Live::default());
        assert_eq!(told(json!({ "revision": 4 })), Stage::Untaken(1));
        assert_eq!(told(json!({ "revision": 5 })), done);
        // Somebody else's change came first; or the secret was made again.
        assert_eq!(told(json!({ "revision": 5, "audit": known("u1") })), Stage::Untaken(1));
        assert_eq!(told(json!({ "revision": 5, "audit": known("u2") })), done);
        let made = json!({ "revision": 5, "audit": known("u2"), "pending": ["kliv-env-a"] });
        assert_eq!(told(made), Stage::Untaken(1));
        // A trail that can't be written tells nothing.
        let condition = json!({
            "type": AUDITED, "status": "False", "reason": "a", "message": "",
            "lastTransitionTime": "2026-11-24T10:00:00Z",
        });
        let behind = json!({ "revision": 5, "audit": known("u1"), "conditions": [condition] });
        assert_eq!(told(behind), done);
        assert_eq!(stage(&waited, &[], None, None), Stage::Untaken(1));
    }
}
