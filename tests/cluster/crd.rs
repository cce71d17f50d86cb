//! The CRDs on a real API server, with nothing of ours running: no webhook, no policy.

use kliv_secrets::api::{check_env_var, check_environment, object_name};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use crate::chart;
use crate::harness::{Cluster, Options};

const VALUE: &str = "sk-live-never-to-be-seen-4829301774";
const NUMBER: &str = "4829301774";
const NOT_SEALED: &str = "spec.value was not sealed, so nothing was stored";

#[tokio::test]
async fn a_value_is_refused_whatever_way_it_comes_and_shown_by_none() {
    let cluster = bare_cluster().await;
    let ways: [(&str, &[&str]); 4] = [
        ("client-side apply", &["apply", "-f", "-"]),
        ("server-side apply", &["apply", "--server-side", "-f", "-"]),
        ("create", &["create", "-f", "-"]),
        ("replace --force", &["replace", "--force", "-f", "-"]),
    ];
    for (way, command) in ways {
        for value in [json!(VALUE), json!(NUMBER.parse::<i64>().expect("a number"))] {
            let namespace = cluster.namespace("crd").await;
            let manifest = manifest(&json!({"envVar": "OPENAI_API_KEY", "value": value}));
            let args = [command, &["-n", &namespace]].concat();
            let said = cluster.kubectl_reading(&manifest, &args).failure();
            assert_refused_and_silent(way, &said);
            let stored = cluster.kubectl(&["get", "ksec", "-n", &namespace, "-o", "name"]);
            assert_eq!(stored.success(), "", "{way} stored something");
        }
    }
}

#[tokio::test]
async fn a_value_for_a_stored_secret_is_refused_and_changes_nothing() {
    let cluster = bare_cluster().await;
    let ways: [(&str, &[&str]); 5] = [
        ("client-side apply", &["apply", "-f", "-"]),
        ("server-side apply", &["apply", "--server-side", "--force-conflicts", "-f", "-"]),
        ("replace", &["replace", "-f", "-"]),
        ("patch", &["patch", "ksec", "openai-api-key", "--type=merge", "--patch-file=/dev/stdin"]),
        ("edit", &["edit", "ksec", "openai-api-key"]),
    ];
    for (way, command) in ways {
        let namespace = cluster.namespace("crd").await;
        let sealed = manifest(&json!({"envVar": "OPENAI_API_KEY", "sealed": "kliv1.k.b2xk"}));
        let in_namespace = ["-n", namespace.as_str()];
        cluster
            .kubectl_reading(&sealed, &[&["apply", "-f", "-"], &in_namespace[..]].concat())
            .success();
        let before = stored(cluster, &namespace, "openai-api-key");

        let said = if way == "edit" {
            let mut edit = cluster.command("kubectl");
            edit.args(command).args(in_namespace);
            // An editor that puts the value in once, and gives up when it is asked again.
            let script = format!("sed -i 's/^  sealed: .*/  value: {VALUE}/'");
            edit.env("KUBE_EDITOR", script).env("TMPDIR", scratch(&namespace));
            let said = crate::harness::run(edit, "").failure();
            std::fs::remove_dir_all(scratch(&namespace)).expect("kubectl's copy of the edit");
            // The reason stands in the editor's next page, not here.
            said + NOT_SEALED
        } else {
            let with_value = manifest(&json!({"envVar": "OPENAI_API_KEY", "value": VALUE}));
            cluster.kubectl_reading(&with_value, &[command, &in_namespace[..]].concat()).failure()
        };

        assert_refused_and_silent(way, &said);
        assert_eq!(stored(cluster, &namespace, "openai-api-key"), before, "{way} changed it");
    }
}

#[tokio::test]
async fn a_value_of_the_wrong_type_or_size_is_not_quoted() {
    let cluster = bare_cluster().await;
    let namespace = cluster.namespace("crd").await;
    let long = format!("{VALUE}{}", "x".repeat(65_536));
    let values = [
        json!(long),
        json!({"key": VALUE}),
        json!([VALUE]),
        json!(4829.301774),
        json!(true),
        json!(null),
    ];
    for value in values {
        let manifest = manifest(&json!({"envVar": "OPENAI_API_KEY", "value": value}));
        for command in [&["create", "-f", "-"][..], &["apply", "--server-side", "-f", "-"]] {
            let args = [command, &["-n", &namespace]].concat();
            let said = cluster.kubectl_reading(&manifest, &args).failure();
            for secret in [VALUE, "4829.301774"] {
                assert!(!said.contains(secret), "quoted by {command:?}: {said}");
            }
        }
    }
}

#[tokio::test]
async fn other_fields_that_are_too_long_are_not_quoted() {
    let cluster = bare_cluster().await;
    let namespace = cluster.namespace("crd").await;
    for (field, limit) in [("description", 1024), ("sealed", 98_304)] {
        let mut spec = json!({"envVar": "OPENAI_API_KEY", "sealed": "kliv1.k.b2xk"});
        spec[field] = json!(format!("{VALUE}{}", "x".repeat(limit)));
        let refused = create(cluster.client(), &namespace, &spec).await.expect_err(field);
        assert!(refused.contains(&format!("spec.{field}: Too long")), "{field}: {refused}");
        assert!(!refused.contains(VALUE), "{field} is quoted: {refused}");
    }
}

#[tokio::test]
async fn the_schema_and_our_code_refuse_the_same_names() {
    let cluster = bare_cluster().await;
    let namespace = cluster.namespace("crd").await;
    let long = ["A".repeat(128), "A".repeat(129)];
    let names = [
        // Good ones first, with some that only look reserved.
        "OPENAI_API_KEY",
        "a",
        "Z9",
        "s3_Key",
        "PATHS",
        "HOME_URL",
        "LDAP_URL",
        "DENOTE",
        "USER_KEY",
        "",
        "_A",
        "A_",
        "9A",
        "A-B",
        "A B",
        "A.B",
        "Å",
        "A\n",
        "A\nB",
        "A=B",
        "$(A)",
        "__",
        " A",
        "PATH",
        "path",
        "HOME",
        "HOSTNAME",
        "hostname",
        "USER",
        "SHELL",
        "PWD",
        "TERM",
        "TMPDIR",
        "TZ",
        "IFS",
        "ENV",
        "BASH_ENV",
        "NODE_OPTIONS",
        "node_options",
        "NODE_PATH",
        "NODE_EXTRA_CA_CERTS",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "PERL5LIB",
        "PERL5OPT",
        "RUBYOPT",
        "RUBYLIB",
        "JAVA_TOOL_OPTIONS",
        "GODEBUG",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "LD_PRELOAD",
        "ld_preload",
        "DYLD_INSERT_LIBRARIES",
        "KUBERNETES_SERVICE_HOST",
        "DENO_DIR",
        &long[0],
        &long[1],
    ];
    for name in names {
        let spec = json!({"envVar": name, "sealed": "kliv1.k.b2xk"});
        let schema = create(cluster.client(), &namespace, &spec).await;
        let ours = check_env_var(name);
        assert_eq!(schema.is_ok(), ours.is_ok(), "{name:?}: schema {schema:?}, ours {ours:?}");
        if let Err(text) = schema {
            assert!(text.contains("spec.envVar"), "{name:?} is refused for something else: {text}");
        }
    }
    assert!(check_env_var("OPENAI_API_KEY").is_ok() && check_env_var("PATH").is_err());
}

#[tokio::test]
async fn the_schema_and_our_code_refuse_the_same_environments() {
    let cluster = bare_cluster().await;
    let namespace = cluster.namespace("crd").await;
    let long = ["a".repeat(63), "a".repeat(64)];
    let names = [
        "production",
        "a",
        "1",
        "a-b",
        "eu-1",
        "",
        "-a",
        "a-",
        "A",
        "a.b",
        "a_b",
        "å",
        "a b",
        "a\n",
        &long[0],
        &long[1],
    ];
    for name in names {
        let spec =
            json!({"envVar": "OPENAI_API_KEY", "environment": name, "sealed": "kliv1.k.b2xk"});
        let schema = create(cluster.client(), &namespace, &spec).await;
        let ours = check_environment(name);
        assert_eq!(schema.is_ok(), ours.is_ok(), "{name:?}: schema {schema:?}, ours {ours:?}");
    }
    assert!(check_environment("production").is_ok() && check_environment("A").is_err());
}

#[tokio::test]
async fn an_object_that_does_not_have_its_variables_name_is_refused() {
    let cluster = bare_cluster().await;
    let namespace = cluster.namespace("crd").await;
    let sealed = "kliv1.k.b2xk";
    for (name, spec) in [
        ("openai", json!({"envVar": "OPENAI_API_KEY", "sealed": sealed})),
        ("openai-api-key.test", json!({"envVar": "OPENAI_API_KEY", "sealed": sealed})),
        (
            "openai-api-key",
            json!({"envVar": "OPENAI_API_KEY", "environment": "test", "sealed": sealed}),
        ),
    ] {
        let text = create_named(cluster.client(), &namespace, name, &spec).await.expect_err(name);
        assert!(text.contains("metadata.name must be spec.envVar in small letters"), "{text}");
    }
}

#[tokio::test]
async fn variable_and_environment_never_change() {
    let cluster = bare_cluster().await;
    let namespace = cluster.namespace("crd").await;
    let sealed = "kliv1.k.b2xk";
    let spec = json!({"envVar": "STRIPE_KEY", "environment": "test", "sealed": sealed});
    create(cluster.client(), &namespace, &spec).await.expect("is stored");
    let patch = |spec: Value| {
        let patch = json!({"spec": spec}).to_string();
        let args =
            ["patch", "ksec", "stripe-key.test", "-n", &namespace, "--type=merge", "-p", &patch];
        cluster.kubectl(&args)
    };
    // A different spelling gives the same object name: only the rule on the change can tell.
    let said = patch(json!({"envVar": "Stripe_Key"})).failure();
    assert!(said.contains("spec.envVar can't be changed"), "{said}");
    for environment in [json!("live"), json!(null)] {
        let said = patch(json!({"environment": environment})).failure();
        assert!(said.contains("spec.environment can't be changed"), "{said}");
    }
    patch(json!({"description": "for payments"})).success();
}

#[tokio::test]
async fn a_spec_without_any_source_of_a_value_is_refused() {
    let cluster = bare_cluster().await;
    let namespace = cluster.namespace("crd").await;
    let text = create(cluster.client(), &namespace, &json!({"envVar": "STRIPE_KEY"})).await;
    assert!(text.expect_err("is refused").contains("give one of spec.value, spec.sealed"));
    let plain = json!({"envVar": "STRIPE_KEY", "sealed": VALUE});
    let text = create(cluster.client(), &namespace, &plain).await.expect_err("is refused");
    assert!(text.contains("spec.sealed is not a sealed value") && !text.contains(VALUE), "{text}");
}

#[tokio::test]
async fn a_question_about_a_value_needs_one_and_wants_one_thing() {
    let cluster = bare_cluster().await;
    let namespace = cluster.namespace("crd").await;
    let spec = |request: &Value, sealed: Option<&str>| match sealed {
        Some(sealed) => json!({"envVar": "STRIPE_KEY", "request": request, "sealed": sealed}),
        None => json!({"envVar": "STRIPE_KEY", "request": request}),
    };
    let anew = json!({"purpose": "it leaked", "replaces": 3});
    let deletion = json!({"purpose": "nobody uses it", "deletion": true});
    for request in [&anew, &deletion] {
        let text = create(cluster.client(), &namespace, &spec(request, None)).await;
        let text = text.expect_err("is refused");
        assert!(text.contains("give one of spec.value, spec.sealed"), "{text}");
    }
    let both = json!({"purpose": "p", "replaces": 3, "deletion": true});
    let text = create(cluster.client(), &namespace, &spec(&both, Some("kliv1.k.b2xk"))).await;
    let text = text.expect_err("is refused");
    assert!(text.contains("asks for a new value (replaces) or proposes to delete"), "{text}");
    let neither = json!({"purpose": "p", "deletion": false});
    let good = [spec(&neither, None), spec(&anew, Some("kliv1.k.b2xk")), {
        spec(&deletion, Some("kliv1.k.b2xk"))
    }];
    for spec in good {
        create(cluster.client(), &namespace, &spec).await.expect("is stored");
        cluster.kubectl(&["delete", "ksec", "stripe-key", "-n", &namespace]).success();
    }
}

#[tokio::test]
async fn sealed_generated_and_asked_for_secrets_are_accepted_and_listed() {
    let cluster = bare_cluster().await;
    let namespace = cluster.namespace("crd").await;
    let specs = [
        json!({"envVar": "OPENAI_API_KEY", "environment": "test", "sealed": "kliv1.k.b2xk"}),
        json!({"envVar": "WEBHOOK_SECRET", "generate": {"length": 40, "alphabet": "hex"}}),
        json!({"envVar": "SMTP_URL", "request": {"purpose": "to send receipts"}}),
    ];
    for spec in &specs {
        create(cluster.client(), &namespace, spec).await.expect("is stored");
    }
    let account = json!({"apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivAccount",
        "metadata": {"name": "default"}, "spec": {}});
    let args = ["create", "-n", &namespace, "-f", "-"];
    cluster.kubectl_reading(&account.to_string(), &args).success();
    let status = r#"{"status": {"maskedValue": "sk-p****z789", "version": 3, "updatedBy": "anna",
        "via": "kubectl", "conditions": [{"type": "Ready", "status": "True", "reason": "Published",
        "message": "", "lastTransitionTime": "2026-11-24T10:00:00Z"}]}}"#;
    let args = [
        "patch",
        "ksec",
        "openai-api-key.test",
        "-n",
        &namespace,
        "--subresource=status",
        "--type=merge",
        "-p",
        status,
    ];
    cluster.kubectl(&args).success();

    let list = |args: &[&str]| {
        let text = cluster.kubectl(&[&["get", "-n", &namespace], args].concat()).success();
        text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let secrets = list(&["ksec"]);
    assert_eq!(secrets[0], "NAME ENV VAR ENVIRONMENT VALUE READY UPDATED AGE");
    assert!(
        secrets[1].starts_with("openai-api-key.test OPENAI_API_KEY test sk-p****z789 True"),
        "{secrets:?}"
    );
    let wide = list(&["klivsecrets", "-o", "wide"]);
    assert!(wide[0].ends_with("AGE BY VIA VERSION REASON"), "{wide:?}");
    assert!(wide[1].ends_with("anna kubectl 3 Published"), "{wide:?}");
    assert_eq!(list(&["kacct"])[0], "NAME SECRETS FUNCTIONS UPDATED READY AGE");
    let all = list(&["kliv", "-o", "name"]);
    assert_eq!(all.len(), 4, "both kinds are in the category: {all:?}");
}

#[tokio::test]
async fn the_files_in_crds_work_by_plain_apply() {
    let cluster = bare_cluster().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/");
    cluster.kubectl(&["apply", "-f", folder]).success();
}

/// A control plane with the CRDs and nothing else of ours: the one that is shared with
/// the other tests has policies, which speak first.
pub(crate) async fn bare_cluster() -> &'static Cluster {
    static BARE: tokio::sync::OnceCell<Cluster> = tokio::sync::OnceCell::const_new();
    BARE.get_or_init(async || {
        let cluster = Cluster::start(Options::default());
        chart::install_crds(&cluster).await;
        cluster
    })
    .await
}

fn manifest(spec: &Value) -> String {
    object("openai-api-key", spec).to_string()
}

fn object(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": {"name": name}, "spec": spec,
    })
}

/// Creates a secret under the name that belongs to it; the error is the server's text.
async fn create(client: Client, namespace: &str, spec: &Value) -> Result<(), String> {
    let env_var = spec["envVar"].as_str().expect("a variable");
    let name = object_name(env_var, spec["environment"].as_str());
    create_named(client, namespace, &name, spec).await
}

async fn create_named(
    client: Client,
    namespace: &str,
    name: &str,
    spec: &Value,
) -> Result<(), String> {
    let kind = GroupVersionKind::gvk("secrets.kliv.dev", "v1alpha1", "KlivSecret");
    let resource = ApiResource::from_gvk_with_plural(&kind, "klivsecrets");
    let secrets: Api<DynamicObject> = Api::namespaced_with(client, namespace, &resource);
    let object: DynamicObject = serde_json::from_value(object(name, spec)).expect("an object");
    match secrets.create(&PostParams::default(), &object).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(other) => panic!("no answer: {other}"),
    }
}

fn stored(cluster: &Cluster, namespace: &str, name: &str) -> String {
    cluster
        .kubectl(&["get", "ksec", name, "-n", namespace, "-o", "json", "--show-managed-fields"])
        .success()
}

fn scratch(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("kliv-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[track_caller]
fn assert_refused_and_silent(way: &str, said: &str) {
    assert!(said.contains(NOT_SEALED), "{way} is refused for something else: {said}");
    for secret in [VALUE, NUMBER] {
        assert!(!said.contains(secret), "{way} shows the value: {said}");
    }
}
