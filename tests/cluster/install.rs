//! The chart, installed with Helm on a control plane of its own: rights, upgrade,
//! uninstall. No pod runs.

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::harness::{Cluster, Options, eventually};

const NAMESPACE: &str = "operator-of-ours";
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/kliv-secrets");
const READING: [&str; 5] = ["get", "list", "watch", "patch", "deletecollection"];

#[tokio::test]
async fn the_controller_can_read_no_secret_but_its_own_two() {
    let cluster = installed().await;
    let user = format!("system:serviceaccount:{NAMESPACE}:kliv-secrets-controller");
    let may = async |verb: &str, namespace: &str, name: &str| {
        may(cluster, &user, verb, "", "secrets", namespace, name).await
    };
    for namespace in ["default", "", NAMESPACE] {
        assert!(may("create", namespace, "").await && may("delete", namespace, "").await);
        for verb in READING.into_iter().chain(["update"]) {
            assert!(!may(verb, namespace, "").await, "{verb} of Secrets in {namespace:?}");
        }
    }
    for name in ["kliv-secrets-keyring", "kliv-secrets-webhook-tls"] {
        assert!(may("get", NAMESPACE, name).await && may("update", NAMESPACE, name).await);
        assert!(!may("patch", NAMESPACE, name).await && !may("get", "default", name).await);
    }
}

#[tokio::test]
async fn the_controller_has_no_right_that_would_give_it_more() {
    let cluster = installed().await;
    let user = format!("system:serviceaccount:{NAMESPACE}:kliv-secrets-controller");
    for (verb, group, resource) in [
        ("create", "", "pods"),
        ("create", "", "pods/exec"),
        ("create", "", "serviceaccounts/token"),
        ("impersonate", "", "users"),
        ("create", "apps", "deployments"),
        ("update", "apps", "deployments"),
        ("patch", "apps", "deployments/scale"),
        ("patch", "admissionregistration.k8s.io", "validatingadmissionpolicies"),
        ("delete", "admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
        ("patch", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
        ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
        ("patch", "rbac.authorization.k8s.io", "clusterroles"),
        ("create", "rbac.authorization.k8s.io", "clusterrolebindings"),
        ("patch", "secrets.kliv.dev", "klivsecrets"),
        ("create", "secrets.kliv.dev", "klivsecrets"),
    ] {
        assert!(!may(cluster, &user, verb, group, resource, "", "").await, "{verb} {resource}");
    }
}

#[tokio::test]
async fn the_webhook_may_create_audit_events_and_nothing_else() {
    let cluster = installed().await;
    let user = format!("system:serviceaccount:{NAMESPACE}:kliv-secrets-webhook");
    let audit_events = ("secrets.kliv.dev", "klivauditevents");
    for (group, resource) in [
        ("", "secrets"),
        ("", "configmaps"),
        ("", "namespaces"),
        ("", "events"),
        ("apps", "deployments"),
        ("secrets.kliv.dev", "klivsecrets"),
        ("secrets.kliv.dev", "klivaccounts"),
        audit_events,
    ] {
        for verb in READING.into_iter().chain(["create", "update", "delete"]) {
            let allowed = may(cluster, &user, verb, group, resource, NAMESPACE, "").await;
            let wanted = (group, resource) == audit_events && verb == "create";
            assert_eq!(allowed, wanted, "{verb} {resource}");
        }
    }
}

#[tokio::test]
async fn people_write_specs_only_and_read_no_native_secret_by_our_roles() {
    let cluster = installed().await;
    for role in ["viewer", "editor"] {
        let name = format!("kliv-secrets-{role}");
        cluster.grant(&name, &format!("--user={role}"), "default").await;
    }
    let may = async |user: &str, verb: &str, group: &str, resource: &str| {
        may(cluster, user, verb, group, resource, "default", "").await
    };
    let ours = "secrets.kliv.dev";
    for user in ["viewer", "editor"] {
        assert!(may(user, "list", ours, "klivsecrets").await);
        assert!(may(user, "get", ours, "klivaccounts").await);
        for verb in ["create", "update", "patch", "delete"] {
            let writes = user == "editor";
            assert_eq!(may(user, verb, ours, "klivsecrets").await, writes, "{user} {verb}");
            for resource in ["klivaccounts", "klivsecrets/status", "klivaccounts/status"] {
                assert!(!may(user, verb, ours, resource).await, "{user} {verb} {resource}");
            }
        }
        for verb in READING.into_iter().chain(["create", "update", "delete"]) {
            assert!(!may(user, verb, "", "secrets").await, "{user} {verb} secrets");
        }
    }
}

#[tokio::test]
async fn everybody_who_is_authenticated_may_read_the_sealing_key_the_install_and_no_other_configmap()
 {
    let cluster = installed().await;
    let client = cluster.as_user("somebody", &[]);
    let may = async |verb: &str, name: &str| {
        let review = json!({"spec": {"resourceAttributes": {
            "verb": verb, "resource": "configmaps", "namespace": NAMESPACE, "name": name}}});
        let api = Api::all(client.clone());
        let review: k8s_openapi::api::authorization::v1::SelfSubjectAccessReview =
            serde_json::from_value(review).expect("a review");
        let answer = api.create(&PostParams::default(), &review).await.expect("an answer");
        answer.status.is_some_and(|status| status.allowed)
    };
    assert!(may("get", "kliv-secrets-sealing-key").await);
    assert!(may("get", "kliv-secrets-install").await);
    assert!(!may("get", "another").await);
    assert!(!may("list", "").await && !may("update", "kliv-secrets-sealing-key").await);
}

#[tokio::test]
async fn an_upgrade_keeps_the_authority_that_the_controller_put_in_and_uninstalling_keeps_the_crds()
{
    let cluster = Cluster::start(Options::default());
    for mode in ["--server-side=true", "--server-side=false"] {
        install(&cluster, &[mode]);
        let webhooks: Api<MutatingWebhookConfiguration> = Api::all(cluster.client());
        let authority = [0, 1].map(|webhook| {
            json!({"op": "add", "path": format!("/webhooks/{webhook}/clientConfig/caBundle"),
                "value": "YXV0aG9yaXR5"})
        });
        let authority = json!(authority);
        let patch: json_patch::Patch = serde_json::from_value(authority).expect("a patch");
        let by_the_controller =
            PatchParams { field_manager: Some("kliv-secrets".into()), ..Default::default() };
        let written = webhooks
            .patch("kliv-secrets", &by_the_controller, &Patch::Json::<()>(patch))
            .await
            .expect("the authority");

        install(&cluster, &[mode, "--set", "webhook.timeoutSeconds=4"]);

        let upgraded = webhooks.get("kliv-secrets").await.expect("is there");
        let first = |configuration: &MutatingWebhookConfiguration| {
            configuration.webhooks.as_ref().map(|all| all[0].clone()).expect("a webhook")
        };
        assert_eq!(first(&upgraded).timeout_seconds, Some(4), "{mode}: the upgrade took place");
        let bundle = first(&upgraded).client_config.ca_bundle;
        assert!(bundle.is_some() && bundle == first(&written).client_config.ca_bundle, "{mode}");

        cluster.helm(&["uninstall", "kliv-secrets", "-n", NAMESPACE, "--wait=legacy"]).success();
        let crds: Api<CustomResourceDefinition> = Api::all(cluster.client());
        let kept = crds.get("klivsecrets.secrets.kliv.dev").await.expect("is kept");
        assert!(kept.metadata.deletion_timestamp.is_none());
    }
}

#[tokio::test]
async fn without_an_image_the_chart_says_how_to_get_one() {
    let cluster = installed().await;
    let said = cluster.helm(&["template", "kliv-secrets", CHART]).failure();
    assert!(said.contains("image.repository is empty") && said.contains("make image"), "{said}");
    let image = ["--set", "image.repository=example.org/kliv-secrets"];
    let said = cluster.helm(&[&["template", "kliv-secrets", CHART], &image[..]].concat()).failure();
    assert!(said.contains("image.tag is empty"), "{said}");
}

#[tokio::test]
async fn a_value_that_the_chart_does_not_know_is_refused() {
    let cluster = installed().await;
    let args = ["lint", CHART, "--set", "image.repository=x,image.tag=y,controller.replica=3"];
    let said = cluster.helm(&args).failure();
    assert!(said.contains("replica"), "{said}");
}

#[tokio::test]
async fn before_1_36_the_chart_leaves_injection_to_the_controller() {
    let cluster = installed().await;
    let render = |version| {
        let image = ["--set", "image.repository=x,image.tag=y", "--kube-version", version];
        cluster.helm(&[&["template", "kliv-secrets", CHART], &image[..]].concat()).success()
    };
    assert!(!render("1.35.0").contains("MutatingAdmissionPolicy"));
    assert!(render("1.36.0").contains("MutatingAdmissionPolicy"));
}

/// A control plane with the chart, for all tests of this file.
async fn installed() -> &'static Cluster {
    static SHARED: tokio::sync::OnceCell<Cluster> = tokio::sync::OnceCell::const_new();
    SHARED
        .get_or_init(async || {
            let cluster = Cluster::start(Options::default());
            install(&cluster, &[]);
            eventually("the API server knows of all roles", async || {
                all_roles_are_known(&cluster).await.then_some(())
            })
            .await;
            cluster
        })
        .await
}

/// Whether one right of each role of the chart's is known.
async fn all_roles_are_known(cluster: &Cluster) -> bool {
    let of = |part: &str| format!("system:serviceaccount:{NAMESPACE}:kliv-secrets-{part}");
    for (user, verb, group, resource, name) in [
        (of("controller"), "create", "", "secrets", ""),
        (of("controller"), "get", "", "secrets", "kliv-secrets-keyring"),
        (of("webhook"), "create", "secrets.kliv.dev", "klivauditevents", ""),
        ("somebody".to_owned(), "get", "", "configmaps", "kliv-secrets-sealing-key"),
    ] {
        if !may(cluster, &user, verb, group, resource, NAMESPACE, name).await {
            return false;
        }
    }
    true
}

fn install(cluster: &Cluster, more: &[&str]) {
    let what = ["upgrade", "--install", "kliv-secrets", CHART, "-n", NAMESPACE];
    let how = ["--create-namespace", "--set", "image.repository=example.org/kliv-secrets"];
    let args = [&what[..], &how[..], &["--set", "image.tag=test"], more].concat();
    cluster.helm(&args).success();
}

async fn may(
    cluster: &Cluster,
    user: &str,
    verb: &str,
    group: &str,
    resource: &str,
    namespace: &str,
    name: &str,
) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = json!({"spec": {
        "user": user,
        "groups": ["system:authenticated", "system:serviceaccounts"],
        "resourceAttributes": {
            "verb": verb, "group": group, "resource": resource, "subresource": subresource,
            "namespace": namespace, "name": name},
    }});
    let review: SubjectAccessReview = serde_json::from_value(review).expect("a review");
    let reviews: Api<SubjectAccessReview> = Api::all(cluster.client());
    let answer = reviews.create(&PostParams::default(), &review).await.expect("an answer");
    answer.status.is_some_and(|status| status.allowed)
}
