//! The operating system's randomness, for what the vault draws.

use getrandom::SysRng;
use hpke::rand_core::UnwrapErr;

use crate::seal::CryptoRng;

/// Randomness of the operating system. Panics in the one case that it has none, before
/// anything is sealed with something guessable.
#[must_use]
pub fn entropy() -> impl CryptoRng {
    UnwrapErr(SysRng)
}
