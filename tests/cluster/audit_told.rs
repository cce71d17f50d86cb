//! Every kind of event on a real API server: who did it, through what, what is said of it,
//! and the same as a line of the log and as a Kubernetes Event. Never a value.

use k8s_openapi::api::events::v1::Event;
use kliv_secrets::api::condition::Reason;
use kliv_secrets::api::names::ACCOUNT_NAME;
use kliv_secrets::api::{AuditAction, KlivAccount, KlivAuditEventSpec};
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::account::{Account, function, kubectl_kliv, secret, secret_with};
use crate::harness::{Options, eventually, run};
use crate::leaks::Search;
use crate::operator::Operator;
use crate::sealing_key::not_before_now;

const FIRST: &str = "c4n4ryfirstvaluea1b2c3d4e5f6";
const SECOND: &str = "c4n4rysecondvalueg7h8i9j0k1";
const THIRD: &str = "c4n4rythirdvaluel2m3n4o5p6";

/// What an event must say: secret, version, actor, via, and how its detail begins.
type Told = (AuditAction, &'static str, Option<i64>, &'static str, &'static str, &'static str);

/// In the order in which it is done below.
const TOLD: [Told; 12] = {
    use AuditAction::*;
    [
        (Created, "mail-key", Some(1), "anna", "kubectl", ""),
        (Updated, "mail-key", Some(2), "bert", "kubectl", ""),
        (RolledBack, "mail-key", Some(3), "cleo", "cli", "the value of version 1 is back"),
        (Compromised, "mail-key", Some(4), "dora", "cli", ""),
        (Refused, "mail-key", None, "eric", "kubectl", "SealedTooEarly: "),
        (OpeningFailed, "moved-key", None, "fred", "kubectl", "DecryptionFailed: "),
        (Requested, "sms-key", None, "gina", "cli", ""),
        (Answered, "sms-key", Some(1), "hugo", "cli", ""),
        (Deleted, "sms-key", Some(1), "iris", "", ""),
        (KeyRotated, "", None, "", "operator", "values are sealed with key "),
        (Deleted, "moved-key", None, "", "", "observed: nobody could see who deleted it"),
        (Resumed, "", None, "", "operator", "the record of this account was lost"),
    ]
};

/// `kubectl kliv` as another person.
fn kliv_as(account: &Account<'_>, user: &str, value: &str, args: &[&str]) {
    let who = ["--as", user, "--as-group=system:masters"];
    let args = [args, &who, &["-n", &account.namespace]].concat();
    run(kubectl_kliv(account.cluster, &args), value).success();
}

/// Waits until so much of what is wanted is told, and nothing else.
async fn told(account: &Account<'_>, count: usize) -> Vec<KlivAuditEventSpec> {
    let wanted: Vec<AuditAction> = TOLD.into_iter().take(count).map(|told| told.0).collect();
    account.tells(&wanted).await
}

#[tokio::test]
async fn every_kind_of_event_tells_who_did_it_through_what_and_never_a_value() {
    let flags = ["--log-format=json", "--quiet-period=50ms", "--keep-superseded=1s"];
    let mut operator = Operator::start(Options::default(), &flags).await;
    let namespace = {
        let account = Account::new(&operator, "told").await;
        account.create(&function("api")).await;
        changes(&account).await;
        account.namespace
    };
    // What is there when a key comes is told; who starts with it has nothing to tell.
    operator.restart_controller(&[&not_before_now()]).await;
    told(&Account::at(&operator, namespace.clone()), 10).await;
    operator.stop_webhook();
    Account::at(&operator, namespace.clone()).delete("ksec/moved-key");
    let account = Account::at(&operator, namespace);
    told(&account, 11).await;
    let accounts = account.api::<KlivAccount>();
    accounts.delete("default", &DeleteParams::default()).await.expect("is deleted");
    told(&account, TOLD.len()).await;
    let events = account.settled_trail().await;

    says_what_is_wanted(&events);
    every_revision_is_told_once(&events);
    the_log_says_the_same(&operator.controller_log(), &account.namespace, &events);
    for (kind, name, reason, note) in notes() {
        eventually(&format!("an Event {reason} about {name} says: {note}"), async || {
            let said = said(&account, kind, name, &reason).await;
            said.iter().any(|text| text.starts_with(&note)).then_some(())
        })
        .await;
    }
    let pages = [
        serde_json::to_string(&events).expect("JSON"),
        operator.logs(),
        account.kubectl(&["get", "events", "-o", "json"], &Value::Null).success(),
        account.kubectl(&["get", "kacct,ksec,kaudit", "-o", "json"], &Value::Null).success(),
    ];
    let search = Search::of(&[FIRST, SECOND, THIRD].map(str::to_owned));
    for page in pages {
        assert_eq!(search.find(page.as_bytes()), None);
    }
}

/// Everything that people do while the operator runs undisturbed.
async fn changes(account: &Account<'_>) {
    account.apply_as("anna", &secret("MAIL_KEY", FIRST));
    let first = account.published("mail-key").await.spec.sealed.expect("sealed");
    account.apply_as("bert", &secret("MAIL_KEY", SECOND));
    account.published("mail-key").await;
    told(account, 2).await;
    kliv_as(account, "cleo", "", &["rollback", "MAIL_KEY", "--to=1"]);
    told(account, 3).await;
    kliv_as(
        account,
        "dora",
        THIRD,
        &["rotate", "MAIL_KEY", "--compromised", "--yes", "--from-stdin"],
    );
    told(account, 4).await;
    // What dora called compromised.
    let old = json!({ "envVar": "MAIL_KEY", "sealed": first });
    account.apply_as("eric", &secret_with(old));
    told(account, 5).await;
    account.becomes("mail-key", Reason::SealedTooEarly).await;
    let moved = json!({ "envVar": "MOVED_KEY", "sealed": first });
    account.apply_as("fred", &secret_with(moved));
    told(account, 6).await;
    kliv_as(account, "gina", "", &["request", "SMS_KEY", "--purpose=to send codes"]);
    told(account, 7).await;
    kliv_as(account, "hugo", FIRST, &["answer", "SMS_KEY", "--from-stdin"]);
    told(account, 8).await;
    let delete = ["delete", "ksec/sms-key", "--as=iris", "--as-group=system:masters"];
    account.kubectl(&delete, &Value::Null).success();
    told(account, 9).await;
    account.gets("api", &[("MAIL_KEY", THIRD)]).await;
    account.settled_trail().await;
}

#[track_caller]
fn says_what_is_wanted(events: &[KlivAuditEventSpec]) {
    let told = events.iter().filter(|event| event.action != AuditAction::Published);
    for (event, (action, secret, version, actor, via, detail)) in told.zip(TOLD) {
        let said = (&event.action, event.secret.as_deref().unwrap_or_default(), event.version);
        assert_eq!(said, (&action, secret, version));
        assert_eq!((event.actor.as_str(), event.via.as_str()), (actor, via), "{action}");
        let said = event.detail.as_deref().unwrap_or_default();
        assert!(
            said.starts_with(detail) && detail.is_empty() == said.is_empty(),
            "{action}: {said}"
        );
        assert_eq!(event.secret_uid.is_some(), event.secret.is_some(), "{action}");
        let has_value = version.is_some() && action != AuditAction::Deleted;
        let mask = event.masked_value.as_deref();
        assert_eq!(mask.is_some_and(|mask| mask.starts_with("c4n4****")), has_value, "{action}");
    }
}

/// Those of one record of the account: with the record its count begins anew.
#[track_caller]
fn every_revision_is_told_once(events: &[KlivAuditEventSpec]) {
    let of_first = events.split(|event| event.action == AuditAction::Resumed).next();
    let events = of_first.expect("events");
    let published = events.iter().filter(|event| event.action == AuditAction::Published);
    let mut newest = 0;
    for event in published {
        assert_eq!((event.actor.as_str(), event.via.as_str()), ("", "operator"));
        let detail = event.detail.as_deref().unwrap_or_default();
        let revision = detail.strip_prefix("revision ").and_then(|rest| rest.split_once(' '));
        let (revision, rest) = revision.expect("a revision");
        let revision: i32 = revision.parse().expect("a number");
        assert!(revision > newest && rest == "is live on 1 of 1 functions", "{detail}");
        newest = revision;
    }
    assert!(newest >= 6, "{newest}: that of the last delete is among them");
}

/// A line for each event, with its fields and no others. After a restart one may come twice.
#[track_caller]
fn the_log_says_the_same(log: &str, account: &str, events: &[KlivAuditEventSpec]) {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let lines: Vec<Value> =
        lines.filter(|line| line["target"] == "audit" && line["account"] == account).collect();
    for event in events {
        let wanted = json!({
            "account": account, "sequence": event.sequence, "time": event.time.0.to_string(),
            "action": event.action, "secret": event.secret, "version": event.version,
            "actor": event.actor, "via": event.via, "detail": event.detail, "hash": event.hash,
        });
        let line = lines.iter().find(|line| line["sequence"] == wanted["sequence"]);
        let line = line.unwrap_or_else(|| panic!("no line of event {:?}", event.sequence));
        for (field, wanted) in wanted.as_object().expect("fields") {
            assert_eq!(line.get(field).unwrap_or(&Value::Null), wanted, "{field} of {line}");
        }
        let known = ["timestamp", "level", "target", "message", "on_behalf_of", "again"];
        let fields = line.as_object().expect("fields").keys().map(String::as_str);
        let others: Vec<&str> =
            fields.filter(|field| wanted.get(field).is_none() && !known.contains(field)).collect();
        assert_eq!(others, Vec::<&str>::new());
    }
}

/// What Events say of it: about what, with which reason, how.
fn notes() -> Vec<(&'static str, &'static str, String, String)> {
    let of_revision = "revision 1 is live on 1 of 1 functions".to_owned();
    let mut notes = vec![("KlivAccount", ACCOUNT_NAME, "RevisionLive".to_owned(), of_revision)];
    for (action, secret, version, actor, via, detail) in TOLD {
        let version = version.map(|version| format!("version {version}"));
        let via = if via.is_empty() { String::new() } else { format!(" via {via}") };
        let who = (!actor.is_empty()).then(|| format!("by {actor}{via}"));
        let detail = Some(detail.to_owned()).filter(|detail| !detail.is_empty());
        let note: Vec<String> = [version, who, detail].into_iter().flatten().collect();
        let reason = match action {
            AuditAction::Resumed => "AuditResumed".to_owned(),
            action => action.to_string(),
        };
        let (kind, name) =
            if secret.is_empty() { ("KlivAccount", ACCOUNT_NAME) } else { ("KlivSecret", secret) };
        notes.push((kind, name, reason, note.join(": ")));
    }
    notes
}

/// What Events with a reason say about an object.
async fn said(account: &Account<'_>, kind: &str, name: &str, reason: &str) -> Vec<String> {
    let events = account.api::<Event>().list(&ListParams::default()).await.expect("Events");
    let is_it = |event: &Event| {
        let object = event.regarding.as_ref();
        object.is_some_and(|object| {
            object.kind.as_deref() == Some(kind) && object.name.as_deref() == Some(name)
        }) && event.reason.as_deref() == Some(reason)
    };
    events.items.into_iter().filter(is_it).filter_map(|event| event.note).collect()
}
