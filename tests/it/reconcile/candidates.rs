//! What a ciphertext is, compared with the value in use.

use kliv_secrets::reconcile::inspect;
use kliv_secrets::seal::{Binding, Keyring};

use super::*;
use crate::seal_support::{keyring, sealed as seal};

const PLACE: Binding<'static> =
    Binding { account: "shop", variable: "API_KEY", environment: Some("prod") };

fn candidate(keyring: &Keyring, text: &str, in_use: Option<&str>) -> Candidate {
    let in_use = in_use.map(|text| (2, text.to_owned()));
    let secret = secret("API_KEY", Some("prod"), json!({ "sealed": text }), in_use);
    let mut account = account([secret]);
    inspect(&mut account, &mut Learned::default(), Some(keyring), now());
    account.secrets["api-key.prod"].candidate.clone()
}

#[test]
fn a_ciphertext_is_compared_with_the_value_in_use() {
    let keyring = keyring(1);
    let seal = |value: &[u8], n| seal(&keyring, &PLACE, value, [n; 32]).to_string();
    let value = b"sk-proj-abc123xyz789";
    let (first, again, other) = (seal(value, 1), seal(value, 2), seal(b"other", 3));
    let Candidate::New { mask, .. } = candidate(&keyring, &first, None) else {
        panic!("not new");
    };
    assert_eq!(mask, "sk-p****z789");
    assert_eq!(candidate(&keyring, &first, Some(&first)), Candidate::Current);
    assert_eq!(candidate(&keyring, &again, Some(&first)), Candidate::SameValue { is_newer: true });
    assert!(matches!(candidate(&keyring, &first, Some(&other)), Candidate::New { .. }));
}

#[test]
fn a_ciphertext_that_does_not_open_here_says_why() {
    let here = keyring(1);
    let place = |account, variable, environment| Binding { account, variable, environment };
    let refused = Candidate::Unreadable(Why::Refused);
    for (keyring, binding, expected) in [
        (&here, place("other", "API_KEY", Some("prod")), &refused),
        (&here, place("shop", "OTHER", Some("prod")), &refused),
        (&here, place("shop", "API_KEY", None), &refused),
        (&here, place("shop", "API_KEY", Some("test")), &refused),
        (&keyring(2), PLACE, &Candidate::Unreadable(Why::UnknownKey)),
    ] {
        let text = seal(keyring, &binding, b"value", [1; 32]).to_string();
        assert_eq!(candidate(&here, &text, None), *expected);
    }
    let garbage = candidate(&here, "kliv1.garbage", None);
    assert_eq!(garbage, Candidate::Unreadable(Why::Malformed));
}

#[test]
fn a_value_in_use_that_can_not_be_opened_any_more_says_so_and_stays() {
    let lost = keyring(2);
    let text = seal(&lost, &PLACE, b"value", [1; 32]).to_string();
    let decided = |keyring: Option<&Keyring>| {
        let in_use =
            secret("API_KEY", Some("prod"), json!({ "sealed": text }), Some((2, text.clone())));
        let mut account = account([in_use]);
        inspect(&mut account, &mut Learned::default(), keyring, now());
        let (mut decisions, sets) = decide(&account);
        (decisions.remove("api-key.prod").expect("decided"), sets)
    };
    let (fine, sets) = decided(Some(&lost));
    assert_eq!(fine.reason, Reason::Published);
    for (keyring, words) in [
        (Some(&keyring(1)), "restore it from its backup, or set the value again"),
        (None, "kubectl get events -A --field-selector reason=KeyringUnavailable"),
    ] {
        let (decision, now) = decided(keyring);
        assert_eq!(decision.reason, Reason::DecryptionFailed);
        assert!(decision.message.contains(words), "{}", decision.message);
        assert_eq!(now, sets, "what is published stays");
    }
}

#[test]
fn what_an_account_has_too_many_of_is_not_even_opened() {
    let mut account = account((0..300).map(|i| {
        let mut secret = new_secret(&format!("V{i}"), None);
        secret.created = now() + SignedDuration::from_secs(i);
        secret
    }));
    inspect(&mut account, &mut Learned::default(), Some(&keyring(1)), now());
    let too_many = |secret: &&SecretObject| secret.candidate == Candidate::TooMany;
    assert_eq!(account.secrets.values().filter(too_many).count(), 300 - MAX_SECRETS);
    let (decisions, _) = decide(&account);
    for secret in account.secrets.values().filter(too_many) {
        assert_eq!(decisions[&secret.name].reason, Reason::LimitExceeded);
    }
}
