//! `kubectl kliv import` and `seal`, to the functions; and no value in what they say.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::core::v1::Secret;
use kliv_secrets::api::condition::Reason;
use kliv_secrets::api::names::{SEALING_KEY_CONFIGMAP, SEALING_KEY_ENTRY};
use kube::api::{ListParams, PostParams};
use serde_json::json;

use crate::account::{Account, function, function_in, kubectl_kliv, secret, secret_with};
use crate::harness::{Outcome, run};
use crate::operator::Operator;

#[tokio::test]
async fn two_hundred_keys_are_one_published_set_and_one_rollout_of_each_function() {
    let account = Account::new(Operator::gathering().await, "import-many").await;
    account.put(&secret("SEED", "seed")).await;
    for name in ["a", "b", "c"] {
        account.create(&function(name)).await;
        account.gets(name, &[("SEED", "seed")]).await;
    }
    account.caught_up().await;
    let revision = account.status().await.revision;
    let mut text = String::new();
    for i in 0..200 {
        writeln!(text, "KEY_{i:03}='value {i}'").expect("text");
    }

    let said = kliv(&account, &["import", "-", "--yes"], &text).success();

    assert!(said.contains("imported: 200 new"), "{said}");
    assert!(said.contains("live on 3 of 3 functions"), "{said}");
    account.caught_up().await;
    assert_eq!(account.status().await.revision, revision + 1, "one new set");
    for name in ["a", "b", "c"] {
        assert_eq!(account.replica_sets(name).await.len(), 2, "one rollout of {name}");
        let environment = account.environment(name).await;
        assert_eq!(environment.len(), 201);
        assert_eq!(environment["KEY_199"], "value 199");
    }
}

#[tokio::test]
async fn what_is_there_stays_until_it_is_to_be_overwritten() {
    let account = account("import-again").await;
    account.put(&secret("API_TOKEN", "the-first-value-of-all")).await;
    let question = json!({ "envVar": "MAIL_KEY", "request": { "purpose": "sends receipts" } });
    account.apply(&secret_with(question));
    account.becomes("mail-key", Reason::AwaitingValue).await;
    account.create(&function("api")).await;
    let text = "API_TOKEN=the-second-value-of-all\nMAIL_KEY=the-answer\nNEW_KEY=new\n";

    let said = kliv(&account, &["import", "-"], text).failure();
    assert!(said.contains("there is no terminal to ask on"), "{said}");
    let said = kliv(&account, &["import", "-", "--dry-run=server"], text).success();
    assert!(said.contains("imported (server dry run)"), "{said}");
    account.caught_up().await;
    account.gets("api", &[("API_TOKEN", "the-first-value-of-all")]).await;

    let said = kliv(&account, &["import", "-", "--yes"], text).success();
    assert!(said.contains("imported: 1 new, 1 answered, 0 replaced"), "{said}");
    assert!(said.contains("the-****-all"), "{said}");
    let first = ("API_TOKEN", "the-first-value-of-all");
    account.gets("api", &[first, ("MAIL_KEY", "the-answer"), ("NEW_KEY", "new")]).await;

    let said = kliv(&account, &["import", "-", "--yes", "--overwrite"], text).success();
    assert!(said.contains("imported: 0 new, 0 answered, 3 replaced"), "{said}");
    let second = ("API_TOKEN", "the-second-value-of-all");
    account.gets("api", &[second, ("MAIL_KEY", "the-answer"), ("NEW_KEY", "new")]).await;
}

#[tokio::test]
async fn an_environments_file_is_for_functions_of_that_environment() {
    let account = account("import-environment").await;
    account.create(&function_in("test", "tests")).await;
    account.create(&function("other")).await;
    kliv(&account, &["import", "-", "-e", "test", "--yes"], "{\"A_KEY\": \"x\"}").success();
    account.gets("tests", &[("A_KEY", "x")]).await;
    account.caught_up().await;
    account.gets("other", &[]).await;
}

#[tokio::test]
async fn a_native_secrets_keys_are_adopted_with_the_callers_rights() {
    let account = account("import-secret").await;
    account.create(&function("api")).await;
    let native: Secret = serde_json::from_value(json!({
        "metadata": { "name": "old" },
        "stringData": { "API_TOKEN": "canary-native", "tls.key": "canary-file" },
    }))
    .expect("a Secret");
    account.api().create(&PostParams::default(), &native).await.expect("is made");
    let adopt = ["import", "--from-secret", "old", "--yes"];

    let editor = [&adopt[..], &["--as=eve"]].concat();
    let said = kliv(&account, &editor, "").failure();
    assert!(said.contains("forbidden") && said.contains("secrets"), "{said}");
    let said = kliv(&account, &adopt, "").failure();
    assert!(said.contains("Secret old: tls.key: the name must start"), "{said}");
    let said = kliv(&account, &[&adopt[..], &["--skip-invalid"]].concat(), "").success();
    assert!(!said.contains("canary"), "{said}");
    account.gets("api", &[("API_TOKEN", "canary-native")]).await;
    let set = account.set("").await.expect("a set");
    let said = kliv(&account, &["import", "--from-secret", &set, "--yes"], "").failure();
    assert!(said.contains("published by kliv-secrets itself"), "{said}");
}

#[tokio::test]
async fn a_manifest_sealed_without_a_cluster_opens_in_its_account_alone() {
    let account = account("seal").await;
    account.create(&function("api")).await;
    let path = format!("{{.data.{SEALING_KEY_ENTRY}}}");
    let get = ["get", "configmap", SEALING_KEY_CONFIGMAP, "-n", "kliv-secrets-system", "-o"];
    let key = account.cluster.kubectl(&[&get[..], &[&format!("jsonpath={path}")]].concat());
    let folder = tempfile::tempdir().expect("a folder");
    let public = file(folder.path(), "kliv.pub", &key.success());
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-kliv"));
    command.env("KUBECONFIG", "/nowhere").args(["seal", "--env-file", "-", "--public-key"]);
    command.arg(&public).args(["-n", &account.namespace]);

    let manifests = run(command, "A_KEY=canary-one\nB_KEY='canary two'\n").success();

    assert!(!manifests.contains("canary"), "{manifests}");
    let apply = ["apply", "-f", "-", "-n", &account.namespace];
    account.cluster.kubectl_reading(&manifests, &apply).success();
    account.gets("api", &[("A_KEY", "canary-one"), ("B_KEY", "canary two")]).await;
    let checked = file(folder.path(), "sealed.yaml", &manifests);
    let said = kliv(&account, &["seal", "--check", checked.to_str().expect("text")], "").success();
    assert!(said.contains("nothing unsealed in 2 KlivSecrets"), "{said}");

    let seal = ["seal", "C_KEY", "--from-stdin", "-e", "test"];
    let manifest = kliv(&account, &seal, "canary-three\n").success();
    let other = Account::new(Operator::shared().await, "seal-other").await;
    let moved = manifest.replace(&account.namespace, &other.namespace);
    let apply = ["apply", "-f", "-", "-n", &other.namespace];
    other.cluster.kubectl_reading(&moved, &apply).success();
    other.becomes("c-key.test", Reason::DecryptionFailed).await;

    let unnamed = kubectl_kliv(account.cluster, &["seal", "C_KEY", "--from-stdin"]);
    let told = run(unnamed, "canary-four\n").stderr;
    assert!(told.contains("sealed for the account default"), "{told}");
}

#[tokio::test]
async fn no_value_is_in_what_import_and_seal_say_nor_in_files_of_theirs() {
    let account = account("import-leaks").await;
    account.put(&secret("A_KEY", "canary-stored-0123456789")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/env-corpus");
    let mut files: Vec<PathBuf> = std::fs::read_dir(corpus)
        .expect("a corpus")
        .map(|file| file.expect("an entry").path())
        .collect();
    // Long enough that its ends would be shown, which are no part of what is looked for.
    files.push(file(folder.path(), "long.env", "A_KEY=0123-canary-0123456789\n"));
    files.push(file(folder.path(), "clash.env", "a_key=0123-canary-0123456789\n"));
    let many: String = (0..300).fold(String::new(), |all, i| format!("{all}KEY_{i}=canary\n"));
    files.push(file(folder.path(), "many.env", &many));
    files.push(file(folder.path(), "large.env", &format!("A_KEY={}\n", "canary".repeat(20_000))));
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    let mut refused = 0;
    for path in &files {
        let path = path.to_str().expect("text");
        for args in [
            &["import", path][..],
            &["import", path, "--dry-run=client", "-vvv"],
            &["import", path, "--skip-invalid", "--overwrite", "--dry-run=server", "-vvv"],
            &["import", path, "--format=json"],
            &["import", path, "--format=yaml", "--skip-invalid"],
            &["import", path, "--format=env", "--yes", "--as=eve"],
            &["import", path, "--yes", "--operator-namespace=nowhere"],
            &["seal", "--env-file", path],
            &["seal", "--env-file", path, "--public-key", path],
            &["seal", "--check", path],
            &["seal", "A_KEY", "--from-file", path],
        ] {
            let mut command = kliv_command(&account, args);
            command.env("TMPDIR", &temporary).current_dir(&temporary);
            let Outcome { ok, stdout, stderr } = run(command, "");
            let said = (stdout + &stderr).replace(path, "");
            assert!(!said.contains("canary"), "{args:?}:\n{said}");
            refused += usize::from(!ok);
        }
        let text = std::fs::read(path).expect("a file");
        let outcome = kliv(&account, &["import", "-"], &String::from_utf8_lossy(&text));
        let said = outcome.stdout + &outcome.stderr;
        assert!(!said.contains("canary"), "{path}:\n{said}");
    }
    assert!(refused > files.len(), "error paths are taken");
    let left: Vec<_> = std::fs::read_dir(&temporary).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
    let secrets = account.api::<kliv_secrets::api::KlivSecret>();
    let there = secrets.list(&ListParams::default()).await.expect("a list").items;
    assert_eq!(there.len(), 1, "nothing was written");
}

async fn account(name: &str) -> Account<'static> {
    Account::new(Operator::shared().await, name).await
}

fn kliv_command(account: &Account<'_>, args: &[&str]) -> Command {
    kubectl_kliv(account.cluster, &[args, &["-n", &account.namespace]].concat())
}

fn kliv(account: &Account<'_>, args: &[&str], stdin: &str) -> Outcome {
    let outcome = run(kliv_command(account, args), stdin);
    // What is said beside the answer counts as well.
    Outcome { stdout: outcome.stdout + &outcome.stderr, ..outcome }
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path
}
