//! What the running function sees is what was given, whatever it is and however it came.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::account::{Account, secret, secret_in};
use crate::operator::Operator;

#[tokio::test]
async fn the_function_sees_exactly_what_client_side_apply_gave() {
    let Some(operator) = Operator::shared().await else { return };
    let mut values = values();
    values.push(("MORE_CONTROL_CHARACTERS", ('\u{7f}'..='\u{9f}').collect()));
    sees_exactly_what_was_given(&operator, &["apply", "-f", "-"], &values).await;
}

#[tokio::test]
async fn the_function_sees_exactly_what_server_side_apply_gave() {
    let Some(operator) = Operator::shared().await else { return };
    // The API server reads such a request as YAML: it refuses U+007F and most of the
    // characters up to U+009F in any object, and makes U+0085 a blank.
    let apply = ["apply", "--server-side", "-f", "-"];
    sees_exactly_what_was_given(&operator, &apply, &values()).await;
}

#[tokio::test]
async fn a_block_in_yaml_arrives_with_its_lines() {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, "values").await;
    let manifest = "\
apiVersion: secrets.kliv.dev/v1alpha1
kind: KlivSecret
metadata: {name: signing-key}
spec:
  envVar: SIGNING_KEY
  value: |
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg

      indented
    -----END PRIVATE KEY-----
";
    account.kubectl(&["apply", "-f", "-"], manifest).success();
    account.published("signing-key").await;
    account.apply(&account.function("api"));
    let value = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n\n  \
                 indented\n-----END PRIVATE KEY-----\n";
    account.runs_with("api", &[("SIGNING_KEY", value)]).await;
}

#[tokio::test]
async fn a_users_own_entry_can_refer_to_ours() {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, "values").await;
    let env = json!([
        { "name": "DATABASE_URL", "value": "postgres://app:$(DB_PASSWORD)@db" },
        { "name": "NOT_OURS", "value": "$(NOWHERE) $$(DB_PASSWORD)" },
    ]);
    // One that the controller changes, and one that gets its env when it is made.
    account.apply(&account.function_with_env("before", env.clone()));
    account.put(&secret("DB_PASSWORD", "p$(DB_PASSWORD)w")).await;
    account.runs_with("before", &[("DB_PASSWORD", "p$(DB_PASSWORD)w")]).await;
    account.apply(&account.function_with_env("after", env));

    let wanted = [
        ("DATABASE_URL", "postgres://app:p$(DB_PASSWORD)w@db"),
        ("NOT_OURS", "$(NOWHERE) $(DB_PASSWORD)"),
    ];
    account.runs_with("before", &wanted).await;
    account.runs_with("after", &wanted).await;
}

#[tokio::test]
async fn a_users_own_entry_of_the_same_name_wins() {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, "values").await;
    let env = json!([{ "name": "API_TOKEN", "value": "the user's" }]);
    account.apply(&account.function_with_env("before", env.clone()));
    account.put(&secret("API_TOKEN", "ours")).await;
    account.put(&secret("OTHER_TOKEN", "ours")).await;
    account.apply(&account.function_with_env("after", env));

    let wanted = [("API_TOKEN", "the user's"), ("OTHER_TOKEN", "ours")];
    account.runs_with("before", &wanted).await;
    account.runs_with("after", &wanted).await;
    account.is_told("before", "API_TOKEN").await;
    account.is_told("after", "API_TOKEN").await;
}

#[tokio::test]
async fn an_environment_overrides_and_without_one_of_its_own_the_default_holds() {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, "values").await;
    account.put(&secret("API_URL", "for all")).await;
    account.put(&secret("API_TOKEN", "of all")).await;
    account.put(&secret_in("production", "API_TOKEN", "of production")).await;
    account.put(&secret_in("test", "TEST_ONLY", "of test")).await;
    account.apply(&account.function("plain"));
    for environment in ["production", "test", "staging"] {
        account.apply(&account.function_in(environment, environment));
    }

    let ours = |environment: &crate::account::Environment| {
        let ours = ["API_TOKEN", "API_URL", "TEST_ONLY"];
        environment.keys().filter(|k| ours.contains(&k.as_str())).cloned().collect::<BTreeSet<_>>()
    };
    let all = [("API_TOKEN", "of all"), ("API_URL", "for all")];
    let names = |wanted: &[(&str, &str)]| wanted.iter().map(|w| w.0.to_owned()).collect();
    for function in ["plain", "staging"] {
        let environment = account.runs_with(function, &all).await;
        assert_eq!(ours(&environment), names(&all), "{function}");
    }
    let production = [("API_TOKEN", "of production"), ("API_URL", "for all")];
    let environment = account.runs_with("production", &production).await;
    assert_eq!(ours(&environment), names(&production));
    let test = [("API_TOKEN", "of all"), ("API_URL", "for all"), ("TEST_ONLY", "of test")];
    let environment = account.runs_with("test", &test).await;
    assert_eq!(ours(&environment), names(&test));
}

async fn sees_exactly_what_was_given(
    operator: &Operator,
    apply: &[&str],
    values: &[(&str, String)],
) {
    let account = Account::new(operator, "values").await;
    let items: Vec<Value> = values.iter().map(|(name, value)| secret(name, value)).collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    account.kubectl(apply, &list.to_string()).success();
    for item in &items {
        account.published(item["metadata"]["name"].as_str().expect("a name")).await;
    }
    // Were a value of ours expanded like a user's, this would stand in it.
    let env = json!([{ "name": "EXPANDED", "value": "expanded" }]);
    account.apply(&account.function_with_env("api", env));
    let environment = account.runs_with("api", &[("EXPANDED", "expanded")]).await;
    for (name, value) in values {
        let seen = environment.get(*name);
        assert!(seen == Some(value), "{name}: {} became {}", brief(Some(value)), brief(seen));
    }
}

fn values() -> Vec<(&'static str, String)> {
    let pem =
        "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUf\r\n\n\tq==\n-----END CERTIFICATE-----";
    let exact = [
        ("ONE_BYTE", "x"),
        ("ONE_BLANK", " "),
        ("BLANKS_AROUND", "  \t blank \t  "),
        (
            "UNICODE_TEXT",
            "hej å e\u{301} 世界 👩‍👩‍👧 \u{202e}turned\u{202c} \u{feff}mark \u{2028}line\u{2029}",
        ),
        ("PEM_TEXT", pem),
        ("TRAILING_NEWLINE", "value\n"),
        ("ONLY_NEWLINES", "\n\n"),
        ("REFERENCES", "$(EXPANDED) $$(EXPANDED) $EXPANDED ${EXPANDED} $(NOWHERE) $$ $( )"),
        ("QUOTES", r#"'single' "double" `back` \ \\ \n \u0041 \" %s %00 {{.X}}"#),
        ("MARKUP", "<b>&amp;</b><script>alert(1)</script>"),
        ("ASSIGNMENT", "A=b=c;export D=e"),
        ("NUMBER_LIKE", "4829301774"),
        ("BOOLEAN_LIKE", "true"),
        ("NULL_LIKE", "null"),
        ("JSON_TEXT", r#"{"type":"service_account","private_key":"-----BEGIN\n","value":"x"}"#),
        ("YAML_TEXT", "a: &b [*c, !!binary d] # no comment\n--- |\n  e"),
    ];
    let mut values = exact.map(|(name, value)| (name, value.to_owned())).to_vec();
    values.push(("CONTROL_CHARACTERS", ('\u{1}'..='\u{1f}').collect()));
    values.push(("BYTES_64_KIB", "å".repeat(32 * 1024)));
    values
}

/// Enough of a value to see what went wrong.
fn brief(value: Option<&String>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    let start: String = value.chars().take(80).collect();
    format!("{} bytes beginning with {start:?}", value.len())
}
