//! Waiting on conditions: no test sleeps for a time that somebody guessed.

use std::fmt::Display;
use std::time::Duration;

/// Far above what anything takes: a machine may have much other work.
const LIMIT: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(50);

/// Tries until there is an answer, and gives it; fails after some minutes with the claim
/// that did not come true.
pub async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_or_why(what, async || attempt().await.ok_or("")).await
}

/// The same, and the failure says as well what was missing last.
pub async fn eventually_or_why<T, E: Display>(
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let mut missing = None;
    let attempts = async {
        loop {
            match attempt().await {
                Ok(answer) => return answer,
                Err(why) => missing = Some(why),
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(LIMIT, attempts).await {
        Ok(answer) => answer,
        Err(_) => {
            let why = missing.map(|why| why.to_string()).filter(|why| !why.is_empty());
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            panic!("after {} s still not: {what}{why}", LIMIT.as_secs())
        }
    }
}
