//! The webhook's certificate: what to do with it, and how one is made. No I/O; the time
//! is an argument. (Keys are random: `rcgen` asks the operating system itself.)
//!
//! A certificate is judged as the API server will judge it: does this chain verify, for
//! these names, at that time? Nothing else is read of it but how old an authority is.
//!
//! No authority's key is ever kept: each renewal makes a new authority with its one
//! certificate, and `ca.crt` holds the authorities of the pair in use and of the next.
//!
//! ```text
//!  Stage:    Secret: next pair kept aside, ca.crt = old + new      webhook: old pair
//!            caBundle = ca.crt                                     API server: trusts both
//!  Promote:  Secret: next pair becomes tls.crt/tls.key             webhook: old or new pair
//! ```
//!
//! After a crash between any two of these, whatever the webhook serves is trusted. A kubelet
//! brings a new pair to a pod a minute or two later: where several are asked for in that
//! time, the authorities of all of them stay.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    sign::CertifiedKey,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a certificate and its authority are good for.
const LIFE: Duration = DAY.saturating_mul(90);
/// A certificate that ends within this time is renewed: at two thirds of its life.
const AHEAD: Duration = DAY.saturating_mul(30);
/// A pod may still serve what was replaced so long ago.
const UNTIL_MOUNTED: Duration = Duration::from_secs(10 * 60);
/// So many authorities are trusted at most: a request that comes back each time it is
/// answered takes longer for them than a kubelet for one.
const MOST: usize = 32;
/// Clocks that are behind ours by less than this take a new certificate at once.
const SKEW: Duration = Duration::from_secs(60 * 60);

/// A certificate (with its key) in PEM.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Pair {
    /// The serving certificate.
    pub certificate: Vec<u8>,
    /// Its private key.
    pub key: Vec<u8>,
}

/// What is kept in the Secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// What the webhook serves.
    pub current: Pair,
    /// What it will serve next, once its authority is trusted.
    pub next: Option<Pair>,
    /// The authorities of both, PEM.
    pub authorities: Vec<u8>,
    /// Somebody asks for a new one, whatever the time.
    pub renew: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: all is well, or the next pair waits for its authority to be trusted.
    Keep,
    /// Make a pair and use it at once: there is none that works.
    Issue,
    /// Make the next pair and have its authority trusted.
    Stage,
    /// Use the next pair.
    Promote,
}

/// Decides. `trusted`: whether the API server already holds `kept.authorities`.
pub fn decide(kept: Option<&Kept>, names: &[String], trusted: bool, now: Timestamp) -> Step {
    let Some(kept) = kept else { return Step::Issue };
    let good = |pair: &Pair, at| verifies(pair, &kept.authorities, names, at);
    let next_good = kept.next.as_ref().is_some_and(|next| good(next, now));
    if !good(&kept.current, now) {
        return if next_good { Step::Promote } else { Step::Issue };
    }
    let lasts = |pair| good(pair, later(now, AHEAD));
    match &kept.next {
        Some(next) if lasts(next) && trusted => Step::Promote,
        Some(next) if lasts(next) => Step::Keep,
        _ if kept.renew || !lasts(&kept.current) => Step::Stage,
        _ => Step::Keep,
    }
}

/// What to keep after `step`.
///
/// # Errors
/// A name is no DNS name, or the operating system has no randomness.
pub fn after(
    step: Step,
    kept: Option<Kept>,
    names: &[String],
    now: Timestamp,
) -> Result<Kept, rcgen::Error> {
    let kept = kept.unwrap_or_default();
    Ok(match step {
        Step::Keep => kept,
        Step::Promote => Kept {
            current: kept.next.unwrap_or(kept.current),
            next: None,
            authorities: kept.authorities,
            renew: false,
        },
        Step::Issue => {
            // The webhook may still serve the old pair for a while.
            let (current, authority) = issue(names, now)?;
            let authorities = joined(authorities_of(&kept, names, now), authority);
            Kept { current, next: None, authorities, renew: false }
        }
        Step::Stage => {
            let (next, authority) = issue(names, now)?;
            let authorities = joined(authorities_of(&kept, names, now), authority);
            Kept { current: kept.current, next: Some(next), authorities, renew: false }
        }
    })
}

/// The DNS names under which a Service is called.
pub fn names_of(service: &str, namespace: &str) -> Vec<String> {
    vec![format!("{service}.{namespace}.svc"), format!("{service}.{namespace}"), service.into()]
}

/// Whether a server with `pair` is accepted by who trusts `authorities`, under each of
/// `names`, at `at`, and whether its key belongs to its certificate.
fn verifies(pair: &Pair, authorities: &[u8], names: &[String], at: Timestamp) -> bool {
    checked(pair, authorities, names, at).is_some()
}

fn checked(pair: &Pair, authorities: &[u8], names: &[String], at: Timestamp) -> Option<()> {
    let provider = Arc::new(ring::default_provider());
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&pair.certificate).collect::<Result<_, _>>().ok()?;
    let key = PrivateKeyDer::from_pem_slice(&pair.key).ok()?;
    CertifiedKey::from_der(chain.clone(), key, &provider).ok()?;

    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(authorities) {
        roots.add(root.ok()?).ok()?;
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().ok()?;
    let at = UnixTime::since_unix_epoch(since_epoch(at));
    let (end, between) = chain.split_first()?;
    for name in names {
        let name = ServerName::try_from(name.as_str()).ok()?;
        verifier.verify_server_cert(end, between, &name, &[], at).ok()?;
    }
    Some(())
}

/// The authorities that stay trusted beside a new one: that of the current pair, and those
/// that were followed by another so lately that a pod may still serve theirs; where the
/// current pair's is not to be found, also the last two that are any good.
fn authorities_of(kept: &Kept, names: &[String], now: Timestamp) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(&kept.authorities);
    let sound: Vec<String> = text
        .split_inclusive(END)
        .map(|block| format!("{}\n", block.trim()))
        .filter(|block| {
            CertificateDer::from_pem_slice(block.as_bytes())
                .is_ok_and(|root| RootCertStore::empty().add(root).is_ok())
        })
        .collect();
    let issuer =
        sound.iter().rposition(|root| verifies(&kept.current, root.as_bytes(), names, now));
    let stays = |at: usize| {
        issuer.map_or(at + 2 >= sound.len(), |issuer| at == issuer)
            || sound.get(at + 1).is_some_and(|next| is_young(next, now))
    };
    let stay: Vec<_> =
        sound.iter().enumerate().filter(|(at, _)| stays(*at)).map(|(_, root)| root).collect();
    stay[stay.len().saturating_sub(MOST - 1)..].iter().map(|&root| root.clone()).collect()
}

fn is_young(authority: &str, now: Timestamp) -> bool {
    let der = CertificateDer::from_pem_slice(authority.as_bytes()).ok();
    let validity = der.as_ref().and_then(validity);
    validity.is_some_and(|(began, _)| now < later(began, SKEW + UNTIL_MOUNTED))
}

/// From when to when a certificate is good, where that can be told.
#[must_use]
pub fn validity(certificate: &CertificateDer<'_>) -> Option<(Timestamp, Timestamp)> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let time = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
    let validity = parsed.validity();
    time(validity.not_before).zip(time(validity.not_after))
}

fn joined(mut authorities: Vec<String>, new: String) -> Vec<u8> {
    authorities.push(new);
    authorities.concat().into_bytes()
}

/// A new pair, and the certificate of the authority made for it.
fn issue(names: &[String], now: Timestamp) -> Result<(Pair, String), rcgen::Error> {
    let mut authority = valid(CertificateParams::default(), now);
    // Told apart by date: two of them are trusted at a time.
    authority.distinguished_name.push(DnType::CommonName, format!("kliv-secrets webhook CA {now}"));
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?.pem();

    let mut serving = valid(CertificateParams::new(names)?, now);
    serving.distinguished_name.push(DnType::CommonName, "kliv-secrets webhook");
    serving.use_authority_key_identifier_extension = true;
    serving.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    serving.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = serving.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let pair =
        Pair { certificate: certificate.pem().into_bytes(), key: key.serialize_pem().into_bytes() };
    Ok((pair, authority_certificate))
}

fn valid(mut params: CertificateParams, now: Timestamp) -> CertificateParams {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(now).saturating_sub(SKEW);
    params.not_after = epoch + since_epoch(later(now, LIFE));
    params
}

fn since_epoch(time: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(time.as_second()).unwrap_or(0))
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u32) -> Timestamp {
        later("2026-11-24T00:00:00Z".parse().unwrap(), DAY * n)
    }

    fn names() -> Vec<String> {
        names_of("kliv-secrets-webhook", "kliv-secrets-system")
    }

    fn fresh() -> Kept {
        after(Step::Issue, None, &names(), day(0)).unwrap()
    }

    fn staged() -> Kept {
        after(Step::Stage, Some(fresh()), &names(), day(61)).unwrap()
    }

    fn with(mut kept: Kept, change: impl Fn(&mut Kept)) -> Kept {
        change(&mut kept);
        kept
    }

    #[test]
    fn decides_by_what_is_kept_and_by_the_time() {
        let other_key = |kept: &mut Kept| kept.current.key = fresh().current.key;
        let garbage = |kept: &mut Kept| kept.current.certificate = b"garbage".to_vec();
        let foreign = |kept: &mut Kept| kept.authorities = fresh().authorities;
        let asked = |kept: &mut Kept| kept.renew = true;
        let staged_early =
            || after(Step::Stage, Some(with(fresh(), asked)), &names(), day(1)).unwrap();
        let broken = |kept: &mut Kept| {
            kept.authorities
                .extend(b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n");
        };
        let cases = [
            ("nothing kept", None, false, day(0), Step::Issue),
            ("an empty Secret", Some(Kept::default()), true, day(0), Step::Issue),
            ("fresh", Some(fresh()), false, day(0), Step::Keep),
            ("a clock that is behind", Some(fresh()), true, later(day(0), SKEW), Step::Keep),
            ("in its second third", Some(fresh()), true, day(59), Step::Keep),
            ("in its last third", Some(fresh()), true, day(61), Step::Stage),
            ("asked for", Some(with(fresh(), asked)), true, day(1), Step::Stage),
            ("asked for, next there", Some(with(staged(), asked)), true, day(61), Step::Promote),
            ("early, next, trusted", Some(staged_early()), true, day(1), Step::Promote),
            ("early, next, not trusted yet", Some(staged_early()), false, day(1), Step::Keep),
            ("expired", Some(fresh()), true, day(91), Step::Issue),
            ("another's key", Some(with(fresh(), other_key)), true, day(0), Step::Issue),
            ("a damaged certificate", Some(with(fresh(), garbage)), true, day(0), Step::Issue),
            ("a foreign authority", Some(with(fresh(), foreign)), true, day(0), Step::Issue),
            ("a damaged authority", Some(with(fresh(), broken)), true, day(0), Step::Issue),
            ("next, not trusted yet", Some(staged()), false, day(61), Step::Keep),
            ("next, trusted", Some(staged()), true, day(61), Step::Promote),
            ("next, the current one expired", Some(staged()), false, day(91), Step::Promote),
            ("next, itself old by now", Some(staged()), true, day(89 + 30), Step::Promote),
            ("both expired", Some(staged()), true, day(61 + 91), Step::Issue),
        ];
        for (name, kept, trusted, now, expected) in cases {
            assert_eq!(decide(kept.as_ref(), &names(), trusted, now), expected, "{name}");
        }
    }

    #[test]
    fn a_renamed_service_gets_a_new_certificate() {
        let renamed = names_of("kliv-secrets-webhook", "elsewhere");
        let before = fresh();
        assert_eq!(decide(Some(&before), &renamed, true, day(1)), Step::Issue);
        let kept = after(Step::Issue, Some(before.clone()), &renamed, day(1)).unwrap();
        assert_eq!(decide(Some(&kept), &renamed, true, day(1)), Step::Keep);
        assert!(
            verifies(&before.current, &kept.authorities, &names(), day(1)),
            "pods that still serve the old pair stay trusted"
        );
    }

    #[test]
    fn every_name_of_the_service_is_served() {
        let kept = fresh();
        for name in [
            "kliv-secrets-webhook.kliv-secrets-system.svc",
            "kliv-secrets-webhook.kliv-secrets-system",
            "kliv-secrets-webhook",
        ] {
            assert!(verifies(&kept.current, &kept.authorities, &[name.into()], day(0)), "{name}");
        }
        assert!(!verifies(&kept.current, &kept.authorities, &["other.svc".into()], day(0)));
    }

    #[test]
    fn through_a_renewal_whatever_is_served_is_trusted() {
        let mut kept = fresh();
        for round in 1..5 {
            let now = day(61 * round);
            let staged = after(Step::Stage, Some(kept.clone()), &names(), now).unwrap();
            let promoted = after(Step::Promote, Some(staged.clone()), &names(), now).unwrap();
            let next = staged.next.clone().unwrap();
            // Before the API server learns of the new authority: the old pair is served.
            assert!(verifies(&kept.current, &kept.authorities, &names(), now));
            // After: either may be served, as long as the webhook has not read the Secret.
            assert!(verifies(&kept.current, &staged.authorities, &names(), now));
            assert!(verifies(&next, &staged.authorities, &names(), now));
            assert!(promoted.current == next && promoted.next.is_none());
            assert!(promoted.authorities == staged.authorities);
            let soon = later(now, UNTIL_MOUNTED);
            assert_eq!(authorities_of(&promoted, &names(), soon).len(), 1, "they don't pile up");
            kept = promoted;
        }
    }

    /// Each is asked for as soon as the one before is in use, and no pod has read any yet.
    #[test]
    fn through_requests_that_follow_each_other_what_pods_still_serve_is_trusted() {
        let first = fresh();
        let mut kept = first.clone();
        for round in 0..60 {
            let now = later(day(1), Duration::from_secs(20) * round);
            kept.renew = true;
            assert_eq!(decide(Some(&kept), &names(), true, now), Step::Stage);
            kept = after(Step::Stage, Some(kept), &names(), now).unwrap();
            kept = after(Step::Promote, Some(kept), &names(), now).unwrap();
            let trusted = verifies(&first.current, &kept.authorities, &names(), now);
            assert_eq!(trusted, round < 30, "{round}: for ten minutes");
            let text = String::from_utf8_lossy(&kept.authorities);
            assert!(text.matches("BEGIN").count() <= MOST, "they don't pile up");
        }
    }

    #[test]
    fn a_next_pair_that_waited_too_long_is_made_anew_and_nothing_piles_up() {
        // The current one is still good, the next one is not good for long.
        let mut kept = staged();
        kept.next = Some(kept.current.clone());
        assert_eq!(decide(Some(&kept), &names(), true, day(61)), Step::Stage);
        let again = after(Step::Stage, Some(kept.clone()), &names(), day(62)).unwrap();
        assert!(verifies(&kept.current, &again.authorities, &names(), day(62)));
        assert_eq!(String::from_utf8(again.authorities).unwrap().matches("BEGIN").count(), 2);
    }
}
