//! How many questions of an account may wait at a time: people look at each.
//!
//! Whether one came through agents, its stamps tell: the front door writes those, and neither
//! `requestedBy` nor anything else that an asker writes counts. A stamp that is recorded goes
//! with the next write, so one that people have changed since counts as theirs.

use super::failure::Failure;
use super::words::Via;
use crate::account::{Caller, Error, Wanted, changes};
use crate::api::{KlivSecret, Stamp, What};

/// So many that came through agents.
const MOST: usize = 20;
/// So many in all, whoever asked: then agents ask nothing more.
const MOST_OF_ALL: usize = 100;

/// That there is room for one more question.
///
/// Read before the write, so agents that ask at the same moment can each take the last place:
/// it guards people's attention, which one question more does not hurt. What an account can
/// hold is limited by the operator.
pub(super) async fn room_for_one_more(caller: &Caller) -> Result<(), Failure> {
    match caller.glance().await {
        Ok(secrets) => room(&secrets),
        // Who may ask and not look can't be told what waits; the operator's limit holds.
        Err(Error::Forbidden(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn room(secrets: &[KlivSecret]) -> Result<(), Failure> {
    let waiting: Vec<&KlivSecret> =
        secrets.iter().filter(|secret| Wanted::of(secret).is_some()).collect();
    let of_agents: Vec<&KlivSecret> =
        waiting.iter().copied().filter(|secret| came_through_agents(secret)).collect();
    let (counted, most, whose) = match (of_agents.len(), waiting.len()) {
        (MOST.., _) => (of_agents, MOST, "questions of agents wait"),
        (_, MOST_OF_ALL..) => (waiting, MOST_OF_ALL, "questions, of people and agents, wait"),
        _ => return Ok(()),
    };
    let names: Vec<&str> = counted.iter().filter_map(|s| s.metadata.name.as_deref()).collect();
    Err(Failure::new(format!(
        "{} {whose} for people already, and {most} is the limit: nothing was asked. Have people \
         answer some, or take back with cancel_request what is not needed any more. These wait: {}",
        counted.len(),
        names.iter().take(MOST).copied().collect::<Vec<_>>().join(", "),
    )))
}

/// Whether an agent asked, or changed it while it waits, as far as the object still tells.
fn came_through_agents(secret: &KlivSecret) -> bool {
    let is_agents =
        |stamp: Stamp| stamp.what == What::Spec && Via::of(&stamp.via) == Some(Via::Agent);
    changes(secret).into_iter().any(is_agents)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::names::ANNOTATION_STAMPS;

    /// One that waits, with these stamps: the number, what and through what.
    fn asked(n: usize, stamps: &[&str]) -> KlivSecret {
        let line =
            |(at, words): (usize, &&str)| format!("{} 2026-11-24T10:00:00Z {words} anna", at + 1);
        let stamps: Vec<String> = stamps.iter().enumerate().map(line).collect();
        let request = json!({ "purpose": "p", "requestedBy": "agent" });
        secret(n, json!({ "envVar": "A", "request": request }), &stamps.join("\n"))
    }

    fn secret(n: usize, spec: Value, stamps: &str) -> KlivSecret {
        let annotations = json!({ (ANNOTATION_STAMPS): stamps });
        let metadata = json!({ "name": format!("a-{n}"), "annotations": annotations });
        serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).unwrap()
    }

    fn refused(secrets: &[KlivSecret]) -> String {
        room(secrets).unwrap_err().text().to_owned()
    }

    #[test]
    fn twenty_questions_of_agents_wait_at_most_and_only_those_that_wait_count() {
        let answered = json!({
            "envVar": "A", "sealed": "kliv1.x", "request": { "purpose": "p" },
        });
        let mut secrets: Vec<_> = (0..MOST - 1).map(|n| asked(n, &["spec agent"])).collect();
        let stamp = "1 2026-11-24T10:00:00Z spec agent anna";
        secrets.extend((0..50).map(|n| secret(n, answered.clone(), stamp)));
        assert!(room(&secrets).is_ok());
        secrets.push(asked(77, &["spec agent"]));
        let words = refused(&secrets);
        assert!(words.contains("cancel_request"), "{words}");
        assert!(words.ends_with("a-18, a-77"), "{words}");
    }

    #[test]
    fn others_questions_lock_no_agent_out_until_there_are_too_many_in_all() {
        let mut secrets: Vec<_> = (0..MOST - 1).map(|n| asked(n, &["spec agent"])).collect();
        secrets.extend((MOST..MOST_OF_ALL).map(|n| asked(n, &["spec kubectl"])));
        assert_eq!(secrets.len(), MOST_OF_ALL - 1);
        assert!(room(&secrets).is_ok());
        secrets.push(asked(777, &["spec web"]));
        let words = refused(&secrets);
        assert!(words.contains("100 is the limit"), "{words}");
        let named = words.rsplit_once(": ").map_or(0, |(_, names)| names.split(", ").count());
        assert_eq!(named, MOST, "no more are named than anybody reads");
    }

    #[test]
    fn whose_a_question_is_its_stamps_tell_and_not_what_the_asker_writes() {
        for (stamps, is_agents) in [
            (&[][..], false),
            (&["spec kubectl"], false),
            (&["spec agent"], true),
            (&["spec agent", "spec web"], true),
            (&["spec web", "spec agent"], true),
            // An agent has stored the value, and a person asks for a new one.
            (&["value agent", "spec web"], false),
        ] {
            assert_eq!(came_through_agents(&asked(1, stamps)), is_agents, "{stamps:?}");
        }
    }
}
