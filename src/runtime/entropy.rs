//! The one place that makes randomness; everywhere else it is an argument.

use std::time::Duration;

use getrandom::rand_core::{Rng as _, UnwrapErr};

/// The operating system's generator. Panics when that fails: nothing can be sealed
/// without it, and on Linux it can't fail once the system is up.
pub type Entropy = UnwrapErr<getrandom::SysRng>;

/// A handle on the operating system's generator.
pub fn system() -> Entropy {
    UnwrapErr(getrandom::SysRng)
}

/// `wait` and up to a fifth more, so that replicas don't act in step.
pub fn jittered(wait: Duration) -> Duration {
    let share = f64::from(system().next_u32()) / f64::from(u32::MAX);
    wait + wait.mul_f64(share / 5.0)
}

/// A name that no other process has: `prefix` and 8 hexadecimal digits.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}_{:08x}", system().next_u32())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_only_adds_and_at_most_a_fifth() {
        for _ in 0..1000 {
            let wait = jittered(Duration::from_secs(10));
            assert!((Duration::from_secs(10)..=Duration::from_secs(12)).contains(&wait));
        }
    }
}
