//! What is odd about secrets.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kliv_secrets::reconcile::{inspect, learn};
use kliv_secrets::seal::Binding;

use super::*;
use crate::seal_support::{keyring, sealed as seal};

const DAY: i64 = 24 * 60 * 60;
/// A credential as a machine draws it.
const DRAWN: &str = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
const OTHER: &str = "sk_live_8fT77PqRsuVXabzkM5wYh2Jn";

/// A secret with this value, which is in use.
fn holding(var: &str, environment: Option<&str>, value: &str) -> SecretObject {
    let binding = Binding { account: "shop", variable: var, environment };
    let text = seal(&keyring(1), &binding, value.as_bytes(), [7; 32]).to_string();
    let mut secret = secret(var, environment, json!({ "sealed": text }), Some((2, text)));
    secret.reminders.described = true;
    secret.status.updated_time = Some(Time(now()));
    secret
}

/// What an account's secrets say at a time, and when it is looked again.
fn said_at(
    account: &mut Account,
    memory: &mut Memory,
    at: Timestamp,
) -> (BTreeMap<String, Vec<String>>, Option<Duration>) {
    inspect(account, &mut Learned::default(), Some(&keyring(1)), at);
    learn(account, &mut memory.learned, Some(&keyring(1)));
    let (_, sets) = decide(account);
    let sets: Vec<Value> = sets
        .iter()
        .map(|set| {
            json!({ "environment": set.environment, "name": set.name, "uid": "u",
            "keys": set.members.iter().map(|m| &m.env_var).collect::<Vec<_>>(), "revision": 1 })
        })
        .collect();
    account.object = account_object(json!({ "revision": 1, "sets": sets }));
    let plan = plan(account, memory, &timings(), at);
    for action in plan.actions {
        if let Action::WriteSecret { name, status, .. } = action {
            account.secrets.get_mut(&name).expect("there").status = *status;
        }
    }
    let said = account.secrets.values().map(|secret| {
        let reasons = secret.status.warnings.iter().map(|warning| warning.reason.clone());
        (secret.name.clone(), reasons.collect())
    });
    (said.collect(), plan.look_again)
}

fn said(secrets: impl IntoIterator<Item = SecretObject>) -> BTreeMap<String, Vec<String>> {
    said_at(&mut account(secrets), &mut looked(), now()).0
}

fn of(secret: SecretObject) -> Vec<String> {
    said([secret]).into_values().next().expect("one")
}

#[test]
fn a_secret_that_is_as_it_should_be_says_nothing() {
    assert_eq!(of(holding("STRIPE_KEY", Some("production"), DRAWN)), [""; 0]);
}

#[test]
fn what_a_value_shows_is_said() {
    for (environment, value, says) in [
        (Some("test"), DRAWN, "LiveKeyOutsideProduction"),
        (Some("production"), "sk_test_4eC39HqLyjWDarjtT1zdp7dc", "TestKeyInProduction"),
        (None, "key\n", "WhiteSpace"),
    ] {
        assert_eq!(of(holding("STRIPE_KEY", environment, value)), [says]);
    }
}

#[test]
fn what_a_spec_shows_is_said() {
    assert_eq!(of(holding("KEY1", None, "v")), ["NameSaysNothing"]);
    let mut secret = holding("STRIPE_KEY", None, "v");
    secret.reminders.described = false;
    assert_eq!(of(secret), ["NoDescription"]);
    let mut question =
        super::secret("STRIPE_KEY", None, json!({ "request": { "purpose": "pays" } }), None);
    question.reminders.described = true;
    assert_eq!(of(question), ["AwaitingValue"]);
}

#[test]
fn the_same_drawn_value_in_two_environments_is_said_of_both_until_one_changes() {
    let both = || {
        let environments = [None, Some("production"), Some("staging")];
        let values = [OTHER, DRAWN, DRAWN];
        environments.into_iter().zip(values).map(|(env, value)| holding("PAY_KEY", env, value))
    };
    let mut account = account(both());
    let mut memory = looked();
    let (first, _) = said_at(&mut account, &mut memory, now());
    assert_eq!(first["pay-key"], [""; 0]);
    assert_eq!(first["pay-key.production"], ["SameValueInEnvironments"]);
    let staging = &account.secrets["pay-key.staging"].status.warnings;
    assert!(staging[1].message.contains("in the environment production:"), "{staging:?}");
    assert_eq!(first["pay-key.staging"], ["LiveKeyOutsideProduction", "SameValueInEnvironments"]);

    account.secrets.insert("pay-key.staging".into(), holding("PAY_KEY", Some("staging"), OTHER));
    let (then, _) = said_at(&mut account, &mut memory, now());
    assert_eq!(then["pay-key.production"], [""; 0]);
    assert_eq!(then["pay-key"], ["SameValueInEnvironments"]);
    account.secrets.remove("pay-key.staging");
    assert_eq!(said_at(&mut account, &mut memory, now()).0["pay-key"], [""; 0]);
}

#[test]
fn values_that_can_be_guessed_and_other_variables_are_never_compared() {
    for value in ["4711", "hunter2", "Summer2026Password", "0000000000000000"] {
        let said = said([holding("PIN", None, value), holding("PIN", Some("x"), value)]);
        assert_eq!(said["pin"], [""; 0], "{value}");
        assert_eq!(said["pin.x"], [""; 0], "{value}");
    }
    let said = said([holding("PAY_KEY", None, DRAWN), holding("SHIP_KEY", Some("x"), DRAWN)]);
    assert!(said.values().all(Vec::is_empty), "{said:?}");
}

#[test]
fn what_was_said_of_a_value_stays_while_it_can_not_be_opened() {
    let mut account = account([holding("STRIPE_KEY", None, "key\n")]);
    said_at(&mut account, &mut looked(), now());
    inspect(&mut account, &mut Learned::default(), Some(&keyring(1)), now());
    // A new leader that has opened nothing.
    let writes = words(&plan_of(&account, &looked()));
    assert!(!writes.iter().any(|word| word.contains("status of")), "{writes:?}");
}

#[test]
fn what_is_due_is_said_from_its_time_on_and_looked_at_then() {
    let rotate = |secret: &mut SecretObject| secret.reminders.rotate_after_days = Some(30);
    let expire = |secret: &mut SecretObject| secret.reminders.expires = Some(ago(-30 * DAY));
    type Wish = fn(&mut SecretObject);
    let table: [(Wish, i64, &[&str], Option<i64>); 9] = [
        (rotate, 0, &[], Some(DAY)),
        (rotate, 30 * DAY - 5, &[], Some(5)),
        (rotate, 30 * DAY, &["RotationDue"], None),
        (rotate, 90 * DAY, &["RotationDue"], None),
        (expire, 0, &[], Some(DAY)),
        (expire, 16 * DAY - 7, &[], Some(7)),
        (expire, 16 * DAY, &["ExpiresSoon"], Some(DAY)),
        (expire, 30 * DAY - 9, &["ExpiresSoon"], Some(9)),
        (expire, 30 * DAY, &["Expired"], None),
    ];
    for (wish, later, says, look) in table {
        let mut secret = holding("STRIPE_KEY", None, "v");
        wish(&mut secret);
        let mut account = account([secret]);
        account.functions.insert("f".into(), function("f", None));
        let (said, again) = said_at(&mut account, &mut looked(), ago(-later));
        assert_eq!(said["stripe-key"], says, "after {later} s");
        assert_eq!(again, look.map(|s| Duration::from_secs(s.unsigned_abs())), "after {later} s");
        let plan = plan(&account, &looked(), &timings(), ago(-later));
        assert!(words(&plan).iter().all(|word| !word.contains("status of")), "said once");
    }
}

#[test]
fn a_secret_that_no_function_gets_is_unused_and_one_that_any_gets_is_not() {
    let secrets = || {
        [
            holding("STRIPE_KEY", None, "v"),
            holding("STRIPE_KEY", Some("production"), "w"),
            holding("MAIL_KEY", None, "x"),
        ]
    };
    let at = |functions: &[(&str, Value)], seconds: i64| {
        let mut account = account(secrets());
        for (name, metadata) in functions {
            let mut deployment = json!({ "metadata": { "name": name, "uid": name },
                "spec": { "selector": {}, "template": { "spec": { "containers": [
                    { "name": "main" }] } } } });
            for (key, value) in metadata.as_object().expect("fields") {
                deployment["metadata"][key] = value.clone();
            }
            let deployment = serde_json::from_value(deployment).expect("a Deployment");
            account.functions.insert((*name).into(), Function::of(&deployment));
        }
        let (said, _) = said_at(&mut account, &mut looked(), ago(-seconds));
        let unused = said.into_iter().filter(|(_, said)| said.contains(&"Unused".to_owned()));
        unused.map(|(name, _)| name).collect::<Vec<_>>()
    };
    let all = ["mail-key", "stripe-key", "stripe-key.production"];
    let production = json!({ "labels": { "secrets.kliv.dev/environment": "production" } });
    let list = json!({ "annotations": { "secrets.kliv.dev/inject": "STRIPE_KEY" } });
    assert_eq!(at(&[], 0), [""; 0], "an account that is being set up");
    assert_eq!(at(&[], DAY), all);
    assert_eq!(at(&[("f", json!({}))], 0), ["stripe-key.production"]);
    assert_eq!(at(&[("f", production.clone())], 0), ["stripe-key"]);
    assert_eq!(at(&[("f", json!({})), ("g", production)], 0), [""; 0]);
    assert_eq!(at(&[("f", list)], 0), ["mail-key", "stripe-key.production"]);
}

#[test]
fn the_secret_nearest_to_a_required_name_that_is_missing_says_so() {
    let mut account = account([holding("STRIPE_KEY", None, "v"), holding("MAIL_KEY", None, "x")]);
    let deployment = json!({ "metadata": { "name": "pay", "uid": "u",
            "annotations": { "secrets.kliv.dev/requires": "STRIPE_KEYS,MAIL_KEY" } },
        "spec": { "selector": {}, "template": { "spec": { "containers": [{ "name": "m" }] } } } });
    let deployment = serde_json::from_value(deployment).expect("a Deployment");
    account.functions.insert("pay".into(), Function::of(&deployment));
    let (said, _) = said_at(&mut account, &mut looked(), now());
    assert_eq!(said["stripe-key"], ["RequiredNameMissing"]);
    assert_eq!(said["mail-key"], [""; 0]);
    let message = &account.secrets["stripe-key"].status.warnings[0].message;
    assert!(message.starts_with("function pay requires STRIPE_KEYS,"), "{message}");
    assert!(message.contains("did you mean STRIPE_KEY?"), "{message}");
}

#[test]
fn while_sets_change_what_functions_show_is_not_judged() {
    let mut account = account([holding("STRIPE_KEY", None, "v")]);
    account.functions.insert("f".into(), function("f", None));
    said_at(&mut account, &mut looked(), now());
    account.secrets.insert("new-key".into(), new_secret("NEW_KEY", None));
    let memory = Memory { blocked: Some((Reason::QuotaExceeded, "full".into())), ..looked() };
    for action in plan_of(&account, &memory).actions {
        if let Action::WriteSecret { status, .. } = action {
            assert!(status.warnings.iter().all(|warning| warning.reason != "Unused"));
        }
    }
}
