//! The web pages, in a real browser before a real API server: who gets in, what everybody
//! sees, and what nobody can make them do.
#![expect(clippy::print_stdout, reason = "figures, for whoever asks by --nocapture")]

use futures::future::join_all;
use kliv_secrets::account::Wanted;
use kliv_secrets::api::KlivSecret;
use kliv_secrets::runtime::clock;
use serde_json::{Value, json};

use crate::account::{Account, function_with, secret, secret_with};
use crate::harness::{Web, eventually, journey};
use crate::operator::write_kubeconfig;
use crate::web_ground::{Ground, REQUEST, SECRET, asks_about, furnish};

#[tokio::test]
async fn people_get_in_by_provider_token_and_link_and_out_again() {
    let ground = Ground::shared().await;
    let account = Account::new(ground.operator, "web-in").await;
    furnish(&account).await;
    ground.may("anna", "edit", &account).await;
    let input = json!({
        "servers": ground.servers(), "origin": ground.web.origin, "account": account.namespace,
        "ways": [ground.person("anna"), { "token": ground.token(&account).await }],
        "wrong": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.c2lnbmVk",
    });

    let told = journey("sign-in", &input).await;

    let robot = format!("system:serviceaccount:{}:person", account.namespace);
    assert_eq!(told.result, json!(["oidc:anna", robot]));
    let kubeconfig = ground.folder.join("person.kubeconfig");
    write_kubeconfig(account.cluster, &account.namespace, "person", &kubeconfig);
    let (local, link) = Web::local(&kubeconfig, &["-n", &account.namespace], &ground.folder).await;
    let input = json!({
        "servers": [local.server()], "origin": local.origin, "account": account.namespace,
        "ways": [{ "link": link }],
    });
    let told = journey("sign-in", &input).await;
    assert_eq!(told.result, json!([robot]));
    let token = link.split_once("token=").expect("a link with a secret").1;
    let said = local.said();
    assert_eq!(said.matches(token).count(), 1, "told to the person, and to no log: {said}");
}

#[tokio::test]
async fn every_page_is_for_everybody_in_both_languages_and_both_schemes() {
    let ground = Ground::shared().await;
    let account = Account::new(ground.operator, "web-pages").await;
    furnish(&account).await;
    ground.may("anna", "edit", &account).await;
    let input = json!({
        "servers": ground.servers(), "origin": ground.web.origin, "signIn": ground.person("anna"),
        "account": account.namespace, "secret": SECRET, "request": REQUEST,
        "sameTitles": ["secret"],
    });

    let told = journey("pages", &input).await;

    assert_eq!(told.result["pages"], 12);
    assert!(told.requests > 50, "{}", told.requests);
}

#[tokio::test]
async fn whatever_somebody_writes_is_shown_as_text_and_never_runs() {
    let ground = Ground::shared().await;
    let account = Account::new(ground.operator, "web-hostile").await;
    ground.may("anna", "edit", &account).await;
    let marks = write_hostile(&account).await;
    let namespace = &account.namespace;
    let asked: Vec<_> = HOSTILE.iter().map(|text| percent(text)).collect();
    let mut paths: Vec<_> = asked
        .iter()
        .flat_map(|text| {
            [
                format!("/accounts/{namespace}?q={text}&environment={text}&sort={text}"),
                format!("/accounts/{namespace}/new?name={text}&environment={text}"),
                format!("/accounts/{namespace}/audit?secret={text}&actor={text}&since={text}"),
                format!("/accounts/{namespace}?done={text}"),
            ]
        })
        .collect();
    paths.push(format!("/accounts/{namespace}/secrets/plain-token"));
    for kind in ["asked", "hostile", "gone"] {
        let numbers = 0..HOSTILE.len();
        let of = |number| format!("/accounts/{namespace}/requests/{kind}-{number}");
        paths.extend(numbers.map(of));
    }
    let input = json!({
        "servers": ground.servers(), "origin": ground.web.origin, "signIn": ground.person("anna"),
        "accounts": [namespace], "secret": "hostile-0", "request": "asked-0", "paths": paths,
        "marks": marks,
    });

    let told = journey("hostile", &input).await;

    assert_eq!(told.result["seen"], marks.len());
}

#[tokio::test]
async fn who_may_only_read_can_only_read_and_a_stranger_learns_nothing() {
    let ground = Ground::shared().await;
    let account = Account::new(ground.operator, "web-rights").await;
    furnish(&account).await;
    ground.may("rita", "view", &account).await;
    let (rotation, deletion) = ("stripe-api-key.production", "key1");
    asks_about(&account, rotation, Wanted::NewValue, "It has been in a log").await;
    asks_about(&account, deletion, Wanted::Deletion, "Nothing reads it").await;
    let other = Account::new(ground.operator, "web-other").await;
    other.put(&secret("OTHER_TOKEN", "of another account")).await;
    ground.may("olle", "edit", &other).await;
    let sealed = account.sealed("FORGED_TOKEN", "forged");
    // What is forged is right in all but who sends it.
    let seen = seen(&account, SECRET).await;
    let sealed_at = clock::now().to_string();
    account.caught_up().await;
    let before = account.kubectl(&["get", "ksec", "-o", "yaml"], &json!(null)).success();
    let input = json!({
        "servers": ground.servers(), "origin": ground.web.origin,
        "account": account.namespace, "secret": SECRET, "request": REQUEST,
        "rotation": rotation, "deletion": deletion,
        "reader": ground.person("rita"), "stranger": ground.person("olle"),
        "sealed": sealed["sealed"], "sealedAt": sealed_at, "seen": seen,
        "untold": ["OPENAI_API_KEY", "TWILIO", "checkout", "anna"],
    });

    let told = journey("reader", &input).await;

    assert_eq!(told.result, json!(6), "forged forms");
    let after = account.kubectl(&["get", "ksec", "-o", "yaml"], &json!(null)).success();
    assert_eq!(before, after, "nothing was written");
}

#[tokio::test]
async fn a_secret_is_added_with_the_keyboard_alone_and_its_value_leaves_the_browser_sealed() {
    let ground = Ground::shared().await;
    let account = Account::new(ground.operator, "web-keys").await;
    furnish(&account).await;
    ground.may("anna", "edit", &account).await;
    let value = "k7f3a91c0e5b\"\\%<8d2f6a4b";
    let input = json!({
        "servers": ground.servers(), "origin": ground.web.origin, "signIn": ground.person("anna"),
        "account": account.namespace, "name": "KEYBOARD_TOKEN", "value": value,
        "canaries": [value], "left": ground.folder,
    });

    journey("keys", &input).await;

    let added = account.published("keyboard-token").await;
    let status = added.status.expect("a status");
    assert_eq!(status.updated_by.as_deref(), Some("oidc:anna"));
    assert_eq!(status.via.map(|via| via.to_string()).as_deref(), Some("web"));
    eventually("a function gets it", async || {
        let has = account.environment("mailer").await;
        (has.get("KEYBOARD_TOKEN").map(String::as_str) == Some(value)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_first_page_is_light_and_a_list_of_256_is_instant() {
    let ground = Ground::shared().await;
    let account = Account::new(ground.operator, "web-few").await;
    furnish(&account).await;
    let full = Account::new(ground.operator, "web-full").await;
    let many: Vec<_> = (0..256).map(|n| secret(&format!("TOKEN_{n}"), "one of many")).collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": many });
    full.apply(&list);
    for (name, account) in [("anna", &account), ("anna", &full)] {
        ground.may(name, "edit", account).await;
    }
    full.published("token-255").await;
    let input = json!({
        "servers": ground.servers(), "origin": ground.web.origin, "signIn": ground.person("anna"),
        "account": account.namespace, "full": full.namespace,
    });

    let told = journey("speed", &input).await;

    println!("web: {}", told.result);
}

#[tokio::test]
async fn without_script_all_works_that_seals_nothing() {
    let ground = Ground::shared().await;
    let account = Account::new(ground.operator, "web-plain").await;
    furnish(&account).await;
    ground.may("anna", "edit", &account).await;
    let input = json!({
        "servers": ground.servers(), "origin": ground.web.origin, "signIn": ground.person("anna"),
        "account": account.namespace, "secret": SECRET,
    });

    journey("plain", &input).await;

    let gone = account.kubectl(&["get", "ksec", "made-token"], &json!(null));
    assert!(gone.failure().contains("not found"));
}

/// A secret as a form's reader saw it, which the form says again.
async fn seen(account: &Account<'_>, name: &str) -> String {
    let secret: KlivSecret = account.api().get(name).await.expect("a secret");
    let metadata = secret.metadata;
    format!("{}.{}", metadata.uid.expect("a UID"), metadata.generation.expect("a generation"))
}

/// Markup, in every way in which a page might take it for its own. Each has a mark that is to
/// be seen as text.
const HOSTILE: [&str; 12] = [
    "<script>window.pwned=1;alert(1)</script>",
    "<img src=x onerror=\"window.pwned=1;alert(1)\">",
    "\"><svg onload=alert(1)>",
    "' autofocus onfocus=alert(1) x='",
    "</title></textarea></style></script><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{ constructor.constructor('alert(1)')() }} ${alert(1)}",
    "<iframe srcdoc=\"<script>parent.pwned=1</script>\"></iframe>",
    "<base href=//evil.example/><link rel=stylesheet href=//evil.example/x>",
    "<meta http-equiv=refresh content=\"0;url=//evil.example/\">",
    "&lt;img src=x onerror=alert(1)&gt; &#60;script&#62;",
    "<form action=//evil.example><button>Sign in again</button>",
];

/// Writes it wherever a text of somebody's is kept. Gives the marks.
async fn write_hostile(account: &Account<'_>) -> Vec<String> {
    let mut marks = Vec::new();
    let mut marked = |place: &str, number: usize, text: &str| {
        let mark = format!("mark-{place}-{number}.");
        let text = format!("{text} {mark}");
        marks.push(mark);
        text
    };
    let mut writes: Vec<(Value, String)> = Vec::new();
    for (number, text) in HOSTILE.iter().enumerate() {
        let kinds = [
            ("ASKED", json!({})),
            ("HOSTILE", json!({ "replaces": 1 })),
            ("GONE", json!({ "deletion": true })),
        ];
        for (kind, mut question) in kinds {
            let mut marked = |field: &str| marked(&format!("{kind}-{field}"), number, text);
            question["purpose"] = json!(marked("purpose"));
            question["obtainFrom"] = json!(marked("from"));
            question["requestedBy"] = json!(marked("says"));
            let mut spec = json!({ "envVar": format!("{kind}_{number}"), "request": question });
            if kind != "ASKED" {
                spec["value"] = json!("some value");
                spec["description"] = json!(marked("description"));
            }
            let mut object = secret_with(spec);
            // No page shows it.
            object["metadata"]["annotations"] = json!({ "note": text });
            writes.push((object, marked("user")));
        }
    }
    for (object, user) in &writes {
        let args = ["apply", "-f", "-", "--as", user, "--as-group", "system:masters"];
        account.kubectl(&args, object).success();
    }
    account.put(&secret("PLAIN_TOKEN", "plain value")).await;
    account.create(&function_with("hostile", &[("requires", HOSTILE[0])])).await;
    let numbers = 0..HOSTILE.len();
    let names =
        numbers.flat_map(|number| ["hostile", "gone"].map(|kind| format!("{kind}-{number}")));
    let names: Vec<_> = names.collect();
    join_all(names.iter().map(|name| account.published(name))).await;
    marks
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
