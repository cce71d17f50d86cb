//! A call that is refused because something in it looks like a credential: at once, in fixed
//! words. That it was goes into the account's audit trail, as the caller, without anything of
//! the call; the refusal neither waits for that nor depends on it.

use std::sync::Arc;
use std::time::Duration;

use governor::clock::DefaultClock;
use rmcp::model::{ErrorData, JsonObject, Tool};
use tokio::sync::Semaphore;

use super::failure::Failure;
use super::suspicious::{self, Suspicious};
use super::{Visit, bounds};
use crate::api::refused_call;
use crate::server::pace::{Keyed, Pace};

/// How many tellings are under way at a time, of everybody.
const AT_ONCE: u32 = 16;
/// How often somebody's calls are told of in an account: an agent that tries again and again
/// says nothing new.
const PACE: Pace = Pace { at_once: 5, each: Duration::from_secs(20) };
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Refuses calls, and has the audit trail told.
pub(super) struct Refusing {
    pace: Keyed<(String, String), DefaultClock>,
    under_way: Arc<Semaphore>,
}

impl Refusing {
    pub(super) fn new() -> Self {
        Self {
            pace: Keyed::new(PACE, &DefaultClock::default()),
            under_way: Arc::new(Semaphore::new(AT_ONCE as usize)),
        }
    }

    /// Whether a call of a tool may go on; the value that it may take was taken out.
    ///
    /// # Errors
    /// Something in it looks like a credential, or it is too much to be looked through.
    pub(super) fn tool(
        &self,
        visit: &Visit,
        tool: &Tool,
        arguments: &JsonObject,
    ) -> Result<(), Failure> {
        bounds::check(&tool.name, Some(arguments))?;
        let found = suspicious::find(arguments, &tool.input_schema);
        // A tool of ours without its line there is a mistake that a test finds.
        let call = refused_call::named(&tool.name).unwrap_or(refused_call::UNKNOWN_TOOL);
        found.map_or(Ok(()), |found| Err(self.refuse(visit, call, found)))
    }

    /// Whether what else is called may go on: a prompt, a resource, a tool that there is not;
    /// by its name and all that came with it.
    ///
    /// # Errors
    /// Something in it looks like a credential, or it is too much to be looked through.
    pub(super) fn other(
        &self,
        visit: &Visit,
        call: &'static str,
        called: &str,
        arguments: Option<&JsonObject>,
    ) -> Result<(), ErrorData> {
        let refused = |why: &Failure| ErrorData::invalid_params(why.text().to_owned(), None);
        bounds::check(called, arguments).map_err(|why| refused(&why))?;
        let none = JsonObject::new();
        let is_found = suspicious::is_suspicious(called)
            || arguments.is_some_and(|all| suspicious::find(all, &none).is_some());
        if !is_found {
            return Ok(());
        }
        Err(refused(&self.refuse(visit, call, Suspicious { argument: None })))
    }

    fn refuse(&self, visit: &Visit, call: &'static str, found: Suspicious<'_>) -> Failure {
        self.tell(visit, call);
        let place = match found.argument {
            Some(argument) => format!("the argument `{argument}`"),
            None => "the call".to_owned(),
        };
        Failure::new(format!(
            "refused: {place} holds what looks like a credential. Nothing was done, and it is \
             repeated nowhere. If it is real, tell the person that it has been in this conversation \
             and has to be replaced at its provider. A value comes from a person: ask with \
             request_secret; one that was pasted into the chat goes into `value` of store_secret, \
             where that tool is on, and nowhere else. If it is none, call again without long random \
             tokens: of a commit, say, the first 8 characters are enough"
        ))
    }

    /// Has the audit trail told, if that is not too often.
    fn tell(&self, visit: &Visit, call: &'static str) {
        let (who, account) = (visit.who.clone(), visit.caller.namespace.to_string());
        if self.pace.check((who.clone(), account.clone())).is_err() {
            return untold(&account, &who, call, "there were several just now");
        }
        let Ok(place) = Arc::clone(&self.under_way).try_acquire_owned() else {
            return untold(&account, &who, call, "too many at once");
        };
        let caller = visit.caller.clone();
        tokio::spawn(async move {
            let _place = place;
            let why = match tokio::time::timeout(PATIENCE, caller.tell_refused(call)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the cluster does not answer".to_owned(),
            };
            untold(&account, &who, call, &why);
        });
    }

    /// Waits until the tellings that are under way are over.
    pub(super) async fn settled(&self) {
        drop(self.under_way.acquire_many(AT_ONCE).await);
    }
}

fn untold(account: &str, who: &str, call: &str, why: &str) {
    tracing::warn!(
        target: "audit",
        account,
        actor = who,
        call,
        why,
        "a refused call of an agent is not in the audit trail"
    );
}
