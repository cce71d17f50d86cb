//! A call that is refused because something in it looks like a credential: at once, in fixed
//! words. That it was goes into the account's audit trail, as the caller, without anything of
//! the call; the refusal neither waits for that nor depends on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::DefaultClock;
use rmcp::model::{ErrorData, JsonObject, Tool};
use tokio::sync::Semaphore;

use super::failure::Failure;
use super::suspicious::{self, Suspicious};
use super::{Visit, bounds};
use crate::api::refused_call;
use crate::runtime::clock;
use crate::server::pace::{Keyed, Pace};

/// How many tellings are under way at a time, of everybody.
const AT_ONCE: u32 = 16;
/// How often somebody's calls are told of in an account: an agent that tries again and again
/// says nothing new.
const PACE: Pace = Pace { at_once: 5, each: Duration::from_secs(20) };
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the log says of somebody that the audit trail was not told.
const SAID: Duration = Duration::from_mins(1);

/// Refuses calls, and has the audit trail told.
pub(super) struct Refusing {
    pace: Keyed<(String, String), DefaultClock>,
    under_way: Arc<Semaphore>,
    untold: Arc<Untold>,
}

impl Refusing {
    pub(super) fn new() -> Self {
        Self {
            pace: Keyed::new(PACE, &DefaultClock::default()),
            under_way: Arc::new(Semaphore::new(AT_ONCE as usize)),
            untold: Arc::default(),
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
            return self.untold.say(&account, &who, call, "there were several just now");
        }
        let Ok(place) = Arc::clone(&self.under_way).try_acquire_owned() else {
            return self.untold.say(&account, &who, call, "too many at once");
        };
        let (caller, untold) = (visit.caller.clone(), Arc::clone(&self.untold));
        tokio::spawn(async move {
            let _place = place;
            let why = match tokio::time::timeout(PATIENCE, caller.tell_refused(call)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the cluster does not answer".to_owned(),
            };
            untold.say(&account, &who, call, &why);
        });
    }

    /// Waits until the tellings that are under way are over.
    pub(super) async fn settled(&self) {
        drop(self.under_way.acquire_many(AT_ONCE).await);
        more(self.untold.counted().rest());
    }
}

/// What the audit trail was not told, for the log: an agent that goes on and on would fill that.
#[derive(Default)]
struct Untold(Mutex<Counted>);

impl Untold {
    fn say(&self, account: &str, who: &str, call: &str, why: &str) {
        let (is_said, over) = self.counted().one_more(who, clock::monotonic());
        more(over);
        if is_said {
            tracing::warn!(
                target: "audit",
                account,
                actor = who,
                call,
                why,
                "a refused call of an agent is not in the audit trail"
            );
        }
    }

    fn counted(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many calls of somebody.
type Count = (String, u64);

fn more(over: Vec<Count>) {
    for (who, calls) in over {
        tracing::warn!(
            target: "audit",
            actor = who,
            calls,
            "further refused calls of an agent are not in the audit trail"
        );
    }
}

/// Since when one was said, and how many were not, of each who had one in the last minute.
#[derive(Default)]
struct Counted(BTreeMap<String, (Instant, u64)>);

impl Counted {
    /// Whether this one is said; and what was counted of those whose minute is over.
    fn one_more(&mut self, who: &str, now: Instant) -> (bool, Vec<Count>) {
        let is_over = |since: Instant| now.saturating_duration_since(since) >= SAID;
        let over = self.0.extract_if(.., |_, (since, _)| is_over(*since));
        let over = over.map(|(who, (_, unsaid))| (who, unsaid)).filter(|(_, n)| *n > 0).collect();
        if let Some((_, unsaid)) = self.0.get_mut(who) {
            *unsaid += 1;
            return (false, over);
        }
        self.0.insert(who.to_owned(), (now, 0));
        (true, over)
    }

    /// What was counted of all.
    fn rest(&mut self) -> Vec<Count> {
        let all = std::mem::take(&mut self.0).into_iter();
        all.map(|(who, (_, unsaid))| (who, unsaid)).filter(|(_, unsaid)| *unsaid > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_of_each_person_once_a_minute_what_the_trail_was_not_told() {
        let began = clock::monotonic();
        let mut counted = Counted::default();
        let mut one_more = |who: &str, seconds| {
            let (is_said, over) = counted.one_more(who, began + Duration::from_secs(seconds));
            let over: Vec<_> = over.iter().map(|(who, calls)| format!("{who} {calls}")).collect();
            (is_said, over.join(" "))
        };
        let none = String::new;
        assert_eq!(one_more("bot", 0), (true, none()));
        for second in 0..59 {
            assert_eq!(one_more("bot", second), (false, none()));
        }
        assert_eq!(one_more("eva", 30), (true, none()), "another's");
        assert_eq!(one_more("bot", 60), (true, "bot 59".into()));
        assert_eq!(one_more("bot", 61), (false, none()));
        assert_eq!(one_more("eva", 300), (true, "bot 1".into()));
        assert_eq!(one_more("eva", 301), (false, none()));
        assert_eq!(counted.rest(), [("eva".to_owned(), 1)]);
        assert!(counted.0.is_empty());
    }
}
