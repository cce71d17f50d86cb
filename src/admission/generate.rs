//! Values that the cluster makes itself.

use zeroize::Zeroizing;

use super::answer::Cause;
use crate::api::{Alphabet, Generate};
use crate::seal::{CryptoRng, Plaintext};

const LENGTHS: std::ops::RangeInclusive<i32> = 16..=512;
const DEFAULT_LENGTH: i32 = 32;

/// Makes a value; every character of the alphabet is equally likely.
pub(super) fn generate(wish: &Generate, rng: &mut impl CryptoRng) -> Result<Plaintext, Cause> {
    let length = wish.length.unwrap_or(DEFAULT_LENGTH);
    let Some(length) = usize::try_from(length).ok().filter(|_| LENGTHS.contains(&length)) else {
        return Err(Cause::fixed("spec.generate.length", "must be from 16 to 512 characters"));
    };
    let alphabet = characters(wish.alphabet.unwrap_or(Alphabet::Alphanumeric));
    // A byte above the last whole multiple of the alphabet would favour its beginning.
    let fair = 256 / alphabet.len() * alphabet.len();
    let mut value = Vec::with_capacity(length);
    let mut bytes = Zeroizing::new([0_u8; 64]);
    while value.len() < length {
        rng.fill_bytes(bytes.as_mut_slice());
        let drawn = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
        let missing = length - value.len();
        value.extend(drawn.map(|byte| alphabet[byte % alphabet.len()]).take(missing));
    }
    Ok(Plaintext::new(value))
}

fn characters(alphabet: Alphabet) -> &'static [u8] {
    match alphabet {
        Alphabet::Alphanumeric => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        Alphabet::Hex => b"0123456789abcdef",
        Alphabet::Base64url => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use getrandom::rand_core::UnwrapErr;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the test looks at the characters")]
    fn make(length: Option<i32>, alphabet: Option<Alphabet>) -> Result<Vec<u8>, Cause> {
        let mut rng = UnwrapErr(getrandom::SysRng);
        generate(&Generate { length, alphabet }, &mut rng).map(|value| value.expose().to_vec())
    }

    #[test]
    fn is_32_alphanumeric_characters_when_nothing_is_said() {
        let value = make(None, None).expect("made");
        assert_eq!(value.len(), 32);
        assert!(value.iter().all(u8::is_ascii_alphanumeric));
    }

    #[test]
    fn has_the_length_asked_for_and_no_other_is_accepted() {
        for length in [16, 17, 63, 64, 65, 512] {
            let value = make(Some(length), Some(Alphabet::Hex)).expect("made");
            assert_eq!(i32::try_from(value.len()), Ok(length));
        }
        for length in [i32::MIN, -1, 0, 15, 513, i32::MAX] {
            assert!(make(Some(length), None).is_err(), "{length}");
        }
    }

    #[test]
    fn uses_every_character_of_its_alphabet_about_equally_often() {
        for (alphabet, size) in
            [(Alphabet::Alphanumeric, 62), (Alphabet::Hex, 16), (Alphabet::Base64url, 64)]
        {
            let mut seen = BTreeMap::<u8, usize>::new();
            for _ in 0..400 {
                for byte in make(Some(512), Some(alphabet)).expect("made") {
                    *seen.entry(byte).or_default() += 1;
                }
            }
            assert_eq!(seen.len(), size);
            // 204,800 draws. Taking all bytes modulo 62 would make 8 characters a quarter
            // more frequent than the rest; fair ones stay within 10% but once in 10^8.
            let mean = 400 * 512 / size;
            assert!(seen.values().all(|count| count.abs_diff(mean) < mean / 10));
        }
    }

    #[test]
    fn two_values_differ() {
        assert_ne!(make(None, None), make(None, None));
    }
}
