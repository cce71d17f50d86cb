//! What functions have, or people are asked for, is not put aside by an agent that hands in a
//! value of its own, where people may pay.
//!
//! No object has to change for that: a variable's value for one environment wins over the one
//! for every environment, and functions of an environment without one of its own have the one
//! for every environment.
//!
//! ```text
//!   there is               an agent's value for   would be had by
//!   X                      X of production        functions of production, instead of X
//!   X of production, asked X of production        them, instead of what a person gives
//!   X, asked               X of production        them, instead of what a person gives
//!   X of production, asked X                      them, until a person has given theirs
//! ```

use crate::account::{Caller, Target, replaceable};
use crate::api::text::harmless;
use crate::api::{KlivSecret, Purpose};
use crate::mcp::failure::Failure;

/// That a value for this secret, which has none, takes the place of nothing that functions have
/// where people may pay, and answers nothing there that people are asked.
pub(super) async fn stands_in_for_none(caller: &Caller, target: &Target) -> Result<(), Failure> {
    if is_test(target.environment.as_deref()) {
        return Ok(());
    }
    in_place_of_none(&caller.glance().await?, target)
}

/// Whether an environment is plainly for trying things out.
pub(super) fn is_test(environment: Option<&str>) -> bool {
    Purpose::of(environment) == Purpose::Test
}

fn in_place_of_none(secrets: &[KlivSecret], target: &Target) -> Result<(), Failure> {
    let same = secrets.iter().filter(|secret| secret.spec.env_var == target.variable);
    let stands = |secret: &&KlivSecret| {
        let of = secret.spec.environment.as_deref();
        let has_value = replaceable(secret).is_ok();
        match target.environment.as_deref() {
            _ if of == target.environment.as_deref() => !has_value,
            Some(_) => of.is_none(),
            None => !has_value && !is_test(of),
        }
    };
    let mut same: Vec<&KlivSecret> = same.filter(stands).collect();
    // What waits is answered, whatever else there is.
    same.sort_by_key(|secret| replaceable(secret).is_ok());
    let Some(there) = same.first() else { return Ok(()) };
    let place = match &there.spec.environment {
        Some(environment) => format!("the environment {}", harmless(environment, 63)),
        None => "every environment".to_owned(),
    };
    let words = if replaceable(there).is_ok() {
        format!(
            "Functions of that environment have the variable's value for {place}, and one of its \
             own would take its place there. The environment is not plainly for trying things out, \
             so nothing was changed: a person gives such a value. Ask for it with request_secret, \
             for that environment."
        )
    } else {
        format!(
            "The variable waits for its value for {place}, which is to come from a person or the \
             cluster, and functions would have this one in its stead. That is not plainly for \
             trying things out, so nothing was changed. get_request, for {place}, says how it \
             stands, and where a person answers."
        )
    };
    Err(Failure::new(words))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `A`, or `A production`; with a star it has a value, else people are asked for one.
    fn secret(words: &str) -> KlivSecret {
        let (place, sealed) = match words.strip_suffix('*') {
            Some(place) => (place, Some("kliv1.x")),
            None => (words, None),
        };
        let Target { variable, environment, .. } = target(place);
        let spec = json!({
            "envVar": variable, "environment": environment, "sealed": sealed,
            "request": { "purpose": "p" },
        });
        serde_json::from_value(json!({ "metadata": { "name": "x" }, "spec": spec })).unwrap()
    }

    fn target(words: &str) -> Target {
        let (variable, environment) =
            words.split_once(' ').map_or((words, None), |(v, e)| (v, Some(e.to_owned())));
        Target::new(variable.into(), environment)
    }

    fn told(there: &str, wanted: &str) -> Option<String> {
        let there: Vec<KlivSecret> = there.split(", ").map(secret).collect();
        let told = in_place_of_none(&there, &target(wanted));
        told.err().map(|failure| failure.text().to_owned())
    }

    #[test]
    fn an_environment_s_own_value_takes_no_value_s_place_and_answers_no_question() {
        let has = "have the variable's value for every environment";
        let waits = "waits for its value for every environment";
        let of_production = "waits for its value for the environment production";
        for (there, wanted, words) in [
            ("A*", "A production", has),
            ("A*", "A eu", has),
            ("A*, A test*", "A pre-prod", has),
            ("A", "A production", waits),
            ("A", "A", waits),
            ("A production", "A production", of_production),
            ("A*, A production", "A production", of_production),
            ("A production", "A", of_production),
        ] {
            let told = told(there, wanted).unwrap_or_default();
            assert!(told.contains(words), "{there}, {wanted}: {told}");
            let way_out = if words == has { "request_secret" } else { "get_request" };
            assert!(told.contains(way_out), "{told}");
        }
        for (there, wanted) in [
            ("B*, AB*", "A production"),
            ("A eu*", "A production"),
            ("A production*", "A"),
            ("A test", "A"),
        ] {
            assert_eq!(told(there, wanted), None, "{there}, {wanted}");
        }
    }
}
