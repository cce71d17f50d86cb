//! Waiting on conditions: no test sleeps for a time that somebody guessed.

use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Tries until there is an answer, and gives it; fails after a minute with the claim
/// that did not come true.
pub async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let attempts = async {
        loop {
            if let Some(answer) = attempt().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    match tokio::time::timeout(LIMIT, attempts).await {
        Ok(answer) => answer,
        Err(_) => panic!("after {} s still not: {what}", LIMIT.as_secs()),
    }
}
