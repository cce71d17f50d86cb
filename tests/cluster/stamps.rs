//! Who changed a spec can't be forged.

use kliv_secrets::admission::{self, Verdict};
use kliv_secrets::api::names::EXTRA_ON_BEHALF_OF;
use kliv_secrets::api::{KlivSecret, Stamps};
use kliv_secrets::runtime::{clock, entropy};
use kliv_secrets::seal::Keyring;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::harness;
use crate::place::{Place, parse, question, refuses, stamp};

#[tokio::test]
async fn every_change_of_a_spec_carries_a_stamp_of_who_makes_it() {
    let place = Place::new("stamps").await;
    let secrets: Api<KlivSecret> = Api::namespaced(place.admin.clone(), &place.namespace);
    let user = place.user.as_str();
    let create = async |stamps: Option<String>| {
        let mut secret = question();
        secret["metadata"]["annotations"]["secrets.kliv.dev/stamps"] = json!(stamps);
        let secret = serde_json::from_value(secret).expect("a KlivSecret");
        secrets.create(&PostParams { dry_run: true, ..Default::default() }, &secret).await
    };
    let words = "does not carry who made it";
    refuses("no stamp", create(Some(String::new())).await, words);
    refuses("another's", create(Some(stamp(1, "somebody"))).await, words);
    refuses("a number ahead", create(Some(stamp(2, user))).await, words);
    for time in ["now", "::::::::::::::::::::", "9999-99-99T99:99:99Z", "2026-13-01T00:00:00Z"] {
        refuses(time, create(Some(format!("1 {time} spec api {user}"))).await, words);
    }
    let value = stamp(1, user).replace("spec", "value");
    refuses("another change than it is", create(Some(value)).await, words);
    let twice = format!("{}\n{}", stamp(1, user), stamp(1, user));
    refuses("the same twice", create(Some(twice)).await, "written by the kliv-secrets webhook");
    let two = format!("{}\n{}", stamp(0, "somebody"), stamp(1, user));
    refuses("an invented history", create(Some(two)).await, "written by the kliv-secrets webhook");

    place.create::<KlivSecret>(question()).await;
    let change = async |purpose: Option<&str>, stamps: &[String]| {
        let annotations = json!({"secrets.kliv.dev/stamps": stamps.join("\n")});
        let mut patch = json!({"metadata": {"annotations": annotations}});
        if let Some(purpose) = purpose {
            patch["spec"] = json!({"request": {"purpose": purpose}});
        }
        secrets.patch("a", &PatchParams::default(), &Patch::Merge(patch)).await
    };
    let first = stamp(1, user);
    refuses("no new stamp", change(Some("b"), std::slice::from_ref(&first)).await, words);
    refuses("the same number", change(Some("b"), &[first.clone(), stamp(1, user)]).await, words);
    let gone = change(Some("b"), &[stamp(2, user)]).await;
    refuses("an earlier one dropped", gone, "not recorded yet");
    let forged = change(Some("b"), &[stamp(1, "somebody"), stamp(2, user)]).await;
    refuses("an earlier one forged", forged, "written by the kliv-secrets webhook");
    change(Some("b"), &[first.clone(), stamp(2, user)]).await.expect("a stamped change");

    // One of whoever acts for a human stays beside those of before, and so do they.
    let cluster = harness::control_plane().await;
    let bot = cluster.as_user_for(user, &["system:masters"], "anna");
    let bot: Api<KlivSecret> = Api::namespaced(bot, &place.namespace);
    let third = stamp(3, user).replace(" api ", " agent:anna ");
    let lines = [first.clone(), stamp(2, user), third.clone()].join("\n");
    let patch = Patch::Merge(json!({
        "metadata": {"annotations": {"secrets.kliv.dev/stamps": lines}},
        "spec": {"request": {"purpose": "for anna"}},
    }));
    bot.patch("a", &PatchParams::default(), &patch).await.expect("a change for somebody");
    let forged = third.replace("anna", "bert");
    let forged = change(Some("d"), &[first.clone(), stamp(2, user), forged, stamp(4, user)]).await;
    refuses("another human in an earlier one", forged, "written by the kliv-secrets webhook");
    let all = [first.clone(), stamp(2, user), third, stamp(4, user)];
    change(Some("d"), &all).await.expect("one for nobody after it");

    refuses(
        "a stamp for nothing",
        change(None, &[&all[..], &[stamp(5, user)]].concat()).await,
        "written by the kliv-secrets webhook",
    );
    refuses("dropped by a write of metadata", change(None, &[]).await, "not recorded yet");
    let label = json!({"metadata": {"labels": {"x": "y"}}});
    secrets
        .patch("a", &PatchParams::default(), &Patch::Merge(label))
        .await
        .expect("labels are free");

    let recorded = Patch::Merge(json!({"status": {"recordedStamp": 4}}));
    let controller = place.as_controller::<KlivSecret>();
    controller.patch_status("a", &PatchParams::default(), &recorded).await.expect("records");
    change(Some("e"), &[stamp(5, user)]).await.expect("what is recorded may go");
    change(Some("f"), &[stamp(5, user), stamp(6, user)]).await.expect("and it counts on");
}

/// With the webhook away as with it: the policy holds a write to what the authenticator says.
#[tokio::test]
async fn a_stamp_names_the_human_that_the_authenticator_names_and_no_other() {
    let place = Place::new("on-behalf").await;
    let cluster = harness::control_plane().await;
    let write = async |human: Option<&str>, through: &str| {
        let (user, groups) = (place.user.as_str(), ["system:masters"]);
        let client = match human {
            Some(human) => cluster.as_user_for(user, &groups, human),
            None => cluster.as_user(user, &groups),
        };
        let mut secret = question();
        let line = stamp(1, user).replace(" api ", &format!(" {through} "));
        secret["metadata"]["annotations"]["secrets.kliv.dev/stamps"] = json!(line);
        let dry_run = PostParams { dry_run: true, ..Default::default() };
        let secrets = Api::<KlivSecret>::namespaced(client, &place.namespace);
        secrets.create(&dry_run, &parse(secret)).await
    };
    for (human, written) in [
        ("anna", "agent:anna"),
        ("Anna 100%", "agent:Anna%20100%25"),
        ("a:b%20", "agent:a:b%2520"),
        ("åsa@example.org", "agent:åsa@example.org"),
    ] {
        write(Some(human), written).await.expect(written);
    }
    write(Some(""), "agent").await.expect("an empty name is none");
    write(None, "agent").await.expect("nobody");
    let words = "does not carry who made it";
    for (human, through) in [
        (Some("anna"), "agent"),
        (Some("anna"), "agent:bert"),
        (Some("anna"), "agent:anna2"),
        (Some("anna"), "agent:"),
        (Some("anna"), "agent:anna agent:anna"),
        (Some("a b"), "agent:a b"),
        (Some("a%20b"), "agent:a%20b"),
        (Some("a:b"), "agent:a"),
        (Some(""), "agent:anna"),
        (Some(""), "agent:"),
        (None, "agent:anna"),
        (None, "agent:"),
    ] {
        refuses(&format!("{through} for {human:?}"), write(human, through).await, words);
    }
}

/// Twenty of the longest that the webhook writes: the policy reads them all.
#[tokio::test]
async fn the_longest_names_can_be_stamped_as_often_as_any() {
    let place = Place::new("long-stamps").await;
    let (user, human) = ("ü".repeat(512), "%".repeat(1024));
    let cluster = harness::control_plane().await;
    let client = cluster.as_user_for(&user, &["system:masters"], &human);
    let secrets: Api<KlivSecret> = Api::namespaced(client, &place.namespace);
    let mut object = question();
    object["metadata"]["namespace"] = json!(place.namespace);
    object["metadata"]["annotations"] = json!({});
    let mut stored = Value::Null;
    for count in 1..=Stamps::MAX + 2 {
        object["spec"]["request"]["purpose"] = json!(format!("{count}"));
        let operation = if stored.is_null() { "CREATE" } else { "UPDATE" };
        let mut review = review(operation, &place.namespace, &stored, &object);
        review["request"]["userInfo"] = json!({
            "username": user, "extra": { EXTRA_ON_BEHALF_OF: [human] },
        });
        let patch = patch_of(&review);
        json_patch::patch(&mut object, &patch).expect("the webhook's patch applies");
        let sent: KlivSecret = parse(object);
        let answer = match count {
            1 => secrets.create(&PostParams::default(), &sent).await,
            _ => secrets.replace("a", &PostParams::default(), &sent).await,
        };
        object = serde_json::to_value(answer.expect("is stored")).expect("serialises");
        stored = object.clone();
    }
    let stamps = stored["metadata"]["annotations"]["secrets.kliv.dev/stamps"].as_str();
    let stamps = Stamps::parse(stamps.expect("stamps"));
    assert_eq!(stamps.0.len(), Stamps::MAX);
    for stamp in &stamps.0 {
        assert_eq!((&stamp.user, &stamp.on_behalf_of), (&user, &Some(human.clone())));
    }
}

/// What an administrator, or an older version, has let in is no lock on the object: the
/// next change that the webhook stamps goes through.
#[tokio::test]
async fn stamps_and_records_that_no_webhook_wrote_stop_no_later_change() {
    let place = Place::new("odd-stamps").await;
    let secrets: Api<KlivSecret> = Api::namespaced(place.admin.clone(), &place.namespace);
    let controller = place.as_controller::<KlivSecret>();
    let user = place.user.as_str();
    // The policy takes the end of February from hand, and keeps what was kept before.
    let odd = stamp(1, user).replace("2026-11-24", "2026-02-30");
    let mut secret = question();
    secret["metadata"]["annotations"]["secrets.kliv.dev/stamps"] = json!(odd);
    place.create::<KlivSecret>(secret).await;
    let change = async |purpose: &str, before: &KlivSecret| {
        let mut object = serde_json::to_value(before).expect("serialises");
        object["spec"]["request"]["purpose"] = json!(purpose);
        let answer = as_the_webhook(&before_and_after(before, &object), user);
        json_patch::patch(&mut object, &answer).expect("the webhook's patch applies");
        let object = serde_json::from_value(object).expect("a KlivSecret");
        secrets.replace("a", &PostParams::default(), &object).await
    };
    let mut at = secrets.get("a").await.expect("is there");
    at = change("b", &at).await.expect("a change over a date that is none");
    let stamps = &at.metadata.annotations.as_ref().expect("stamps")["secrets.kliv.dev/stamps"];
    assert!(stamps.starts_with(&odd) && stamps.lines().count() == 2, "{stamps}");
    for forged in [i64::MAX, -1] {
        let recorded = Patch::Merge(json!({"status": {"recordedStamp": forged}}));
        controller.patch_status("a", &PatchParams::default(), &recorded).await.expect("forges");
        at = secrets.get("a").await.expect("is there");
        change(&format!("{forged}"), &at).await.expect("a change over a forged record");
    }
}

/// The patch that the front door makes of a user's write.
fn as_the_webhook(review: &Value, user: &str) -> json_patch::Patch {
    let mut review = review.clone();
    review["request"]["userInfo"] = json!({"username": user});
    patch_of(&review)
}

fn patch_of(review: &Value) -> json_patch::Patch {
    let keyring = Keyring::generate(clock::now(), &mut entropy::system());
    let key = keyring.sealing_key();
    let bytes = review.to_string().into_bytes();
    match admission::answer(&bytes, key, clock::now(), &mut entropy::system()).verdict {
        Verdict::Allowed { patch, .. } => patch,
        Verdict::Refused(cause) => panic!("refused: {cause:?}"),
    }
}

fn before_and_after(before: &KlivSecret, after: &Value) -> Value {
    let namespace = before.metadata.namespace.as_deref().unwrap_or_default();
    let before = serde_json::to_value(before).expect("serialises");
    review("UPDATE", namespace, &before, after)
}

fn review(operation: &str, namespace: &str, before: &Value, after: &Value) -> Value {
    json!({"request": {
        "uid": "x", "operation": operation, "namespace": namespace,
        "kind": {"group": "secrets.kliv.dev", "version": "v1alpha1", "kind": "KlivSecret"},
        "object": after, "oldObject": before,
    }})
}

#[tokio::test]
async fn of_more_than_twenty_stamps_only_the_oldest_go() {
    let place = Place::new("many-stamps").await;
    let secrets: Api<KlivSecret> = Api::namespaced(place.admin.clone(), &place.namespace);
    place.create::<KlivSecret>(question()).await;
    let write = async |numbers: Vec<i64>| {
        let lines: Vec<_> = numbers.iter().map(|seq| stamp(*seq, &place.user)).collect();
        let patch = json!({
            "metadata": {"annotations": {"secrets.kliv.dev/stamps": lines.join("\n")}},
            "spec": {"request": {"purpose": format!("{}", numbers[numbers.len() - 1])}},
        });
        secrets.patch("a", &PatchParams::default(), &Patch::Merge(patch)).await
    };
    for last in 2..=21 {
        write((1.max(last - 19)..=last).collect()).await.expect("keeps the last twenty");
    }
    let but_one = (2..=22).filter(|seq| *seq != 9).collect();
    refuses("one in the middle", write(but_one).await, "not recorded yet");
    write((3..=22).collect()).await.expect("the oldest may go");
}
