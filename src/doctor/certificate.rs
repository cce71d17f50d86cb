//! What is said of the certificate that the webhook serves, and of the authorities by which
//! the API server trusts it. Pure.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::findings::{Finding, Found};
use super::trouble::Trouble;

/// A certificate that ends sooner should have been renewed long ago.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// From the page of metrics of a replica of the webhook: until when its certificate is good.
#[must_use]
pub(super) fn certificate_end(page: &str) -> Option<Timestamp> {
    const NAME: &str = "kliv_secrets_certificate_expiry_timestamp_seconds";
    let line = page.lines().find(|line| line.starts_with(NAME))?;
    let seconds = line.rsplit(' ').next()?.parse::<i64>().ok()?;
    // Nothing is served yet.
    Timestamp::from_second(seconds).ok().filter(|_| seconds > 0)
}

/// For how many days a certificate is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Good {
    /// The one that the webhook serves.
    Served(i64),
    /// The authority that the API server trusts it by.
    Trusted(i64),
}

/// How long it is good, where it is.
pub(super) fn good(
    serving: &Found<Timestamp>,
    authorities: &Found<Vec<Timestamp>>,
    now: Timestamp,
) -> Option<Good> {
    let good = |end: &Timestamp| (*end > now).then(|| days(*end, now));
    if let Found::Here(end) = serving
        && let Some(days) = good(end)
    {
        return Some(Good::Served(days));
    }
    let Found::Here(ends) = authorities else { return None };
    ends.iter().max().and_then(good).map(Good::Trusted)
}

/// The same in words.
pub(super) fn fact(
    serving: &Found<Timestamp>,
    authorities: &Found<Vec<Timestamp>>,
    now: Timestamp,
) -> Option<String> {
    good(serving, authorities, now).map(|good| match good {
        Good::Served(days) => {
            format!("the webhook serves a certificate that is good for {days} more days")
        }
        Good::Trusted(days) => {
            format!("the webhook's certificate is trusted for {days} more days")
        }
    })
}

/// What is wrong with it. What is served counts before what it is trusted by.
pub(super) fn rules(
    serving: &Found<Timestamp>,
    authorities: &Found<Vec<Timestamp>>,
    now: Timestamp,
    found: &mut Vec<Finding>,
) {
    match serving {
        Found::Here(end) if *end <= now => return found.push(Trouble::ServedEnded.into()),
        Found::Here(end) if end.duration_since(now) < SOON => {
            return found.push(Trouble::ServedEnds(days(*end, now)).into());
        }
        Found::Here(_) | Found::Absent => {}
        Found::Unknown(why) => found.push(Trouble::ServedUnseen(why.clone()).into()),
    }
    let Found::Here(ends) = authorities else { return };
    let Some(last) = ends.iter().max() else { return };
    if *last <= now {
        found.push(Trouble::AuthorityEnded.into());
    } else if last.duration_since(now) < SOON {
        found.push(Trouble::AuthorityEnds(days(*last, now)).into());
    }
}

fn days(until: Timestamp, now: Timestamp) -> i64 {
    until.duration_since(now).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use super::super::findings::Level;
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn after(hours: i64) -> Timestamp {
        NOW.checked_add(SignedDuration::from_hours(hours)).unwrap()
    }

    fn only(serving: Found<Timestamp>, authority: Timestamp) -> (Level, String) {
        let mut found = Vec::new();
        rules(&serving, &Found::Here(vec![after(-24), authority]), NOW, &mut found);
        assert_eq!(found.len(), 1, "{found:#?}");
        (found[0].level, found[0].to_string())
    }

    #[test]
    fn the_authority_that_lasts_longest_counts() {
        let authorities = Found::Here(vec![after(24), after(24 * 60)]);
        let fact = fact(&Found::Absent, &authorities, NOW);
        assert_eq!(fact.unwrap(), "the webhook's certificate is trusted for 60 more days");
        let (level, said) = only(Found::Absent, NOW);
        assert!(level == Level::Error && said.contains("has ended"), "{said}");
        let (level, said) = only(Found::Absent, after(24 * 5));
        assert!(level == Level::Advice && said.contains("ends in 5 days"), "{said}");
    }

    #[test]
    fn the_certificate_that_is_served_counts_before_the_authority_it_is_trusted_by() {
        let good = after(24 * 60);
        let fact = fact(&Found::Here(after(24 * 40)), &Found::Here(vec![good]), NOW);
        assert!(fact.unwrap().ends_with("good for 40 more days"));
        let (level, said) = only(Found::Here(NOW), good);
        assert!(level == Level::Error && said.contains("serves has ended"), "{said}");
        let (level, said) = only(Found::Here(after(24 * 5)), good);
        assert!(level == Level::Advice && said.contains("serves ends in 5 days"), "{said}");
        let (level, said) = only(Found::Unknown("no (403)".into()), good);
        assert!(level == Level::NotSeen && said.contains("pods/proxy"), "{said}");
    }

    #[test]
    fn a_webhooks_metrics_tell_when_its_certificate_ends() {
        let page = "# TYPE kliv_secrets_certificate_expiry_timestamp_seconds gauge\n\
                    kliv_secrets_certificate_start_timestamp_seconds{} 5\n\
                    kliv_secrets_certificate_expiry_timestamp_seconds{} 1800000000\n";
        assert_eq!(certificate_end(page), Timestamp::from_second(1_800_000_000).ok());
        for page in ["", "kliv_secrets_certificate_expiry_timestamp_seconds{} 0\n"] {
            assert_eq!(certificate_end(page), None, "{page}");
        }
    }
}
