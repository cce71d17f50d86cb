//! "Did you mean": the name nearest to one that is not there.

/// Longer names are not compared: the work grows with the square of the length.
const LONGEST: usize = 64;

/// The candidate that differs least from `name`, capitals or not; none when all
/// differ in more than a third of it.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    nearby(name, candidates).into_iter().next()
}

/// All of those that do not differ in more, the nearest first.
#[must_use]
pub fn nearby<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if name.len() > LONGEST {
        return Vec::new();
    }
    let wanted: Vec<char> = name.to_uppercase().chars().collect();
    let allowed = (wanted.len() / 3).max(1);
    let mut found: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| *candidate != name && candidate.len().abs_diff(name.len()) <= allowed)
        .map(|candidate| (distance(&wanted, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Levenshtein's distance: letters put in, left out or changed.
fn distance(a: &[char], b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, cb) in b.to_uppercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, ca) in a.iter().enumerate() {
            let changed = diagonal + usize::from(*ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[a.len()]
}

#[cfg(test)]
mod tests {
    use super::{nearby, nearest};

    const KEYS: [&str; 3] = ["OPENAI_API_KEY", "SENDGRID_API_KEY", "STRIPE_KEY"];

    #[test]
    fn a_slip_of_the_finger_finds_the_name() {
        assert_eq!(nearest("OPENAI_APIKEY", KEYS), Some("OPENAI_API_KEY"));
        assert_eq!(nearest("stripe_key", KEYS), Some("STRIPE_KEY"));
        assert_eq!(nearest("SENDGIRD_API_KEY", KEYS), Some("SENDGRID_API_KEY"));
    }

    #[test]
    fn another_name_finds_nothing() {
        assert_eq!(nearest("DATABASE_URL", KEYS), None);
        assert_eq!(nearest("STRIPE_KEY", ["STRIPE_KEY"]), None, "itself is no suggestion");
    }
    #[test]
    fn all_that_are_near_come_the_nearest_first() {
        let keys = ["STRIPE_KEY_LIVE", "STRIPE_KEYS", "OPENAI_API_KEY"];
        assert_eq!(nearby("STRIPE_KEY_", keys), ["STRIPE_KEYS"]);
        assert_eq!(nearby("STRIPE_KEY_LIV", keys), ["STRIPE_KEY_LIVE", "STRIPE_KEYS"]);
    }
}
