//! What the servers for people and for agents may do while they act as somebody: never more
//! than their own role names, whoever that is.

use http::Request;
use kube::{Client, Error};
use serde_json::Value;

use crate::chart::NAMESPACE;

/// Nothing but our kinds, Deployments to look at, and what is public; refused to the server that
/// is named here, whatever the person may do.
pub(crate) async fn reaches_nothing_else(
    client: &Client,
    namespace: &str,
    who: &str,
    server: &str,
) {
    let ours = format!("/apis/secrets.kliv.dev/v1alpha1/namespaces/{namespace}");
    let core = format!("/api/v1/namespaces/{namespace}");
    let apps = format!("/apis/apps/v1/namespaces/{namespace}");
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let admission = "/apis/admissionregistration.k8s.io/v1";
    for (method, path) in [
        ("GET", format!("{core}/secrets")),
        ("GET", "/api/v1/secrets".to_owned()),
        ("GET", "/api/v1/secrets?watch=1".to_owned()),
        ("GET", format!("/api/v1/namespaces/{NAMESPACE}/secrets/kliv-secrets-keyring")),
        ("POST", format!("{core}/secrets")),
        ("DELETE", format!("{core}/secrets/x")),
        ("GET", format!("{core}/pods")),
        ("POST", format!("{core}/pods")),
        ("POST", format!("{core}/pods/x/exec?command=env")),
        ("GET", format!("{core}/pods/x/exec?command=env")),
        ("GET", format!("{core}/pods/x/log")),
        ("GET", format!("{core}/configmaps")),
        ("GET", format!("{core}/configmaps/kliv-secrets-sealing-key")),
        ("GET", format!("/api/v1/namespaces/{NAMESPACE}/configmaps")),
        ("POST", format!("{core}/serviceaccounts/default/token")),
        ("DELETE", format!("/api/v1/namespaces/{namespace}")),
        ("POST", "/api/v1/namespaces".to_owned()),
        ("GET", "/api/v1/nodes".to_owned()),
        ("GET", "/api/v1/nodes/x/proxy/configz".to_owned()),
        ("POST", format!("{apps}/deployments")),
        ("PATCH", format!("{apps}/deployments/api")),
        ("DELETE", format!("{apps}/deployments/api")),
        ("POST", format!("/apis/batch/v1/namespaces/{namespace}/jobs")),
        ("DELETE", format!("{ours}/klivsecrets")),
        ("PATCH", format!("{ours}/klivsecrets/api-token/status")),
        ("PUT", format!("{ours}/klivsecrets/api-token/status")),
        ("PATCH", format!("{ours}/klivaccounts/default/status")),
        ("DELETE", format!("{ours}/klivaccounts/default")),
        ("POST", format!("{ours}/klivauditevents")),
        ("DELETE", format!("{ours}/klivauditevents/x")),
        ("POST", format!("{rbac}/clusterrolebindings")),
        ("POST", format!("{rbac}/namespaces/{namespace}/rolebindings")),
        ("DELETE", format!("{admission}/validatingadmissionpolicies/kliv-secrets-stamps")),
        ("PATCH", format!("{admission}/mutatingwebhookconfigurations/kliv-secrets")),
        ("GET", format!("{admission}/mutatingwebhookconfigurations")),
        ("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions".to_owned()),
        ("POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests".to_owned()),
        ("GET", "/metrics".to_owned()),
        ("GET", "/logs/".to_owned()),
    ] {
        let body = if method == "GET" { Vec::new() } else { b"{}".to_vec() };
        let request = Request::builder().method(method).uri(&path);
        let kind =
            if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = request.header("content-type", kind).body(body).expect("a request");
        let answer = client.request_text(request).await;
        // It is the server that may not, whatever the person may.
        let said = forbidden(answer);
        let by = format!(":{server}\" cannot ");
        assert!(said.contains(&by), "{who}: {method} {path}: {said}");
    }
}

/// As whom the API server takes a request with these headers.
pub(crate) async fn whoami(client: &Client, headers: &[(&str, &str)]) -> Result<String, Error> {
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let mut request = Request::post(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.request_text(request.body(b"{}".to_vec()).expect("a request")).await
}

/// What the API server says where it refuses for want of a right.
#[track_caller]
pub(crate) fn forbidden<T>(answer: Result<T, Error>) -> String {
    match answer {
        Err(Error::Api(status)) if status.code == 403 => status.message.clone(),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it went well, and should not have"),
    }
}

/// An object from JSON.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).expect("an object")
}
