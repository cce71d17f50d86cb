//! Questions for people: a first value, a new one, or whether a secret may go; asked, answered
//! and refused in the terminal and on the web page.

use axum::http::StatusCode;
use kliv_secrets::account::{DryRun, Error, Target, Unfit, Wanted, waiting};
use kliv_secrets::api::condition::Reason;
use kliv_secrets::api::{KlivSecret, Question};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::account::{Account, function, secret, secret_with};
use crate::operator::Operator;
use crate::verbs::{kliv, kliv_reading};
use crate::web_forms::{Web, is_done, says};

const FIRST: &str = "c4n4ry-first-value-a1b2c3";
const SECOND: &str = "c4n4ry-second-value-d4e5f6";
/// Markup that would do something if it were ever taken for it.
const HOSTILE: &str = "<script>alert(1)</script>\u{202e}";
const PATH: &str = "/requests/api-token";

async fn account(name: &str) -> Account<'static> {
    Account::new(Operator::shared().await, name).await
}

/// One that has a value, on a function.
async fn with_a_value(name: &str) -> Account<'static> {
    let account = account(name).await;
    account.create(&function("mail")).await;
    account.put(&secret("API_TOKEN", FIRST)).await;
    account.gets("mail", &[("API_TOKEN", FIRST)]).await;
    account
}

async fn now(account: &Account<'_>) -> KlivSecret {
    account.api().get("api-token").await.expect("the secret")
}

/// As the operator has seen it.
async fn seen(account: &Account<'_>) -> KlivSecret {
    let secret = account.published("api-token").await;
    account.caught_up().await;
    secret
}

fn asks(purpose: &str) -> Question {
    let requested_by = Some("<b>the boss</b>".to_owned());
    Question { purpose: purpose.to_owned(), requested_by, ..Question::default() }
}

async fn ask_anew(account: &Account<'_>) -> KlivSecret {
    let before = now(account).await;
    let asked = account.caller().ask_anew(&before, asks(HOSTILE), DryRun::None).await;
    asked.expect("asked");
    seen(account).await
}

async fn propose(account: &Account<'_>) -> KlivSecret {
    let before = now(account).await;
    let asked = account.caller().propose_deletion(&before, asks(HOSTILE), DryRun::None).await;
    asked.expect("proposed");
    seen(account).await
}

#[tokio::test]
async fn asking_about_a_value_changes_nothing_that_functions_get() {
    let account = with_a_value("ask-quiet").await;
    let before = now(&account).await;
    let sets = account.sets_there().await;
    let generation = account.function("mail").await.metadata.generation;

    for asked in [ask_anew(&account).await, propose(&account).await] {
        let status = asked.status.clone().expect("a status");
        assert_eq!(status.version, Some(1));
        assert_eq!(asked.spec.sealed, before.spec.sealed);
    }

    assert_eq!(account.sets_there().await, sets);
    assert_eq!(account.function("mail").await.metadata.generation, generation, "no rollout");
    let proposed = now(&account).await;
    assert_eq!(Wanted::of(&proposed), Some(Wanted::Deletion));
    let request = proposed.spec.request.expect("a question");
    assert_eq!(request.replaces, None, "nothing of the question before it stays");
}

#[tokio::test]
async fn a_new_value_that_was_asked_for_is_a_rotation_in_the_terminal() {
    let account = with_a_value("ask-anew").await;
    let request = ["request", "API_TOKEN", "--new-value", "--purpose=it leaked\u{1b}[2J"];
    let said = kliv(&account, &request);
    assert!(said.stderr.contains("kubectl kliv answer api-token"), "{said:?}");
    assert!(said.success().ends_with("api-token asked for a new value\n"));
    seen(&account).await;
    let said = kliv(&account, &["request", "API_TOKEN", "--purpose=x"]).failure();
    assert!(said.contains("--new-value"), "{said}");

    let listed = kliv(&account, &["answer"]).success();
    assert!(listed.contains("api-token   a new value"), "{listed}");
    assert!(listed.contains("it leaked\\u{1b}[2J"), "{listed}");
    let list = kliv(&account, &["list"]).success();
    assert!(list.contains("live, new value asked for"), "{list}");
    let described = kliv(&account, &["describe", "API_TOKEN"]).success();
    assert!(described.contains("Question:      a new value"), "{described}");
    let status = kliv(&account, &["status"]);
    assert!(status.stderr.contains("1 question waits"), "{status:?}");

    let said = kliv_reading(&account, SECOND, &["answer", "API_TOKEN", "--from-stdin"]);

    assert!(said.stderr.contains("Wanted:       a new value"), "{said:?}");
    assert!(said.stderr.contains("Functions that will get it: mail\n"), "{said:?}");
    assert!(said.success().contains("api-token answered\n"));
    account.gets("mail", &[("API_TOKEN", SECOND)]).await;
    let answered = seen(&account).await;
    assert_eq!(Wanted::of(&answered), None);
    assert_eq!(answered.status.and_then(|status| status.version), Some(2));
    let listed = kliv(&account, &["answer"]);
    assert!(listed.stderr.contains("Nothing is asked of anybody"), "{listed:?}");
    let twice = kliv_reading(&account, FIRST, &["answer", "API_TOKEN", "--from-stdin"]).failure();
    assert!(twice.contains("has its value already"), "{twice}");
}

#[tokio::test]
async fn a_new_value_through_any_door_answers_the_question() {
    let account = with_a_value("ask-any").await;
    ask_anew(&account).await;
    account.put(&secret("API_TOKEN", SECOND)).await;
    assert_eq!(Wanted::of(&seen(&account).await), None);

    // A rollback is another version as well.
    ask_anew(&account).await;
    kliv(&account, &["rollback", "API_TOKEN", "--to=1"]).success();
    let secret = seen(&account).await;
    assert_eq!(Wanted::of(&secret), None);
    assert!(matches!(waiting(&secret), Err(Error::Unfit(Unfit::HasValue(_)))));
}

#[tokio::test]
async fn a_question_about_a_value_that_is_refused_leaves_the_secret_as_it_is() {
    let account = with_a_value("ask-refuse").await;
    let before = now(&account).await;
    for proposes in [false, true] {
        match proposes {
            false => ask_anew(&account).await,
            true => propose(&account).await,
        };
        let said = kliv(&account, &["answer", "API_TOKEN", "--refuse"]).failure();
        assert!(said.contains("this needs a yes"), "{said}");
        let tried = ["answer", "API_TOKEN", "--refuse", "--yes", "--dry-run=server"];
        kliv(&account, &tried).success();
        assert!(Wanted::of(&now(&account).await).is_some(), "it was only tried");

        let said = kliv(&account, &["answer", "API_TOKEN", "--refuse", "--yes"]).success();

        assert!(said.contains("api-token refused\n"), "{said}");
        let kept = seen(&account).await;
        assert_eq!(kept.spec, before.spec);
        assert_eq!(kept.metadata.uid, before.metadata.uid);
    }
    account.gets("mail", &[("API_TOKEN", FIRST)]).await;
}

#[tokio::test]
async fn a_proposed_deletion_is_shown_and_done_by_deleting() {
    let account = with_a_value("ask-delete").await;
    let proposed = propose(&account).await;
    let said = kliv(&account, &["answer", "API_TOKEN"]);
    let told = &said.stderr;
    assert!(told.contains("Wanted:       deletion"), "{told}");
    assert!(told.contains("Functions that have it: mail\n"), "{told}");
    let ways = ["kubectl kliv delete api-token", "kubectl kliv answer api-token --refuse"];
    assert!(ways.iter().all(|way| told.contains(way)), "{told}");
    said.success();
    let said = kliv_reading(&account, SECOND, &["answer", "API_TOKEN", "--from-stdin"]).failure();
    assert!(said.contains("it is proposed to delete it: kubectl kliv delete"), "{said}");
    assert_eq!(now(&account).await.spec, proposed.spec, "no value was taken");
    let list = kliv(&account, &["list"]).success();
    assert!(list.contains("live, deletion proposed"), "{list}");

    kliv(&account, &["delete", "API_TOKEN", "--yes"]).success();

    assert_eq!(account.caller().list(false).await.expect("a list"), []);
}

#[tokio::test]
async fn what_has_no_value_is_neither_asked_anew_nor_proposed_to_be_deleted() {
    let account = account("ask-none").await;
    account.apply(&secret_with(json!({ "envVar": "API_TOKEN", "request": { "purpose": "p" } })));
    let secret = account.becomes("api-token", Reason::AwaitingValue).await;
    let caller = account.caller();
    for refused in [
        caller.ask_anew(&secret, asks("p"), DryRun::None).await,
        caller.propose_deletion(&secret, asks("p"), DryRun::None).await,
    ] {
        assert!(matches!(refused, Err(Error::Unfit(Unfit::NoValue(_)))));
    }
    let deletion = json!({ "purpose": "p", "deletion": true });
    let said = account
        .apply_refused(&secret_with(json!({ "envVar": "OTHER_TOKEN", "request": deletion })));
    assert!(said.contains("spec.value"), "{said}");
}

#[tokio::test]
async fn a_manifest_that_says_nothing_of_a_question_takes_it_away_and_nothing_else() {
    let account = with_a_value("ask-gitops").await;
    propose(&account).await;
    let spec = json!({ "envVar": "API_TOKEN" });
    let replaced = account.kubectl(&["replace", "-f", "-"], &secret_with(spec));
    replaced.success();
    let secret = seen(&account).await;
    assert_eq!((Wanted::of(&secret), secret.spec.request), (None, None));
    account.gets("mail", &[("API_TOKEN", FIRST)]).await;
}

#[tokio::test]
async fn who_asked_is_not_taken_for_who_changed_it_since() {
    let account = with_a_value("ask-who").await;
    let (_, asker) = {
        let asked = ask_anew(&account).await;
        let (question, asker) = waiting(&asked).expect("it waits");
        (question.clone(), asker)
    };
    assert_eq!((asker.user, asker.changed_by.as_deref()), (None, Some("kliv-admin")));
    assert_eq!(asker.says.as_deref(), Some("<b>the boss</b>"));
    let said = kliv(&account, &["describe", "API_TOKEN"]).success();
    assert!(said.contains("kliv-admin"), "{said}");
    assert!(said.contains("who may only have changed it since"), "{said}");
}

#[tokio::test]
async fn a_new_value_is_given_on_the_page_to_the_functions_that_it_names() {
    let account = with_a_value("web-anew").await;
    let web = Web::editor(&account).await;
    let asked = ask_anew(&account).await;
    says(&web.get("").await, StatusCode::OK, "new value asked for");
    says(&web.get("/requests").await, StatusCode::OK, "new value asked for");
    says(&web.get("/secrets/api-token").await, StatusCode::OK, "See who asks, and why");
    let page = web.get(PATH).await;
    says(&page, StatusCode::OK, "a new value in place of the one in use");
    let (checked, written) = page.body.split_once("What the asker wrote").expect("both parts");
    assert!(checked.contains("<code>mail</code>") && checked.contains("kliv-admin"), "{checked}");
    assert!(checked.contains("Asked, or changed since, by"), "{checked}");
    assert!(written.contains("&#60;script&#62;alert(1)"), "{written}");
    for markup in ["<script>alert", "<b>the boss", "\u{202e}"] {
        assert!(!page.body.contains(markup), "{markup}");
    }
    let read = web.seen("api-token").await;
    let (sealed, at) = web.sealed(&Target::of(&asked), Some(&asked)).await;
    let answer = [("act", "answer"), ("sealed", &sealed), ("sealedAt", &at)];
    // Somebody proposes to delete it meanwhile.
    propose(&account).await;
    let swapped = web.post(PATH, &[&answer[..], &[("seen", &read)]].concat()).await;
    says(&swapped, StatusCode::CONFLICT, "that the secret is deleted");
    let read = web.seen("api-token").await;
    let unasked = web.post(PATH, &[&answer[..], &[("seen", &read)]].concat()).await;
    says(&unasked, StatusCode::CONFLICT, "nobody asks for a value");
    ask_anew(&account).await;
    let read = web.seen("api-token").await;

    let answered = web.post(PATH, &[&answer[..], &[("seen", &read)]].concat()).await;

    is_done(&answered, "/secrets/api-token?done=answered");
    account.gets("mail", &[("API_TOKEN", &format!("of API_TOKEN, sealed at {at}"))]).await;
    says(&web.get(PATH).await, StatusCode::OK, "Nobody waits here any more");
}

#[tokio::test]
async fn a_secret_that_is_proposed_to_be_deleted_is_kept_on_the_page_or_deleted() {
    let account = with_a_value("web-keep").await;
    let web = Web::editor(&account).await;
    let before = now(&account).await;
    propose(&account).await;
    says(&web.get("").await, StatusCode::OK, "deletion proposed");
    let page = web.get(PATH).await;
    says(&page, StatusCode::OK, "Functions that would lose it");
    assert!(page.body.contains("/secrets/api-token/delete\""), "a link to the page that deletes");
    assert!(!page.body.contains("name=\"sealed\"") && !page.body.contains("<script>alert"));
    let read = web.seen("api-token").await;

    let kept = web.post(PATH, &[("act", "refuse"), ("seen", &read)]).await;

    is_done(&kept, "/secrets/api-token?done=kept");
    assert_eq!(seen(&account).await.spec, before.spec);
    says(
        &web.get("/secrets/api-token?done=kept").await,
        StatusCode::OK,
        "The secret stays as it was",
    );

    propose(&account).await;
    let read = web.seen("api-token").await;
    let fields = [("name", "API_TOKEN"), ("seen", read.as_str())];
    web.post("/secrets/api-token/delete", &fields).await;
    says(&web.get("/requests").await, StatusCode::OK, "Nobody is asking");
}

#[tokio::test]
async fn who_may_only_read_answers_keeps_and_asks_nothing() {
    let account = with_a_value("ask-viewer").await;
    let viewer = Web::of(&account, "vera", &["kliv-secrets-viewer"]).await;
    for proposes in [false, true] {
        let asked = match proposes {
            false => ask_anew(&account).await,
            true => propose(&account).await,
        };
        let page = viewer.get(PATH).await;
        says(&page, StatusCode::OK, "which you do not have");
        assert!(!page.body.contains("name=\"act\""), "{}", page.body);
        let read = viewer.seen("api-token").await;
        let (sealed, at) = viewer.sealed(&Target::of(&asked), Some(&asked)).await;
        let refuse = vec![("act", "refuse"), ("seen", read.as_str())];
        let answer = [("sealed", sealed.as_str()), ("sealedAt", &at)];
        let answer = [&[("act", "answer"), ("seen", read.as_str())][..], &answer].concat();
        for fields in if proposes { vec![refuse] } else { vec![refuse, answer] } {
            let refused = viewer.post(PATH, &fields).await;
            says(&refused, StatusCode::FORBIDDEN, "You have no right to that");
        }
        let said = kliv(&account, &["answer", "API_TOKEN", "--refuse", "--yes", "--as=vera"]);
        assert!(said.failure().contains("forbidden: "));
        assert_eq!(now(&account).await.spec, asked.spec);
    }
    let anew = ["request", "API_TOKEN", "--new-value", "--purpose=p", "--as=vera"];
    assert!(kliv(&account, &anew).failure().contains("forbidden: "));
}

#[tokio::test]
async fn what_was_changed_since_it_was_looked_at_is_neither_refused_nor_asked_about() {
    let account = with_a_value("ask-late").await;
    let proposed = propose(&account).await;
    let patch = Patch::Merge(json!({ "spec": { "description": "it is used" } }));
    let secrets = account.api::<KlivSecret>();
    secrets.patch("api-token", &PatchParams::default(), &patch).await.expect("changed");
    let caller = account.caller();
    let late = caller.refuse(&proposed, DryRun::None).await;
    assert!(matches!(late, Err(Error::Changed(_))));
    let late = caller.ask_anew(&proposed, asks("p"), DryRun::None).await;
    assert!(matches!(late, Err(Error::Changed(_))));
    assert_eq!(Wanted::of(&now(&account).await), Some(Wanted::Deletion));
}
