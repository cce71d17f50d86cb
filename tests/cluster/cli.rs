//! `kubectl kliv` against a real API server: what it does, what it says, and to whom.

use std::process::Command;

use kliv_secrets::account::{DryRun, Error};
use kliv_secrets::api::{KlivSecret, KlivSecretSpec};
use kube::ResourceExt as _;
use serde_json::Value;

use crate::account::{Account, function, function_in, kubectl_kliv, secret, secret_in};
use crate::harness::{Cluster, Outcome, eventually, run};
use crate::operator::Operator;

/// No output and no error may ever hold it. With a line break it would be told as odd.
const CANARY: &str = "sk_live_c4n4ryc4n4ryc4n4ryXYZ";

/// `kubectl kliv` as admin, with something on its standard input.
fn kliv_reading(cluster: &Cluster, stdin: &str, args: &[&str]) -> Outcome {
    let outcome = run(kubectl_kliv(cluster, args), stdin);
    assert!(!outcome.stdout.contains(CANARY) && !outcome.stderr.contains(CANARY), "{args:?}");
    outcome
}

impl Account<'_> {
    fn kliv_reading(&self, stdin: &str, args: &[&str]) -> Outcome {
        kliv_reading(self.cluster, stdin, &[args, &["-n", &self.namespace]].concat())
    }

    fn kliv(&self, args: &[&str]) -> Outcome {
        self.kliv_reading("", args)
    }

    async fn secret_now(&self, name: &str) -> KlivSecret {
        self.api().get(name).await.expect("the secret")
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[tokio::test]
async fn a_value_that_is_set_is_live_on_every_function_when_the_verb_ends() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "cli-set").await;
    account.create(&function("mail")).await;
    account.create(&function("pay")).await;

    let set = ["set", "STRIPE_API_KEY", "--from-stdin", "--description=card payments"];
    let said = account.kliv_reading(&format!("{CANARY}\n"), &set);

    assert!(said.stderr.contains("recognised: Stripe live secret key"), "{}", said.stderr);
    let said = said.success();
    assert!(said.contains("klivsecret.secrets.kliv.dev/stripe-api-key created"), "{said}");
    assert!(said.ends_with("live on 2 of 2 functions\n"), "{said}");
    for function in ["mail", "pay"] {
        let environment = account.environment(function).await;
        assert_eq!(environment["STRIPE_API_KEY"], CANARY, "without the line break");
    }
    let secret = account.secret_now("stripe-api-key").await;
    let status = secret.status.clone().expect("a status");
    assert_eq!(status.via.as_deref(), Some("cli"));
    assert_eq!(secret.spec.description.as_deref(), Some("card payments"));
    let managers = secret.managed_fields().iter().filter_map(|entry| entry.manager.as_deref());
    assert!(managers.into_iter().any(|manager| manager == "kubectl-kliv"));
}

#[tokio::test]
async fn a_new_value_keeps_what_else_is_said_of_the_secret() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "cli-again").await;
    account.create(&function_in("production", "api")).await;
    let set = ["set", "API_TOKEN", "-e", "production", "--from-stdin"];
    let first = [&set[..], &["--description=the old one", "--rotate-after=90"]].concat();
    account.kliv_reading("one", &first).success();

    let by_object = ["set", "api-token.production", "--from-stdin"];
    let said = account.kliv_reading("two", &by_object).success();

    assert!(said.contains("api-token.production configured"), "{said}");
    assert!(said.ends_with("live on 1 of 1 function\n"), "{said}");
    account.gets("api", &[("API_TOKEN", "two")]).await;
    let secret = account.secret_now("api-token.production").await;
    assert_eq!(secret.spec.description.as_deref(), Some("the old one"));
    assert_eq!(secret.spec.rotate_after_days, Some(90));
    assert_eq!(secret.status.and_then(|status| status.version), Some(2));
}

#[tokio::test]
async fn a_secret_that_somebody_else_changed_meanwhile_is_not_overwritten() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "cli-race").await;
    account.put(&secret("API_TOKEN", "one")).await;
    let before = account.secret_now("api-token").await;
    account.put(&secret("API_TOKEN", "somebody else's")).await;
    let caller = account.caller();
    let spec = KlivSecretSpec { description: Some("mine".into()), ..before.spec.clone() };

    for before in [Some(&before), None] {
        let put = caller.put(&spec, before, DryRun::None).await.expect_err("is refused");
        assert!(matches!(put, Error::Changed(_)), "{put}");
    }

    assert_eq!(account.secret_now("api-token").await.spec.description, None);
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "cli-dry").await;
    account.put(&secret("KEPT_TOKEN", "kept")).await;

    for (how, words) in [("client", "(dry run)"), ("server", "(server dry run)")] {
        let dry_run = format!("--dry-run={how}");
        let set = account.kliv_reading(CANARY, &["set", "NEW_TOKEN", "--from-stdin", &dry_run]);
        assert!(set.success().contains(&format!("new-token created {words}")));
        let set = ["set", "KEPT_TOKEN", "--from-stdin", "-o", "json", &dry_run];
        let shown = json(&account.kliv_reading(CANARY, &set).success());
        assert!(shown["spec"]["sealed"].as_str().expect("sealed").starts_with("kliv1."));
        let delete = account.kliv(&["delete", "KEPT_TOKEN", &dry_run]).success();
        assert!(delete.contains(&format!("kept-token deleted {words}")), "{delete}");
    }

    let there = account.kliv(&["list", "-o", "name"]).success();
    assert_eq!(there, "klivsecret.secrets.kliv.dev/kept-token\n");
    let kept = account.secret_now("kept-token").await;
    assert_eq!(kept.status.and_then(|status| status.version), Some(1));
}

#[tokio::test]
async fn list_and_describe_tell_all_that_is_known_and_hide_masks_when_told() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "cli-list").await;
    account.create(&function("mail")).await;
    account.create(&function_in("production", "shop")).await;
    account.put(&secret("API_TOKEN", "token-for-everyone-0123456789")).await;
    account.put(&secret_in("production", "API_TOKEN", "token-of-production-9876543210")).await;
    let mask = "toke****6789";

    let table = account.kliv(&["list"]).success();
    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "ENVIRONMENT", "VALUE", "STATE", "UPDATED", "BY"]);
    assert_eq!(rows[1][..3], ["API_TOKEN", mask, "live"]);
    assert_eq!(rows[2][..4], ["API_TOKEN", "production", "toke****3210", "live"]);
    let wide = account.kliv(&["list", "-o", "wide", "--no-headers"]).success();
    assert!(wide.contains("kubectl") && wide.contains("Published") && !wide.contains("NAME"));
    let production = account.kliv(&["list", "-e", "production"]).success();
    assert_eq!(production.lines().count(), 2);
    let items = json(&account.kliv(&["list", "-o", "json"]).success());
    assert_eq!(items["items"].as_array().map(Vec::len), Some(2));
    assert!(account.kliv(&["list", "-o", "yaml"]).success().contains("kind: KlivSecret"));
    let everywhere = kliv_reading(account.cluster, "", &["list", "-A"]).success();
    assert!(everywhere.starts_with("NAMESPACE") && everywhere.contains(&account.namespace));

    let told = account.kliv(&["describe", "API_TOKEN"]).success();
    for fact in ["API_TOKEN", mask, "live: ", "Created:", "via kubectl", "History:"] {
        assert!(told.contains(fact), "{fact}: {told}");
    }
    eventually("the function that has it is named, and no other", async || {
        let told = account.kliv(&["describe", "API_TOKEN"]).success();
        let functions: Vec<&str> = told.lines().filter(|line| line.contains("runs with")).collect();
        (functions.len() == 1 && functions[0].contains("mail")).then_some(())
    })
    .await;
    for args in [
        &["list", "--no-mask"][..],
        &["list", "--no-mask", "-o", "json"],
        &["describe", "api-token", "--no-mask"],
        &["describe", "api-token", "--no-mask", "-o", "yaml"],
    ] {
        assert!(!account.kliv(args).success().contains("****"), "{args:?}");
    }
    let missing = account.kliv(&["describe", "API_TOKEN", "-e", "test"]).failure();
    assert!(missing.contains("there is one for production, see -e"), "{missing}");
}

#[tokio::test]
async fn deleting_names_the_functions_and_waits_until_they_run_without() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "cli-delete").await;
    account.create(&function("mail")).await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.put(&secret("OTHER_TOKEN", "two")).await;
    account.gets("mail", &[("API_TOKEN", "one"), ("OTHER_TOKEN", "two")]).await;

    let refused = account.kliv(&["delete", "API_TOKEN"]).failure();
    assert!(refused.contains("give --yes"), "{refused}");
    let deleted = account.kliv(&["delete", "API_TOKEN", "--yes"]);

    assert!(deleted.stderr.contains("rolled out without it: mail"), "{}", deleted.stderr);
    assert!(deleted.stderr.contains("superseded set still holds the value"));
    let said = deleted.success();
    assert!(said.ends_with("api-token deleted\nlive on 1 of 1 function\n"), "{said}");
    account.gets("mail", &[("OTHER_TOKEN", "two")]).await;
}

#[tokio::test]
async fn who_may_only_read_reads_and_is_told_which_right_is_missing_for_the_rest() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "cli-viewer").await;
    account.put(&secret("API_TOKEN", "token-for-everyone-0123456789")).await;
    account.grant("kliv-secrets-viewer", "vera").await;
    let vera = ["--as", "vera"];

    let listed = account.kliv(&[&["list"][..], &vera].concat()).success();
    assert!(listed.contains("toke****6789"));
    let told = account.kliv(&[&["describe", "API_TOKEN"][..], &vera].concat()).success();
    assert!(told.contains("live: ") && told.contains("cannot list resource \"deployments\""));

    for (args, right) in [
        (&["set", "API_TOKEN", "--from-stdin"][..], "cannot patch resource \"klivsecrets\""),
        (&["set", "NEW_TOKEN", "--from-stdin"], "cannot create resource \"klivsecrets\""),
        (&["delete", "API_TOKEN", "--yes"], "cannot delete resource \"klivsecrets\""),
        (&["list", "-A"], "cannot list resource \"klivsecrets\""),
    ] {
        let refused = account.kliv_reading(CANARY, &[args, &vera, &["-vvv"]].concat()).failure();
        assert!(refused.contains("error: forbidden: User \"vera\""), "{refused}");
        assert!(refused.contains(right) && refused.contains("kliv-secrets-editor"), "{refused}");
    }
}

#[tokio::test]
async fn a_user_of_one_account_learns_nothing_of_another() {
    let operator = Operator::shared().await;
    let own = Account::new(operator, "cli-own").await;
    let foreign = Account::new(operator, "cli-foreign").await;
    foreign.put(&secret("THERE_TOKEN", "one")).await;
    own.grant("kliv-secrets-editor", "otto").await;
    let otto = ["--as", "otto", "--no-wait"];
    own.kliv_reading("mine", &[&["set", "MY_TOKEN", "--from-stdin"][..], &otto].concat()).success();

    // The same words whether it is there or not, but for the name that he gave himself.
    for verb in [
        &["describe"][..],
        &["set", "--from-stdin"],
        &["delete", "--yes"],
        &["set", "--from-stdin", "--dry-run=server"],
        &["set", "--from-stdin", "--dry-run=client"],
    ] {
        let no_wait = if verb[0] == "describe" { &otto[..2] } else { &otto[..] };
        let said = |name: &str| {
            let refused = foreign.kliv_reading(CANARY, &[verb, &[name], no_wait].concat());
            refused.failure().replace(&name.to_lowercase().replace('_', "-"), "NAME")
        };
        let (there, absent) = (said("THERE_TOKEN"), said("ABSENT_TOKEN"));
        assert!(there.contains("forbidden"), "{there}");
        assert_eq!(there, absent, "{verb:?}");
    }
    let words = ["describe", "--as", "otto", "-n", &foreign.namespace, ""];
    assert_eq!(complete(foreign.cluster, &words), ":4\n");
}

#[tokio::test]
async fn context_and_kubeconfig_say_where_and_as_says_who() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "cli-context").await;
    account.grant("kliv-secrets-editor", "edda").await;
    let kubeconfig = std::env::temp_dir().join(format!("kliv-{}", account.namespace));
    std::fs::copy(account.cluster.kubeconfig(), &kubeconfig).expect("a copy");
    let file = kubeconfig.to_str().expect("text");
    let config = |args: &[&str]| {
        account.cluster.kubectl(&[&["--kubeconfig", file, "config"][..], args].concat()).success()
    };
    let current = config(&["current-context"]);
    let cluster = config(&["view", "-o", "jsonpath={.contexts[0].context.cluster}"]);
    let user = config(&["view", "-o", "jsonpath={.contexts[0].context.user}"]);
    let namespace = format!("--namespace={}", account.namespace);
    let (cluster, user) = (format!("--cluster={cluster}"), format!("--user={user}"));
    config(&["set-context", "other", &cluster, &user, &namespace]);
    assert_eq!(config(&["current-context"]), current);

    let place = ["--kubeconfig", file, "--context", "other"];
    let set = ["set", "API_TOKEN", "--from-stdin", "--as", "edda", "--as-group", "people"];
    kliv_reading(account.cluster, "one", &[&set[..], &place].concat()).success();

    let secret = account.secret_now("api-token").await;
    assert_eq!(secret.status.and_then(|status| status.updated_by).as_deref(), Some("edda"));
    let wrong = ["list", "--kubeconfig", file, "--context", "s3cr3t"];
    let said = kliv_reading(account.cluster, "", &wrong).failure();
    assert!(said.contains("no such context") && !said.contains("s3cr3t"), "{said}");
    std::fs::remove_file(kubeconfig).expect("is removed");
}

#[tokio::test]
async fn no_way_of_failing_shows_the_value() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "cli-canary").await;
    let file = std::env::temp_dir().join(format!("kliv-value-{}", account.namespace));
    std::fs::write(&file, CANARY).expect("a file");
    let file = file.to_str().expect("text").to_owned();
    let long = "k".repeat(65 * 1024);

    for (stdin, args) in [
        (CANARY, &["set", "A_TOKEN", "--from-stdin", "-n", "nowhere"][..]),
        (CANARY, &["set", "A_TOKEN", "--from-stdin", "--operator-namespace", "default"]),
        (CANARY, &["set", "A_TOKEN", "--from-stdin", "--as", "nobody"]),
        (CANARY, &["set", "A_TOKEN", CANARY]),
        (CANARY, &["set", &format!("A_TOKEN={CANARY}")]),
        (CANARY, &["set", CANARY]),
        (CANARY, &["set", "A_TOKEN", &format!("--value={CANARY}")]),
        (CANARY, &["set", "A_TOKEN"]),
        ("", &["set", "A_TOKEN", "--from-stdin"]),
        (&format!("{CANARY}{long}"), &["set", "A_TOKEN", "--from-stdin"]),
        (&format!("{CANARY}\0"), &["set", "A_TOKEN", "--from-stdin"]),
        ("", &["set", "A_TOKEN", "--from-file", "/nowhere/at/all"]),
        ("", &["set", "A_TOKEN", "--from-file", &file, "--context", "nowhere"]),
        ("", &[CANARY]),
        ("", &["describe", CANARY]),
        ("", &["delete", CANARY, "--yes"]),
    ] {
        // `kliv_reading` looks for it in both outputs.
        let failed = kliv_reading(account.cluster, stdin, &[args, &["-vvv"]].concat()).failure();
        assert!(failed.contains("error: "), "{failed}");
    }
    let odd = format!("\"{CANARY}\" ");
    let set = ["set", "A_TOKEN", "-e", "test", "--from-stdin", "-vvv", "-o", "yaml"];
    let odd = account.kliv_reading(&odd, &set);
    assert!(odd.stderr.contains("Warning: ") && odd.ok, "{}", odd.stderr);
    account.kliv(&["set", "B_TOKEN", "--from-file", &file, "-vvv"]).success();
    std::fs::remove_file(file).expect("is removed");
}

#[tokio::test]
async fn while_the_operator_is_away_the_way_out_is_told_and_the_value_is_kept() {
    let mut operator = Operator::exclusive().await;
    operator.stop_controller();
    let account = Account::new(&operator, "cli-away").await;

    let set = ["set", "API_TOKEN", "--from-stdin", "--timeout=1s"];
    let said = account.kliv_reading(CANARY, &set);

    assert!(said.stdout.contains("api-token created"));
    let said = said.failure();
    assert!(said.contains("the operator has not taken it up after 1s"), "{said}");
    let no_wait = ["set", "API_TOKEN", "--from-stdin", "--no-wait"];
    account.kliv_reading(CANARY, &no_wait).success();
    let namespace = account.namespace;
    operator.start_processes().await;
    let account = Account::at(&operator, namespace);
    account.published("api-token").await;
}

/// What `kubectl_complete-kliv` prints for these words.
fn complete(cluster: &Cluster, words: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("kubectl_complete-kliv");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-kliv"), &link).expect("a link");
    let mut command = Command::new(link);
    command.env("KUBECONFIG", cluster.kubeconfig()).args(words);
    run(command, "").success()
}

#[tokio::test]
async fn names_of_secrets_complete_from_the_account_and_verbs_from_the_program() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "cli-complete").await;
    account.put(&secret("STRIPE_API_KEY", "one")).await;
    account.put(&secret("STRIPE_WEBHOOK_KEY", "two")).await;
    account.put(&secret("SMTP_PASSWORD", "three")).await;
    let namespace = account.namespace.as_str();

    // It gives up soon where the cluster is slow: nobody is to wait at a shell.
    eventually("names complete", async || {
        let names = complete(account.cluster, &["describe", "-n", namespace, "STR"]);
        (names == "STRIPE_API_KEY\nSTRIPE_WEBHOOK_KEY\n:4\n").then_some(())
    })
    .await;
    assert_eq!(complete(account.cluster, &["desc"]), "describe\n:4\n");
    assert_eq!(complete(account.cluster, &["describe", "-n", namespace, "A", ""]), ":4\n");
}
