//! Rights, from when on the API server knows of them: a moment after they were written.

use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::api::{Api, PostParams};
use serde_json::json;

use super::{Cluster, eventually};

impl Cluster {
    /// Gives a ClusterRole that speaks of KlivSecrets, in a namespace, or everywhere where none
    /// is named: to `--user=…`, `--group=…` or `--serviceaccount=…`.
    pub async fn grant(&self, role: &str, whom: &str, namespace: &str) {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Bound along with them: what is known of one is known of all.
        let witness = format!("witness-{}-{number}", std::process::id());
        let (role_flag, user) = (format!("--clusterrole={role}"), format!("--user={witness}"));
        let name = format!("{role}-{witness}");
        let mut args = match namespace {
            "" => vec!["create", "clusterrolebinding"],
            namespace => vec!["create", "rolebinding", "-n", namespace],
        };
        args.extend([&name, &role_flag, whom, &user]);
        self.kubectl(&args).success();
        self.allows(&witness, "get", "klivsecrets", namespace).await;
    }

    /// Waits until a user may do something with one of our kinds.
    pub async fn allows(&self, user: &str, verb: &str, resource: &str, namespace: &str) {
        let review = json!({ "spec": { "user": user, "resourceAttributes": {
            "group": "secrets.kliv.dev", "verb": verb, "resource": resource,
            "namespace": namespace,
        } } });
        let review: SubjectAccessReview = serde_json::from_value(review).expect("a review");
        let reviews: Api<SubjectAccessReview> = Api::all(self.client());
        eventually(&format!("{user} may {verb} {resource} in {namespace:?}"), async || {
            let answer = reviews.create(&PostParams::default(), &review).await;
            answer.expect("an answer").status?.allowed.then_some(())
        })
        .await;
    }
}
