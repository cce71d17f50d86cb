//! Who changed a spec can't be forged.

use kliv_secrets::admission::{self, Verdict};
use kliv_secrets::api::KlivSecret;
use kliv_secrets::runtime::{clock, entropy};
use kliv_secrets::seal::Keyring;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::place::{Place, question, refuses, stamp};

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

    refuses(
        "a stamp for nothing",
        change(None, &[first.clone(), stamp(2, user), stamp(3, user)]).await,
        "written by the kliv-secrets webhook",
    );
    refuses("dropped by a write of metadata", change(None, &[]).await, "not recorded yet");
    let label = json!({"metadata": {"labels": {"x": "y"}}});
    secrets
        .patch("a", &PatchParams::default(), &Patch::Merge(label))
        .await
        .expect("labels are free");

    let recorded = Patch::Merge(json!({"status": {"recordedStamp": 2}}));
    let controller = place.as_controller::<KlivSecret>();
    controller.patch_status("a", &PatchParams::default(), &recorded).await.expect("records");
    change(Some("c"), &[stamp(3, user)]).await.expect("what is recorded may go");
    change(Some("d"), &[stamp(3, user), stamp(4, user)]).await.expect("and it counts on");
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

/// The patch that the front door makes of a write.
fn as_the_webhook(review: &Value, user: &str) -> json_patch::Patch {
    let mut review = review.clone();
    review["request"]["userInfo"] = json!({"username": user});
    let keyring = Keyring::generate(clock::now(), &mut entropy::system());
    let key = keyring.sealing_key();
    let bytes = review.to_string().into_bytes();
    match admission::answer(&bytes, key, clock::now(), &mut entropy::system()).verdict {
        Verdict::Allowed { patch, .. } => patch,
        Verdict::Refused(cause) => panic!("refused: {cause:?}"),
    }
}

fn before_and_after(before: &KlivSecret, after: &Value) -> Value {
    json!({"request": {
        "uid": "x", "operation": "UPDATE", "namespace": before.metadata.namespace,
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
