//! `helm test`, as people call it after an install.

use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{Api, ListParams};

use crate::harness::Outcome;
use crate::operator::{NAMESPACE, Operator};

#[tokio::test]
async fn helm_test_says_that_the_install_works_and_takes_its_rights_with_it() {
    let Some(operator) = Operator::alone().await else { return };

    let outcome = test(&operator);

    let said = outcome.stdout + &outcome.stderr;
    assert!(outcome.ok, "{said}");
    assert!(said.contains("all is well: what is written to default is sealed"), "{said}");
    assert_eq!(left(&operator).await, "");
}

#[tokio::test]
async fn helm_test_names_what_is_broken_and_takes_its_rights_with_it() {
    let Some(operator) = Operator::alone().await else { return };
    operator.will_change();
    let binding = "validatingadmissionpolicybinding/kliv-secrets-stamps";
    operator.kubectl(&["delete", binding]).success();

    let said = test(&operator).failure();

    let named = "ValidatingAdmissionPolicy kliv-secrets-stamps is there and nothing binds it";
    assert!(said.contains(named), "{said}");
    // The log of the pod is the report.
    assert_eq!(left(&operator).await, "pod/kliv-secrets-test\n");
    assert!(operator.kubectl(&["logs", "kliv-secrets-test"]).success().contains(named));
    operator.kubectl(&["delete", "pod/kliv-secrets-test"]).success();
}

fn test(operator: &Operator) -> Outcome {
    operator.cluster.helm(&["test", "kliv-secrets", "-n", NAMESPACE, "--timeout", "2m"])
}

/// What a test brought that is still there.
async fn left(operator: &Operator) -> String {
    let kinds = "pods,serviceaccounts,roles,rolebindings";
    let of_the_test = ["-l", "app.kubernetes.io/component=test", "-o", "name"];
    let namespaced = operator.kubectl(&[&["get", kinds], &of_the_test[..]].concat()).success();
    let elsewhere = ["get", "roles,rolebindings", "-n", "default", "-o", "name"];
    let elsewhere = [&elsewhere[..], &of_the_test[..2]].concat();
    let elsewhere = operator.cluster.kubectl(&elsewhere).success();
    let roles: Api<ClusterRole> = Api::all(operator.cluster.client());
    let ours = ListParams::default().labels("app.kubernetes.io/component=test");
    assert!(roles.list(&ours).await.expect("ClusterRoles").items.is_empty());
    namespaced + &elsewhere
}
