//! Other people's tools on an injected function, with the admission policy and without it.
//!
//! What a tool does to the function `api` it does to `twin` as well, which is no function.
//! In the end the first must be the second and our entries, nothing more and nothing less:
//!
//! ```text
//!  act(api)  ─► api  = twin + API_TOKEN, DB_PASSWORD   the operator wrote it at most N times
//!  act(twin) ─► twin                                   and its resourceVersion stays
//! ```

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, WatchEvent, WatchParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::account::{Account, env_of, secret};
use crate::harness::{AuditMark, Options, Outcome, eventually};
use crate::operator::{CONTROLLER, KEPT, Operator, SHARED_LEASE};

/// The function, and what it would be if it were none.
pub(crate) const BOTH: [&str; 2] = ["api", "twin"];
/// Ours, in their order.
pub(crate) const OURS: [&str; 2] = ["API_TOKEN", "DB_PASSWORD"];

/// A function and its twin, in an account with two secrets.
pub(crate) struct Pair<'a> {
    pub(crate) account: Account<'a>,
    /// Injection is done by the API server; otherwise by the controller alone.
    pub(crate) by_policy: bool,
}

/// An operator whose API server knows no MutatingAdmissionPolicy, as before 1.36.
pub(crate) async fn without_policy() -> &'static Operator {
    static ALONE: OnceCell<Operator> = OnceCell::const_new();
    ALONE
        .get_or_init(async || {
            let kept = format!("--keep-superseded={KEPT}");
            let operator = Operator::start(Options::default(), &[&kept, SHARED_LEASE]).await;
            for kind in ["mutatingadmissionpolicybinding", "mutatingadmissionpolicy"] {
                operator.cluster.kubectl(&["delete", kind, "kliv-secrets-injection"]).success();
            }
            let account = Account::new(&operator, "no-policy").await;
            account.put(&secret("API_TOKEN", "some value")).await;
            eventually("the API server injects no more", async || {
                let answer = account.dry_run(&manifest("api")).await;
                (env_of(&answer).len() == 2).then_some(())
            })
            .await;
            operator
        })
        .await
}

/// Both kinds of cluster, each with a function and its twin that were brought by `made`.
pub(crate) async fn pairs(name: &str, made: impl Fn(&Pair<'_>, &str)) -> [Pair<'static>; 2] {
    let pair = async |operator: &'static Operator, by_policy| {
        let pair = Pair { account: Account::new(operator, name).await, by_policy };
        for name in OURS {
            pair.account.put(&secret(name, "first value")).await;
        }
        BOTH.iter().for_each(|who| made(&pair, who));
        pair.whole().await;
        pair
    };
    [pair(Operator::shared().await, true).await, pair(without_policy().await, false).await]
}

/// Each kind of cluster with a function that was made by `kubectl apply`.
pub(crate) async fn applied(name: &str) -> [Pair<'static>; 2] {
    pairs(name, |pair, who| pair.apply(&manifest(who), &[])).await
}

/// The Deployment as its owner writes it.
pub(crate) fn manifest(who: &str) -> Value {
    let component = if who == "api" { "edge-function" } else { "no-function" };
    let main = json!({
        "name": "main", "image": "example.org/one",
        "env": [
            { "name": "OWN", "value": "one" },
            { "name": "URL", "value": "postgres://app:$(DB_PASSWORD)@db" },
        ],
        "envFrom": [{ "configMapRef": { "name": "settings" } }],
        "resources": { "requests": { "cpu": "10m" } },
        "readinessProbe": { "httpGet": { "path": "/", "port": 8080 } },
    });
    let side = json!({ "name": "side", "image": "example.org/side", "env": [{ "name": "OWN", "value": "x" }] });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": who,
            "labels": { "app.kubernetes.io/component": component, "team": "red" },
            "annotations": { "example.org/note": "mine" },
        },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "function": who } },
            "template": {
                "metadata": { "labels": { "function": who } },
                "spec": { "containers": [main, side] },
            },
        },
    })
}

/// The manifest with an entry changed, one new and one gone, and the rest in another order.
pub(crate) fn changed(who: &str) -> Value {
    let mut manifest = manifest(who);
    manifest["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{ "name": "NEW", "value": "x" }, { "name": "OWN", "value": "two" }]);
    manifest
}

/// The manifest without any entry in its first container.
pub(crate) fn without_env(who: &str) -> Value {
    let mut manifest = manifest(who);
    let main = manifest["spec"]["template"]["spec"]["containers"][0].as_object_mut();
    main.expect("a container").remove("env");
    manifest
}

impl Pair<'_> {
    /// kubectl on a Deployment of the pair: `{}` stands for it.
    #[track_caller]
    pub(crate) fn kubectl(&self, who: &str, args: &[&str]) -> String {
        self.try_kubectl(who, args).success()
    }

    pub(crate) fn try_kubectl(&self, who: &str, args: &[&str]) -> Outcome {
        let target = format!("deployment/{who}");
        let args = args.iter().map(|&arg| if arg == "{}" { target.as_str() } else { arg });
        let args: Vec<&str> = args.collect();
        self.account.kubectl(&args, &Value::Null)
    }

    /// `kubectl apply` of a manifest, with flags.
    #[track_caller]
    pub(crate) fn apply(&self, manifest: &Value, flags: &[&str]) {
        let args = [&["apply", "-f", "-"], flags].concat();
        self.account.kubectl(&args, manifest).success();
    }

    /// Does something to both, and waits until all is whole again. Without the policy the
    /// controller may write the function `most` times, with it never.
    pub(crate) async fn after(&self, most: usize, act: impl Fn(&str)) {
        let mark = self.account.cluster.audit_mark().await;
        BOTH.iter().for_each(|who| act(who));
        self.whole().await;
        let most = if self.by_policy { 0 } else { most };
        let writes = self.writes_of_the_operator(mark).await;
        assert!(writes <= most, "{writes} writes of the operator, by policy: {}", self.by_policy);
    }

    /// Waits until the function is its twin and our entries, and nothing writes it any more.
    pub(crate) async fn whole(&self) {
        let account = &self.account;
        eventually("the function is its twin and our entries", async || {
            let [api, twin] = [self.live("api").await, self.live("twin").await];
            (api == self.with_ours(twin).await).then_some(())
        })
        .await;
        // Every set that it refers to is there.
        account.environment("api").await;
        eventually("nothing writes the function any more", async || {
            let before = account.function("api").await.metadata.resource_version;
            account.caught_up().await;
            (before == account.function("api").await.metadata.resource_version).then_some(())
        })
        .await;
        assert_eq!(self.live("api").await, self.with_ours(self.live("twin").await).await);
    }

    /// How often the operator wrote the function.
    pub(crate) async fn writes_of_the_operator(&self, mark: AuditMark) -> usize {
        let requests = self.account.cluster.audit_since(mark).await.into_iter();
        let wrote = requests.filter(|request| {
            request.is_write()
                && request.user == CONTROLLER
                && request.namespace == self.account.namespace
                && (request.resource.as_str(), request.name.as_str()) == ("deployments", "api")
        });
        wrote.count()
    }

    /// The sets that the function referred to, in every state since that version.
    pub(crate) async fn referred_to_since(&self, version: &str) -> Vec<String> {
        use futures::TryStreamExt;
        let functions: Api<Deployment> = self.account.api();
        let params = WatchParams::default().fields("metadata.name=api").timeout(5);
        let events = functions.watch(&params, version).await.expect("a watch");
        let events: Vec<WatchEvent<Deployment>> = events.try_collect().await.expect("events");
        let states = events.into_iter().filter_map(|event| match event {
            WatchEvent::Added(state) | WatchEvent::Modified(state) => Some(state),
            _ => None,
        });
        let mut sets: Vec<String> =
            states.flat_map(|state| env_of(&state)).filter_map(|(_, set)| set).collect();
        sets.dedup();
        sets
    }

    /// All of a Deployment that its owner can say, in the function's names.
    async fn live(&self, who: &str) -> Value {
        let deployment = json!(self.account.function(who).await).to_string();
        let named = deployment.replace("twin", "api").replace("no-function", "edge-function");
        let mut object: Value = serde_json::from_str(&named).expect("JSON");
        let annotations = object["metadata"]["annotations"].as_object_mut().expect("annotations");
        annotations.remove("deployment.kubernetes.io/revision");
        // The time of a restart, to the second.
        let restarted = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";
        if let Some(time) = object.pointer_mut(restarted) {
            *time = json!("then");
        }
        json!({
            "labels": object["metadata"]["labels"],
            "annotations": object["metadata"]["annotations"],
            "spec": object["spec"],
        })
    }

    /// What the twin would be with our entries: those that its own don't hide.
    async fn with_ours(&self, mut twin: Value) -> Value {
        let sets = self.account.status().await.sets;
        let set = sets.into_iter().find(|set| set.environment.is_empty()).expect("a set");
        let main = &mut twin["spec"]["template"]["spec"]["containers"][0];
        let own = main["env"].as_array().cloned().unwrap_or_default();
        let ours = set.keys.iter().filter(|name| own.iter().all(|entry| entry["name"] != **name));
        let reference = |name| json!({ "secretKeyRef": { "name": set.name, "key": name } });
        let ours = ours.map(|name| json!({ "name": name, "valueFrom": reference(name) }));
        main["env"] = ours.chain(own.iter().cloned()).collect();
        twin
    }
}
