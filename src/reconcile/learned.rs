//! What there is to say about values themselves, learned while they were open: no more than
//! the words, and when they were sealed, is kept.
//!
//! The values of one variable are looked at together, once for each ciphertext: whether two
//! environments have the same one shows only where both are open.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use k8s_openapi::jiff::Timestamp;
use zeroize::Zeroizing;

use super::inspect::{Candidate, open};
use super::observed::{Account, SecretObject};
use crate::api::recognise;
use crate::api::warning::{Oddity, white_space, wrong_side};
use crate::seal::{Keyring, Plaintext};

/// What was learned of the values that were opened, by the secret's uid.
#[derive(Clone, Default)]
pub struct Learned {
    about: BTreeMap<String, About>,
    /// When a ciphertext was sealed: it can't say so without being opened.
    sealed_at: BTreeMap<String, Vec<(u64, Timestamp)>>,
}

#[derive(Clone)]
struct About {
    /// Of which ciphertext of this secret.
    sealed: u64,
    /// Beside which others.
    group: u64,
    /// None: it does not open.
    odd: Option<Vec<Oddity>>,
}

impl Learned {
    /// What is odd about this ciphertext of a secret; none where it was not opened.
    pub(super) fn of(&self, uid: &str, sealed: &str) -> Option<&[Oddity]> {
        let about = self.about.get(uid).filter(|about| about.sealed == mark(sealed))?;
        about.odd.as_deref()
    }

    pub(super) fn retain(&mut self, mut is_there: impl FnMut(&str) -> bool) {
        self.about.retain(|uid, _| is_there(uid));
        self.sealed_at.retain(|uid, _| is_there(uid));
    }

    /// When this ciphertext of a secret was sealed, where that was learned.
    pub(super) fn sealed_at(&self, uid: &str, sealed: &str) -> Option<Timestamp> {
        let mark = mark(sealed);
        let (_, at) = self.sealed_at.get(uid)?.iter().find(|(of, _)| *of == mark)?;
        Some(*at)
    }

    /// Learns it. No more than two are kept: of the value in use, and of the one to come.
    pub(super) fn learn_sealed_at(&mut self, uid: &str, sealed: &str, at: Timestamp) {
        let known = self.sealed_at.entry(uid.to_owned()).or_default();
        known.truncate(1);
        known.insert(0, (mark(sealed), at));
    }
}

/// Opens what was not looked at yet, and learns what is odd about it.
pub fn learn(account: &Account, learned: &mut Learned, keyring: Option<&Keyring>) {
    let mut groups: BTreeMap<&str, Vec<(&SecretObject, &str)>> = BTreeMap::new();
    for secret in account.secrets.values() {
        if let (Some((variable, _)), Some(sealed)) = (&secret.place, subject(secret)) {
            groups.entry(variable).or_default().push((secret, sealed));
        }
    }
    for members in groups.values() {
        let marks: Vec<(&str, u64)> =
            members.iter().map(|(secret, sealed)| (secret.uid.as_str(), mark(sealed))).collect();
        let group = mark(&marks);
        let is_known = |uid: &str| learned.about.get(uid).is_some_and(|about| about.group == group);
        if marks.iter().all(|(uid, _)| is_known(uid)) {
            continue;
        }
        let odd = odd(&account.namespace, members, keyring);
        for ((uid, sealed), odd) in marks.into_iter().zip(odd) {
            learned.about.insert(uid.to_owned(), About { sealed, group, odd });
        }
    }
}

/// The ciphertext that a secret's warnings speak of.
fn subject(secret: &SecretObject) -> Option<&str> {
    match secret.candidate {
        Candidate::TooMany => None,
        Candidate::Current | Candidate::SameValue { .. } | Candidate::New { .. } => secret.sealed(),
        Candidate::Nothing
        | Candidate::Unreadable(_)
        | Candidate::TooOld
        | Candidate::Compromised => {
            secret.status.history.first().map(|entry| entry.sealed.as_str())
        }
    }
}

/// Of each what is odd, the values side by side.
fn odd(
    namespace: &str,
    members: &[(&SecretObject, &str)],
    keyring: Option<&Keyring>,
) -> Vec<Option<Vec<Oddity>>> {
    let opened: Vec<Option<Plaintext>> = members
        .iter()
        .map(|(secret, sealed)| {
            let intent = secret.intent.as_ref().ok()?;
            Some(open(namespace, intent, sealed, keyring).ok()?.value)
        })
        .collect();
    let drawn: Vec<bool> = opened.iter().map(|v| v.as_ref().is_some_and(is_drawn)).collect();
    let place = |at: usize| members[at].0.place.as_ref().and_then(|place| place.1.as_deref());
    let same_as = |at: usize, value: &Plaintext| -> Vec<String> {
        let others = opened.iter().enumerate().filter(|(other, _)| *other != at && drawn[*other]);
        let same = others.filter(|(_, other)| other.as_ref().is_some_and(|o| o.same_as(value)));
        same.map(|(other, _)| place(other).unwrap_or_default().to_owned()).collect()
    };
    let about = |(at, value): (usize, &Option<Plaintext>)| {
        let value = value.as_ref()?;
        let same = if drawn[at] { same_as(at, value) } else { Vec::new() };
        let wrong = place(at).zip(recognise(value));
        let wrong = wrong.and_then(|(environment, what)| wrong_side(environment, what));
        let same = (!same.is_empty()).then_some(Oddity::SameValueInEnvironments(same));
        let space = white_space(value).map(Oddity::WhiteSpace);
        Some([wrong, same, space].into_iter().flatten().collect())
    };
    opened.iter().enumerate().map(about).collect()
}

/// The shortest value that is compared with others, characters …
const SHORTEST: usize = 16;
/// … and the longest.
const LONGEST: usize = 512;
/// It must hold so many different characters.
const DIFFERENT: usize = 8;

/// Whether a value is a key that its provider has drawn: nobody can try out such values by
/// writing them under another environment, to see whether they are said to be the same.
///
/// How random a text looks does not tell: Base64 or a hash of a password looks as random as a
/// key does. So it must be known how the provider's keys begin, and what follows must be small
/// letters, capitals and digits in constant change, which no hexadecimal hash is, and no text
/// in Base64.
#[expect(clippy::disallowed_methods, reason = "whether it could be guessed shows in its shape")]
fn is_drawn(value: &Plaintext) -> bool {
    if recognise(value).is_none_or(|what| what.provider.is_empty()) {
        return false;
    }
    let value = value.expose();
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.".contains(b);
    if !(SHORTEST..=LONGEST).contains(&value.len()) || !value.iter().all(is_plain) {
        return false;
    }
    // What is the same in every key of a provider does not count.
    let drawn = value.rsplit(|b| matches!(b, b'_' | b'-' | b'.')).max_by_key(|part| part.len());
    let drawn = drawn.unwrap_or_default();
    let kind = |b: u8| (b.is_ascii_lowercase(), b.is_ascii_uppercase(), b.is_ascii_digit());
    let changes = drawn.windows(2).filter(|pair| kind(pair[0]) != kind(pair[1])).count();
    let kinds: BTreeSet<_> = drawn.iter().map(|b| kind(*b)).collect();
    let different: BTreeSet<&u8> = drawn.iter().collect();
    drawn.len() >= SHORTEST
        && changes * 3 >= drawn.len()
        && kinds.len() == 3
        && different.len() >= DIFFERENT
        && !is_encoded_text(drawn)
}

/// Whether it is Base64 of something that can be read, or a part of such.
fn is_encoded_text(drawn: &[u8]) -> bool {
    (0..4).any(|cut| {
        let part = drawn.get(cut..).unwrap_or_default();
        let whole = part.get(..part.len() / 4 * 4).unwrap_or_default();
        STANDARD_NO_PAD.decode(whole).map(Zeroizing::new).is_ok_and(|bytes| {
            bytes.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
        })
    })
}

/// Tells ciphertexts apart within this process.
fn mark(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn only_keys_that_their_provider_has_drawn_are_compared() {
        for value in [
            "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
            "SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf",
            "ghp_4eC39HqLyjWDarjtT1zdp7dcR2b6Qw8K1xYz",
            "sk-proj-4eC39HqLyjWDarjtT1zdp7dcR2b6Qw8K1xYz",
        ] {
            assert!(is_drawn(&Plaintext::new(value.into())), "{value}");
        }
        for value in [
            "",
            "1234",
            "hunter2",
            "4929123456789012",
            "correct-horse-battery-staple",
            "Summer2026Password",
            "production_password_1234",
            "sk_live_0000000000000042",
            "sk_live_a1B2",
            "sk_live_a1a1a1a1a1a1a1a1a1a1",
            // Drawn or not, nobody can tell.
            "4eC39HqLyjWDarjtT1zdp7dc",
            "live_4eC39HqLyjWDarjtT1zdp7dc",
            "postgres://app:4eC39HqLyjWDarjtT1zdp7dc@db/app",
            "sk_test_4eC39HqLyjWDarjtT1zdp7dc\n",
        ] {
            assert!(!is_drawn(&Plaintext::new(value.into())), "{value}");
        }
    }

    #[test]
    fn a_guess_in_any_clothing_is_never_compared() {
        let clothe = |guess: String| {
            let digest = Sha256::digest(&guess);
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            [
                STANDARD.encode(&guess),
                STANDARD_NO_PAD.encode(&guess),
                URL_SAFE.encode(format!("{guess}~?>")),
                hex[..32].to_owned(),
                hex[..40].to_owned(),
                hex.clone(),
                hex.to_uppercase(),
                STANDARD.encode(digest),
                guess,
            ]
        };
        for n in (0..10_000).step_by(7) {
            let guesses = [
                format!("serviceuser:{n:04}"),
                format!("{n:04}"),
                format!("admin:Summer{n}"),
                format!("{{\"user\":\"app\",\"pin\":{n}}}"),
            ];
            for value in guesses.into_iter().flat_map(clothe) {
                for beginning in ["", "sk_live_", "sk-proj-", "whsec_", "key-", "eyJ"] {
                    let value = format!("{beginning}{value}");
                    assert!(!is_drawn(&Plaintext::new(value.clone().into())), "{value}");
                }
            }
        }
    }
}
