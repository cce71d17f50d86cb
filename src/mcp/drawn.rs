//! Whether a token looks drawn: by its kinds of characters, how often they change, and Shannon's
//! entropy. Words, also those in camel case, change less often.

use zeroize::Zeroizing;

/// What can be a token: without uids, which name objects.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = String> {
    let all = text.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=_-".contains(c));
    all.flat_map(|run| match run.split('/').any(is_uid) {
        true => without_uids(run),
        false => vec![run.to_owned()],
    })
}

fn without_uids(run: &str) -> Vec<String> {
    run.split('/').filter(|part| !is_uid(part)).map(str::to_owned).collect()
}

/// Whether a token, or a part of it, looks drawn.
pub(super) fn is_drawn(token: &str) -> bool {
    const SEPARATORS: [char; 5] = ['+', '/', '=', '_', '-'];
    let parts = || token.split(SEPARATORS).filter(|part| !part.is_empty());
    if parts().any(is_drawn_part) {
        return true;
    }
    // Base64 has separators in between, though few.
    let joined = Zeroizing::new(parts().collect::<String>());
    let kinds = Kinds::of(&joined);
    joined.len() >= 24
        && parts().count() <= 1 + joined.len() / 8
        && kinds.count() == 3
        && kinds.changes * 4 >= joined.len()
        && entropy(&joined) >= 3.5
        && !is_wordy(&joined)
}

fn is_drawn_part(part: &str) -> bool {
    let (length, kinds) = (part.len(), Kinds::of(part));
    if length >= 32 && part.bytes().all(|b| b.is_ascii_hexdigit()) {
        return entropy(part) >= 2.5;
    }
    match (kinds.small, kinds.capitals, kinds.digits) {
        (1.., 1.., 1..) => {
            length >= 20 && kinds.changes * 4 >= length && entropy(part) >= 3.2 && !is_wordy(part)
        }
        (1.., 0, 3..) => {
            length >= 24
                && kinds.changes >= 4
                && kinds.changes * 7 >= length
                && entropy(part) >= 3.2
        }
        (0, 1.., 1..) => length >= 24 && kinds.changes >= 2 && entropy(part) >= 3.0,
        (1.., 1.., 0) => length >= 24 && kinds.changes * 3 >= length && !is_wordy(part),
        _ => false,
    }
}

/// How many characters of each kind a token has, and how often the kind changes.
#[derive(Default)]
struct Kinds {
    small: usize,
    capitals: usize,
    digits: usize,
    changes: usize,
}

impl Kinds {
    fn of(token: &str) -> Self {
        let mut kinds = Self::default();
        let mut before = None;
        for byte in token.bytes() {
            let (kind, count) = match byte {
                b'0'..=b'9' => (0, &mut kinds.digits),
                b'A'..=b'Z' => (1, &mut kinds.capitals),
                _ => (2, &mut kinds.small),
            };
            *count += 1;
            kinds.changes += usize::from(before.replace(kind).is_some_and(|before| before != kind));
        }
        kinds
    }

    fn count(&self) -> usize {
        [self.small, self.capitals, self.digits].iter().filter(|count| **count > 0).count()
    }
}

/// Whether it holds letters and digits, or small letters and capitals in change.
pub(super) fn is_mixed(text: &str) -> bool {
    let has_digit = text.bytes().any(|b| b.is_ascii_digit());
    let has_letter = text.bytes().any(|b| b.is_ascii_alphabetic());
    has_digit && has_letter || Kinds::of(text).changes >= 4
}

/// Whether most of it is words in camel case.
fn is_wordy(token: &str) -> bool {
    let mut covered = 0;
    for word in token.split(|c: char| !c.is_ascii_lowercase()) {
        if word.len() >= 4 {
            covered += word.len() + 1;
        }
    }
    covered * 2 >= token.len()
}

/// Bits a character.
pub(super) fn entropy(token: &str) -> f64 {
    let mut counts = [0_u32; 256];
    token.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = f64::from(u32::try_from(token.len()).unwrap_or(u32::MAX));
    let share = |count: &u32| f64::from(*count) / length;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}

/// In the form of Kubernetes, e.g. `6c41d3f0-8c41-4a3a-9d8c-1f1b7c8f7f60`.
pub(super) fn is_uid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
