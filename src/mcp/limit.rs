//! How many questions of an account may wait at a time: people look at each.

use super::failure::Failure;
use crate::account::{Caller, Error, Wanted};
use crate::api::KlivSecret;

/// So many, whoever asked.
const MOST: usize = 20;

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
    let waiting = secrets.iter().filter(|secret| Wanted::of(secret).is_some());
    let names: Vec<&str> = waiting.filter_map(|s| s.metadata.name.as_deref()).collect();
    if names.len() < MOST {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} questions wait for people already, and {MOST} is the limit: nothing was asked. Have \
         people answer some, or take back with cancel_request what is not needed any more. These \
         wait: {}",
        names.len(),
        names.iter().take(MOST).copied().collect::<Vec<_>>().join(", "),
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn twenty_questions_wait_at_most_and_only_those_that_wait_count() {
        let secret = |n: usize, spec: serde_json::Value| -> KlivSecret {
            let metadata = json!({ "name": format!("a-{n}") });
            serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).unwrap()
        };
        let asked = json!({ "envVar": "A", "request": { "purpose": "p" } });
        let mut answered = asked.clone();
        answered["sealed"] = json!("kliv1.x");
        let mut secrets: Vec<_> = (0..MOST - 1).map(|n| secret(n, asked.clone())).collect();
        secrets.extend((0..50).map(|n| secret(n, answered.clone())));
        assert!(room(&secrets).is_ok());
        secrets.push(secret(77, asked));
        let words = room(&secrets).unwrap_err();
        assert!(words.text().contains("cancel_request"), "{}", words.text());
        assert!(words.text().ends_with("a-18, a-77"), "{}", words.text());
    }
}
