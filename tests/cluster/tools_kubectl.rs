//! kubectl's many ways to write a Deployment, on an injected function.

use serde_json::{Value, json};

use crate::account::{env_of, secret};
use crate::harness::{eventually, run};
use crate::tools::{BOTH, Pair, applied, changed, manifest, pairs, without_env};

#[tokio::test]
async fn a_restart_keeps_env_whole() {
    for pair in applied("restart").await {
        pair.after(0, |who| drop(pair.kubectl(who, &["rollout", "restart", "{}"]))).await;
    }
}

#[tokio::test]
async fn scaling_touches_nothing_else() {
    for pair in applied("scale").await {
        pair.after(0, |who| drop(pair.kubectl(who, &["scale", "{}", "--replicas=2"]))).await;
        // As an autoscaler does it.
        let less = r#"{"spec":{"replicas":1}}"#;
        let scale = ["patch", "{}", "--subresource=scale", "--type=merge", "-p", less];
        pair.after(0, |who| drop(pair.kubectl(who, &scale))).await;
    }
}

#[tokio::test]
async fn the_original_manifest_applied_again_changes_nothing() {
    for pair in applied("again").await {
        let generation = pair.account.function("api").await.metadata.generation;

        pair.after(0, |who| pair.apply(&manifest(who), &[])).await;

        assert_eq!(pair.account.function("api").await.metadata.generation, generation);
    }
}

#[tokio::test]
async fn a_changed_manifest_is_applied_and_our_entries_stay() {
    for pair in applied("changed").await {
        pair.after(1, |who| pair.apply(&changed(who), &[])).await;
        pair.after(1, |who| pair.apply(&manifest(who), &[])).await;
        // An apply that names no env at all gives up the user's entries, not ours.
        pair.after(1, |who| pair.apply(&without_env(who), &[])).await;
    }
}

#[tokio::test]
async fn server_side_apply_keeps_our_entries_whoever_does_it() {
    for pair in applied("server-side").await {
        pair.after(0, |who| pair.apply(&manifest(who), &["--server-side"])).await;
        let other = ["--server-side", "--force-conflicts", "--field-manager=another"];
        pair.after(0, |who| pair.apply(&manifest(who), &other)).await;
        pair.after(1, |who| pair.apply(&changed(who), &other)).await;
        let first = ["--server-side", "--force-conflicts"];
        pair.after(1, |who| pair.apply(&without_env(who), &first)).await;
        pair.after(1, |who| pair.apply(&without_env(who), &other)).await;
    }
}

#[tokio::test]
async fn a_function_of_server_side_apply_needs_no_force_afterwards() {
    let made = |pair: &Pair<'_>, who: &str| pair.apply(&manifest(who), &["--server-side"]);
    for pair in pairs("server-side-made", made).await {
        pair.after(0, |who| pair.apply(&manifest(who), &["--server-side"])).await;
        pair.after(1, |who| pair.apply(&changed(who), &["--server-side"])).await;
        pair.account.put(&secret("API_TOKEN", "second value")).await;
        pair.whole().await;
        pair.after(1, |who| pair.apply(&manifest(who), &["--server-side"])).await;
        pair.after(1, |who| pair.apply(&without_env(who), &["--server-side"])).await;
    }
}

#[tokio::test]
async fn a_prune_takes_what_is_its_own_and_nothing_of_ours() {
    for pair in applied("prune").await {
        let account = &pair.account;
        let apply = |objects: &[Value]| {
            let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
            let mut command = account.cluster.command("kubectl");
            command.env("KUBECTL_APPLYSET", "true").args(["apply", "-n", &account.namespace]);
            command.args(["--prune", "--applyset=configmaps/all", "--server-side"]);
            command.args(["--force-conflicts", "-f", "-"]);
            run(command, &list.to_string()).success()
        };
        let extra =
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "extra" } });
        let both = BOTH.map(manifest);
        apply(&[&both[..], &[extra]].concat());
        pair.whole().await;
        let sets = account.sets_there().await;

        let said = apply(&both);

        assert!(said.contains("configmap/extra pruned"), "{said}");
        pair.whole().await;
        assert_eq!(account.sets_there().await, sets);
    }
}

#[tokio::test]
async fn a_replace_takes_nothing_of_ours() {
    for pair in applied("replace").await {
        let replace = |manifest: &Value| {
            pair.account.kubectl(&["replace", "-f", "-"], manifest).success();
        };
        pair.after(1, |who| replace(&manifest(who))).await;
        pair.after(1, |who| replace(&without_env(who))).await;
    }
}

#[tokio::test]
async fn set_env_changes_the_users_entries_alone() {
    for pair in applied("set-env").await {
        let set = async |entry: &str| {
            pair.after(1, |who| drop(pair.kubectl(who, &["set", "env", "{}", entry]))).await;
        };
        set("NEW=x").await;
        set("NEW=y").await;
        set("OWN=two").await;
        set("OWN-").await;
        set("NEW-").await;
        set("URL-").await;
    }
}

#[tokio::test]
async fn one_of_our_entries_removed_by_hand_is_back() {
    for pair in applied("unset").await {
        let unset = ["set", "env", "{}", "--containers=main", "API_TOKEN-"];
        // The twin has none to remove.
        pair.after(1, |who| {
            if who == "api" {
                pair.kubectl(who, &unset);
            }
        })
        .await;
    }
}

#[tokio::test]
async fn an_entry_that_the_user_gives_our_name_wins_until_it_goes() {
    for pair in applied("own-name").await {
        let account = &pair.account;
        let set = |entry: &str| {
            pair.kubectl("api", &["set", "env", "{}", "--containers=main", entry]);
        };
        let mark = account.cluster.audit_mark().await;
        set("API_TOKEN=mine");
        account.is_told("api", "its own env entry wins for API_TOKEN").await;
        account.caught_up().await;
        let names = env_of(&account.function("api").await).into_iter().map(|(name, _)| name);
        let wanted = ["DB_PASSWORD", "API_TOKEN", "OWN", "URL"];
        assert_eq!(names.collect::<Vec<_>>(), wanted);
        assert_eq!(account.environment("api").await["API_TOKEN"], "mine");

        set("API_TOKEN-");
        pair.whole().await;

        let most = if pair.by_policy { 0 } else { 2 };
        assert!(pair.writes_of_the_operator(mark).await <= most);
    }
}

#[tokio::test]
async fn a_new_image_keeps_env_whole() {
    for pair in applied("image").await {
        let image = ["set", "image", "{}", "main=example.org/two"];
        pair.after(0, |who| drop(pair.kubectl(who, &image))).await;
    }
}

#[tokio::test]
async fn patches_and_an_editor_keep_env_whole() {
    for pair in applied("patch").await {
        let env = json!([{ "name": "NEW", "value": "x" }, { "name": "OWN", "$patch": "delete" }]);
        let main = json!({ "name": "main", "env": env });
        let patch =
            json!({ "spec": { "template": { "spec": { "containers": [main] } } } }).to_string();
        let patch = ["patch", "{}", "-p", &patch];
        pair.after(1, |who| drop(pair.kubectl(who, &patch))).await;
        // A merge patch replaces the whole list.
        let main = json!({ "name": "main", "image": "example.org/two", "env": [{ "name": "A", "value": "x" }] });
        let patch =
            json!({ "spec": { "template": { "spec": { "containers": [main] } } } }).to_string();
        let patch = ["patch", "{}", "--type=merge", "-p", &patch];
        pair.after(1, |who| drop(pair.kubectl(who, &patch))).await;

        pair.after(0, |who| {
            let mut command = pair.account.cluster.command("kubectl");
            command.env("KUBE_EDITOR", "sed -i s,example.org/two,example.org/three,");
            command.args(["edit", "deployment", who, "-n", &pair.account.namespace]);
            run(command, "").success();
        })
        .await;
        let function = pair.account.function("api").await;
        let pod = function.spec.template.spec.expect("a pod's spec");
        assert_eq!(pod.containers[0].image.as_deref(), Some("example.org/three"));
    }
}

#[tokio::test]
async fn kubectl_shows_no_difference_to_the_manifest() {
    for pair in applied("diff").await {
        let diff = |flags: &[&str]| {
            let args = [&["diff", "-f", "-"], flags].concat();
            assert_eq!(pair.account.kubectl(&args, &manifest("api")).success(), "");
        };
        diff(&[]);
        pair.apply(&manifest("api"), &["--server-side"]);
        diff(&["--server-side"]);
        let other = ["--server-side", "--force-conflicts", "--field-manager=another"];
        pair.apply(&manifest("api"), &other);
        diff(&other);
    }
}

#[tokio::test]
async fn an_undo_brings_back_what_is_the_users_and_the_current_set() {
    for pair in applied("undo").await {
        let account = &pair.account;
        // It keeps the first set, so that it is there to be gone back to.
        let mut holder = manifest("holder");
        holder["metadata"]["labels"] = manifest("api")["metadata"]["labels"].clone();
        holder["metadata"]["annotations"] = json!({ "secrets.kliv.dev/rollout": "manual" });
        account.apply(&holder);
        let first = account.set("").await.expect("a set");
        eventually("the holder has the first set", async || {
            env_of(&account.function("holder").await)
                .iter()
                .any(|(_, set)| set.is_some())
                .then_some(())
        })
        .await;
        for who in BOTH {
            pair.kubectl(who, &["set", "image", "{}", "main=example.org/two"]);
        }
        account.put(&secret("API_TOKEN", "second value")).await;
        pair.whole().await;
        assert!(account.sets_there().await.contains(&first));

        undoes(&pair).await;
    }
}

#[tokio::test]
async fn an_undo_to_a_deleted_set_refers_to_none_that_is_not_there() {
    for pair in applied("undo-deleted").await {
        let account = &pair.account;
        let first = account.set("").await.expect("a set");
        for who in BOTH {
            pair.kubectl(who, &["set", "image", "{}", "main=example.org/two"]);
        }
        account.put(&secret("API_TOKEN", "second value")).await;
        pair.whole().await;
        eventually("the first set is gone", async || {
            (!account.sets_there().await.contains(&first)).then_some(())
        })
        .await;

        undoes(&pair).await;
    }
}

/// Goes back to the first revision: of the function's image, not of its set.
async fn undoes(pair: &Pair<'_>) {
    let account = &pair.account;
    let before = account.function("api").await.metadata.resource_version.expect("a version");
    let undo = ["rollout", "undo", "{}", "--to-revision=1"];

    pair.after(1, |who| drop(pair.kubectl(who, &undo))).await;

    let function = account.function("api").await;
    let pod = function.spec.template.spec.as_ref().expect("a pod's spec");
    assert_eq!(pod.containers[0].image.as_deref(), Some("example.org/one"));
    assert_eq!(account.environment("api").await["API_TOKEN"], "second value");
    if pair.by_policy {
        let current = account.set("").await.expect("a set");
        assert_eq!(pair.referred_to_since(&before).await, [current], "in any state");
    }
}
