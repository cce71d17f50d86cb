//! Who changed a spec can't be forged.

use kliv_secrets::api::KlivSecret;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

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
    refuses("no time", create(Some(format!("1 now value api {user}"))).await, words);
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
