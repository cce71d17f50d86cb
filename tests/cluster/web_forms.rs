//! The page's forms against a real API server and operator: what is written, and what is said.

use axum::http::StatusCode;
use kliv_secrets::account::{Target, sealed_at_least};
use kliv_secrets::api::KlivSecret;
use kliv_secrets::api::condition::Reason;
use kliv_secrets::runtime::{clock, entropy};
use kliv_secrets::seal::{Binding, Plaintext, SealingKey, seal};
use serde_json::json;

use crate::account::{Account, function, function_in, secret, secret_with};
use crate::chart::NAMESPACE;
use crate::harness::eventually;
use crate::harness::web_page::{Answer, Page};
use crate::operator::Operator;

/// The page as one person sees it, in an account.
pub(crate) struct Web<'a> {
    page: Page,
    account: &'a Account<'a>,
}

impl<'a> Web<'a> {
    /// As somebody who has some of the chart's roles in the account, or others.
    pub(crate) async fn of(account: &'a Account<'a>, user: &str, roles: &[&str]) -> Self {
        for role in roles {
            account.grant(role, user).await;
        }
        let client = account.cluster.as_user(user, &[]);
        Self { page: Page::open(client, user, &account.namespace, NAMESPACE).await, account }
    }

    pub(crate) async fn editor(account: &'a Account<'a>) -> Self {
        Self::of(account, "edda", &["kliv-secrets-editor", "view"]).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.page.get(&format!("/accounts/{}{path}", self.account.namespace)).await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.page.post(&format!("/accounts/{}{path}", self.account.namespace), fields).await
    }

    /// A value sealed as the browser does it, and the time that it was sealed with.
    pub(crate) async fn sealed(
        &self,
        target: &Target,
        before: Option<&KlivSecret>,
    ) -> (String, String) {
        let key = self.account.caller().sealing_key().await.expect("a key");
        self.sealed_with(&key, target, before)
    }

    fn sealed_with(
        &self,
        key: &SealingKey,
        target: &Target,
        before: Option<&KlivSecret>,
    ) -> (String, String) {
        let at = sealed_at_least(before, clock::now());
        let (variable, environment) = (target.variable.as_str(), target.environment.as_deref());
        let binding = Binding { account: &self.account.namespace, variable, environment };
        let value = Plaintext::new(format!("of {variable}, sealed at {at}").into_bytes());
        let sealed = seal(key, &binding, &value, at, &mut entropy::system()).expect("sealed");
        (sealed.to_string(), at.to_string())
    }

    async fn now(&self, object: &str) -> KlivSecret {
        self.account.api().get(object).await.expect("the secret")
    }

    /// As a form saw it.
    pub(crate) async fn seen(&self, object: &str) -> String {
        let metadata = self.now(object).await.metadata;
        format!("{}.{}", metadata.uid.expect("a uid"), metadata.generation.expect("one"))
    }
}

#[track_caller]
pub(crate) fn is_done(answer: &Answer, path: &str) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert!(answer.location.ends_with(path), "{}", answer.location);
}

#[track_caller]
pub(crate) fn says(answer: &Answer, status: StatusCode, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert!(answer.body.contains(words), "{words}: {}", answer.body);
}

#[tokio::test]
async fn a_value_that_was_sealed_in_the_browser_becomes_a_secret_by_whoever_sent_it() {
    let account = Account::new(Operator::shared().await, "web-add").await;
    account.create(&function_in("production", "shop")).await;
    let web = Web::editor(&account).await;
    let page = web.get("/new?name=STRIPE_API_KEY&environment=production").await;
    says(&page, StatusCode::OK, r#"value="STRIPE_API_KEY""#);
    assert!(page.body.contains("kliv1-key.x25519."), "the key is in the page");
    let target = Target::new("STRIPE_API_KEY".into(), Some("production".into()));
    let (sealed, at) = web.sealed(&target, None).await;

    let answer = web
        .post(
            "/new",
            &[
                ("name", "STRIPE_API_KEY"),
                ("environment", "production"),
                ("source", "typed"),
                ("sealed", &sealed),
                ("sealedAt", &at),
                ("description", "card payments\r\n<b>"),
                ("rotateAfter", "90"),
                ("expires", "2037-01-31"),
                ("length", ""),
                ("alphabet", "alphanumeric"),
            ],
        )
        .await;

    is_done(&answer, "/secrets/stripe-api-key.production?done=created");
    let secret = account.published("stripe-api-key.production").await;
    let status = secret.status.expect("a status");
    let told = (status.updated_by.as_deref(), status.via.as_deref());
    assert_eq!(told, (Some("edda"), Some("web")));
    assert_eq!(secret.spec.description.as_deref(), Some("card payments\n<b>"));
    assert_eq!(secret.spec.rotate_after_days, Some(90));
    let expires = secret.spec.expiration_time.expect("a time");
    assert_eq!(expires.0.to_string(), "2037-01-31T00:00:00Z");
    let value = format!("of STRIPE_API_KEY, sealed at {at}");
    account.gets("shop", &[("STRIPE_API_KEY", &value)]).await;
}

#[tokio::test]
async fn the_cluster_makes_a_value_when_asked_to() {
    let account = Account::new(Operator::shared().await, "web-make").await;
    account.create(&function("hook")).await;
    let web = Web::editor(&account).await;
    let fields = [("name", "WEBHOOK_SECRET"), ("source", "generate"), ("length", "24")];

    let answer = web.post("/new", &[&fields[..], &[("alphabet", "hex")]].concat()).await;

    is_done(&answer, "/secrets/webhook-secret?done=created");
    account.published("webhook-secret").await;
    let made = eventually("the function has it", async || {
        account.environment("hook").await.remove("WEBHOOK_SECRET")
    })
    .await;
    assert!(made.len() == 24 && made.bytes().all(|b| b.is_ascii_hexdigit()));
}

#[tokio::test]
async fn a_name_that_is_taken_is_told_and_all_but_the_value_comes_back() {
    let account = Account::new(Operator::shared().await, "web-taken").await;
    account.put(&secret("API_TOKEN", "there")).await;
    let web = Web::editor(&account).await;
    let target = Target::new("API_TOKEN".into(), None);
    let (sealed, at) = web.sealed(&target, None).await;
    let fields = [
        ("name", "API_TOKEN"),
        ("description", "mine"),
        ("rotateAfter", "30"),
        ("sealed", &sealed),
        ("sealedAt", &at),
    ];

    let answer = web.post("/new", &fields).await;

    says(&answer, StatusCode::CONFLICT, "There is one of this name in this environment");
    assert!(answer.body.contains("/secrets/api-token/update"), "the way out");
    for kept in [r#"value="API_TOKEN""#, "mine</textarea>", r#"value="30""#, "aria-invalid"] {
        assert!(answer.body.contains(kept), "{kept}: {}", answer.body);
    }
    assert!(!answer.body.contains(&sealed));
    assert_eq!(web.now("api-token").await.spec.description, None);
    assert!(web.get("/new").await.body.contains(r#"data-taken>["api-token"]<"#));
}

#[tokio::test]
async fn what_was_sealed_otherwise_than_it_should_is_refused_at_its_field() {
    let account = Account::new(Operator::shared().await, "web-unsealed").await;
    let web = Web::editor(&account).await;
    let target = Target::new("API_TOKEN".into(), None);
    let other = kliv_secrets::seal::Keyring::generate(clock::now(), &mut entropy::system());
    let (foreign, at) = web.sealed_with(other.sealing_key(), &target, None);
    let (sealed, _) = web.sealed(&target, None).await;

    for (sealed, at, words) in [
        (foreign.as_str(), at.as_str(), "The cluster has a new key"),
        (&sealed, "2999-01-01T00:00:00Z", "a time that is still to come"),
        (&sealed, "c4n4ry", "did not come sealed"),
        ("kliv1.c4n4ry", &at, "did not come sealed"),
        ("", &at, "There is no value yet"),
    ] {
        let fields = [("name", "API_TOKEN"), ("sealed", sealed), ("sealedAt", at)];
        let answer = web.post("/new", &fields).await;
        says(&answer, StatusCode::UNPROCESSABLE_ENTITY, words);
        assert!(!answer.body.contains("c4n4ry"));
    }
    assert_eq!(account.caller().list(false).await.expect("a list"), []);
}

#[tokio::test]
async fn a_new_value_or_other_words_are_taken_each_alone() {
    let account = Account::new(Operator::shared().await, "web-update").await;
    account.create(&function("api")).await;
    account.put(&secret("API_TOKEN", "first")).await;
    let web = Web::editor(&account).await;
    let path = "/secrets/api-token/update";

    let seen = web.seen("api-token").await;
    let fields = [("act", "details"), ("seen", &seen), ("description", "new words")];
    let answer = web.post(path, &[&fields[..], &[("rotateAfter", "7")]].concat()).await;
    is_done(&answer, "/secrets/api-token?done=described");
    let described = account.published("api-token").await;
    assert_eq!(described.spec.description.as_deref(), Some("new words"));
    assert_eq!(described.status.as_ref().and_then(|status| status.version), Some(1));

    let seen = web.seen("api-token").await;
    let (sealed, at) = web.sealed(&Target::of(&described), Some(&described)).await;
    let fields = [("act", "value"), ("seen", &seen), ("sealed", &sealed), ("sealedAt", &at)];
    is_done(&web.post(path, &fields).await, "/secrets/api-token?done=updated");
    account.gets("api", &[("API_TOKEN", &format!("of API_TOKEN, sealed at {at}"))]).await;
    let updated = account.published("api-token").await;
    assert_eq!(updated.spec.rotate_after_days, Some(7), "the rest stays");
    let status = updated.status.expect("a status");
    assert_eq!((status.version, status.via.as_deref()), (Some(2), Some("web")));

    let seen = web.seen("api-token").await;
    is_done(&web.post(path, &[("act", "details"), ("seen", &seen)]).await, "?done=described");
    let emptied = web.now("api-token").await.spec;
    assert_eq!((emptied.description, emptied.rotate_after_days), (None, None));
}

#[tokio::test]
async fn a_value_that_has_leaked_is_purged_with_all_before_it() {
    let account = Account::new(Operator::shared().await, "web-leaked").await;
    account.put(&secret("API_TOKEN", "first")).await;
    account.put(&secret("API_TOKEN", "leaked")).await;
    let web = Web::editor(&account).await;
    let before = web.now("api-token").await;
    let (sealed, at) = web.sealed(&Target::of(&before), Some(&before)).await;
    let seen = web.seen("api-token").await;

    let fields = [("act", "value"), ("seen", &seen), ("sealed", &sealed), ("sealedAt", &at)];
    let answer =
        web.post("/secrets/api-token/update", &[&fields[..], &[("leaked", "yes")]].concat()).await;

    is_done(&answer, "/secrets/api-token?done=purged");
    eventually("only the new value is kept", async || {
        let status = web.now("api-token").await.status?;
        let kept: Vec<i64> = status.history.iter().map(|entry| entry.version).collect();
        (kept == [3]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_somebody_else_changed_meanwhile_is_shown_anew_and_not_overwritten() {
    let account = Account::new(Operator::shared().await, "web-race").await;
    account.put(&secret("API_TOKEN", "first")).await;
    let web = Web::editor(&account).await;
    let before = web.now("api-token").await;
    let seen = web.seen("api-token").await;
    let (sealed, at) = web.sealed(&Target::of(&before), Some(&before)).await;
    account.put(&secret("API_TOKEN", "somebody else's")).await;

    for fields in [
        &[("act", "details"), ("description", "mine"), ("seen", seen.as_str())][..],
        &[("act", "value"), ("sealed", &sealed), ("sealedAt", &at), ("seen", &seen)],
    ] {
        let answer = web.post("/secrets/api-token/update", fields).await;
        says(&answer, StatusCode::CONFLICT, "Somebody else changed this while you were here");
        assert!(!answer.body.contains(&seen), "the form is a new one");
    }

    let now = web.now("api-token").await;
    assert_eq!(now.status.and_then(|status| status.version), Some(2));
    assert_eq!(now.spec.description, None);
}

/// Markup that would do something if it were ever taken for it.
const HOSTILE: &str = "<script>alert(1)</script>\n\"><img src=x onerror=alert(1)>\u{202e}";

async fn ask<'a>(account: &'a Account<'a>) -> Web<'a> {
    let request = json!({
        "purpose": HOSTILE, "obtainFrom": "javascript:alert(1)//https://evil.example",
        "requestedBy": "<b>the boss</b>",
    });
    let asked = secret_with(json!({ "envVar": "STRIPE_API_KEY", "request": request }));
    account.apply(&asked);
    account.becomes("stripe-api-key", Reason::AwaitingValue).await;
    Web::editor(account).await
}

#[tokio::test]
async fn what_an_asker_wrote_is_text_and_who_he_is_comes_from_the_cluster() {
    let account = Account::new(Operator::shared().await, "web-asked").await;
    account.create(&function("mail")).await;
    let web = ask(&account).await;

    for path in ["/requests", "/requests/stripe-api-key"] {
        let page = web.get(path).await;
        says(&page, StatusCode::OK, "&#60;script&#62;alert(1)&#60;/script&#62;");
        for markup in ["<script>alert", "<img", "<b>the boss", "\u{202e}", "href=\"javascript"] {
            assert!(!page.body.contains(markup), "{markup}: {}", page.body);
        }
        assert!(page.body.contains("nobody has checked this"));
    }
    let page = web.get("/requests/stripe-api-key").await.body;
    let (checked, written) = page.split_once("What the asker wrote").expect("both parts");
    assert!(checked.contains("<code>mail</code>") && checked.contains("via kubectl"), "{checked}");
    assert!(!checked.contains("the boss") && written.contains("the boss"));
    assert!(checked.contains("https://dashboard.stripe.com/apikeys"), "from our own table");
    assert!(!page.contains("href=\"https://evil"));
}

#[tokio::test]
async fn a_question_is_answered_as_it_was_read() {
    let account = Account::new(Operator::shared().await, "web-answer").await;
    account.create(&function("mail")).await;
    let web = ask(&account).await;
    let path = "/requests/stripe-api-key";
    let asked = web.now("stripe-api-key").await;
    let read = web.seen("stripe-api-key").await;
    let (sealed, at) = web.sealed(&Target::of(&asked), Some(&asked)).await;
    let answer = [("act", "answer"), ("sealed", &sealed), ("sealedAt", &at)];
    let other = json!({ "purpose": "something else" });
    account.apply(&secret_with(json!({ "envVar": "STRIPE_API_KEY", "request": other })));

    let swapped = web.post(path, &[&answer[..], &[("seen", &read)]].concat()).await;
    says(&swapped, StatusCode::CONFLICT, "something else");

    let read = web.seen("stripe-api-key").await;
    let answered = web.post(path, &[&answer[..], &[("seen", &read)]].concat()).await;
    is_done(&answered, "/secrets/stripe-api-key?done=answered");
    account
        .gets("mail", &[("STRIPE_API_KEY", &format!("of STRIPE_API_KEY, sealed at {at}"))])
        .await;
    says(&web.get(path).await, StatusCode::OK, "Nobody waits here any more");
}

#[tokio::test]
async fn a_question_that_is_refused_goes_away() {
    let account = Account::new(Operator::shared().await, "web-refuse").await;
    let web = ask(&account).await;
    let read = web.seen("stripe-api-key").await;
    let fields = [("act", "refuse"), ("seen", read.as_str())];

    let refused = web.post("/requests/stripe-api-key", &fields).await;

    is_done(&refused, "/requests?done=refused");
    assert_eq!(account.caller().list(false).await.expect("a list"), []);
    says(&web.get("/requests?done=refused").await, StatusCode::OK, "Nobody is asking");
}

#[tokio::test]
async fn who_may_only_read_sees_why_there_is_no_form_and_is_refused_all_the_same() {
    let account = Account::new(Operator::shared().await, "web-viewer").await;
    account.put(&secret("API_TOKEN", "first")).await;
    ask(&account).await;
    let web = Web::of(&account, "vera", &["kliv-secrets-viewer"]).await;
    let target = Target::new("NEW_TOKEN".into(), None);
    let (sealed, at) = web.sealed(&target, None).await;
    let value = [("sealed", sealed.as_str()), ("sealedAt", &at)];
    let (seen, read) = (web.seen("api-token").await, web.seen("stripe-api-key").await);

    for (path, fields) in [
        ("/new", vec![("name", "NEW_TOKEN")]),
        ("/secrets/api-token/update", vec![("act", "value"), ("seen", &seen)]),
        ("/requests/stripe-api-key", vec![("act", "answer"), ("seen", &read)]),
    ] {
        let page = web.get(path).await;
        says(&page, StatusCode::OK, "kliv-secrets-editor");
        assert!(!page.body.contains("name=\"sealed\""), "{path} has no form");
        let refused = web.post(path, &[&fields[..], &value].concat()).await;
        says(&refused, StatusCode::FORBIDDEN, "You have no right to that");
    }
    let fields = [("act", "refuse"), ("seen", read.as_str())];
    let refused = web.post("/requests/stripe-api-key", &fields).await;
    says(&refused, StatusCode::FORBIDDEN, "You have no right to that");
}

#[tokio::test]
async fn who_may_not_see_the_account_is_told_nothing_of_it() {
    let account = Account::new(Operator::shared().await, "web-stranger").await;
    account.put(&secret("API_TOKEN", "first")).await;
    let web = Web::of(&account, "otto", &[]).await;

    for path in ["/new", "/secrets/api-token/update", "/requests", "/requests/api-token"] {
        let page = web.get(path).await;
        says(&page, StatusCode::FORBIDDEN, "You have no right to that");
        // But for the address that was asked for, which the language switch gives back.
        let own = format!("value=\"/accounts/{}{path}\"", account.namespace);
        let told = page.body.replace(&own, "");
        assert!(!told.contains("api-token\""), "{path}: {told}");
    }
    let fields = [("name", "API_TOKEN"), ("source", "generate")];
    let refused = web.post("/new", &fields).await;
    says(&refused, StatusCode::FORBIDDEN, "You have no right to that");
}
