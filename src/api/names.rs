//! Every name that the product uses in a cluster, once.

/// The API group of our kinds.
pub const GROUP: &str = "secrets.kliv.dev";
/// The only version so far.
pub const VERSION: &str = "v1alpha1";

/// Who writes, in `managedFields` and as the reporting controller of Events.
pub const FIELD_MANAGER: &str = "kliv-secrets";
/// The same of what people do in the web server's pages.
pub const WEB_FIELD_MANAGER: &str = "kliv-web";
/// The same of what agents do.
pub const AGENT_FIELD_MANAGER: &str = "kliv-mcp";
/// The same where the value was pasted into a chat first: a model has seen it.
pub const CHAT_FIELD_MANAGER: &str = "kliv-mcp-chat";
/// The audience of tokens that are for the agents' server alone.
pub const AGENT_AUDIENCE: &str = "kliv-secrets-mcp";
/// The audience of tokens that are for the web server alone.
pub const WEB_AUDIENCE: &str = "kliv-secrets-web";
/// The name of every [`KlivAccount`](super::KlivAccount); one per namespace.
pub const ACCOUNT_NAME: &str = "default";

/// On published Secrets, with the value [`FIELD_MANAGER`].
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// On a function (the Deployment, not its pod template): which environment it runs
/// in. On a published set: the environment it is for.
pub const LABEL_ENVIRONMENT: &str = "secrets.kliv.dev/environment";
/// The default selector of edge functions: key and value.
pub const FUNCTION_LABEL: (&str, &str) = ("app.kubernetes.io/component", "edge-function");

/// On a KlivSecret: who changed the spec and when ([`Stamps`](super::Stamps)).
pub const ANNOTATION_STAMPS: &str = "secrets.kliv.dev/stamps";
/// On a KlivSecret that is to be made, and never is: the agents' door tells the front door of
/// a call that it refused ([`refused_call`](super::refused_call)).
pub const ANNOTATION_REFUSED_CALL: &str = "secrets.kliv.dev/refused-call";
/// On a function: `none`, or a comma-separated list of variables; absent means all.
pub const ANNOTATION_INJECT: &str = "secrets.kliv.dev/inject";
/// On a function: variables that it can't do without, comma-separated.
pub const ANNOTATION_REQUIRES: &str = "secrets.kliv.dev/requires";
/// On a function: the containers to inject into, comma-separated. Default: the one
/// that `kubectl logs` would pick.
pub const ANNOTATION_CONTAINERS: &str = "secrets.kliv.dev/containers";
/// On a function's pod template: what `kubectl logs` picks.
pub const ANNOTATION_DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// On a function: `manual` takes a new set only when told by [`ANNOTATION_REVISION`].
pub const ANNOTATION_ROLLOUT: &str = "secrets.kliv.dev/rollout";
/// On a function with `rollout: manual`: the revision of the set it may take.
pub const ANNOTATION_REVISION: &str = "secrets.kliv.dev/revision";

/// On the Secret [`WEBHOOK_TLS_SECRET`], with any value: somebody asks for a new
/// certificate now. Gone once there is one.
pub const ANNOTATION_RENEW: &str = "secrets.kliv.dev/renew";

/// On a KlivAuditEvent that waits for the controller: `true` where it tells of a delete …
pub const LABEL_PENDING: &str = "secrets.kliv.dev/pending";
/// … and this where it tells of a refused call, of which no watch of secrets would tell.
pub const PENDING_CALL: &str = "call";
/// How its name begins; the uid of the request follows.
pub const PENDING_PREFIX: &str = "pending-";

/// In `userInfo.extra` of a request: the human that an agent acts for, as an authenticator
/// or whoever may impersonate says.
pub const EXTRA_ON_BEHALF_OF: &str = "secrets.kliv.dev/on-behalf-of";

/// The type of a published Secret.
pub const SECRET_TYPE: &str = "secrets.kliv.dev/env";
/// How the name of every published Secret begins.
pub const SET_PREFIX: &str = "kliv-env-";

/// In the operator's namespace: the keyring.
pub const KEYRING_SECRET: &str = "kliv-secrets-keyring";
/// The type of [`KEYRING_SECRET`].
pub const KEYRING_SECRET_TYPE: &str = "secrets.kliv.dev/keyring";
/// The entry of [`KEYRING_SECRET`] that holds the text form of
/// [`Keyring`](crate::seal::Keyring), plain or wrapped.
pub const KEYRING_ENTRY: &str = "keyring";
/// In the operator's namespace: the webhook's certificate and its CA.
pub const WEBHOOK_TLS_SECRET: &str = "kliv-secrets-webhook-tls";
/// In the operator's namespace: what sealers need; readable by every authenticated user.
pub const SEALING_KEY_CONFIGMAP: &str = "kliv-secrets-sealing-key";
/// The entry of [`SEALING_KEY_CONFIGMAP`] that holds the text form of
/// [`SealingKey`](crate::seal::SealingKey).
pub const SEALING_KEY_ENTRY: &str = "sealing-key";
/// In the operator's namespace, from the chart: what people's programs need to know of the
/// install; readable by every authenticated user.
pub const INSTALL_CONFIGMAP: &str = "kliv-secrets-install";
/// The entry of [`INSTALL_CONFIGMAP`] with the operator's version.
pub const VERSION_ENTRY: &str = "version";
/// The entry of [`INSTALL_CONFIGMAP`] with the labels of edge functions: `key=value,…`.
pub const SELECTOR_ENTRY: &str = "function-selector";
/// The entry of [`INSTALL_CONFIGMAP`] with the origin of people's web page, where there is one.
pub const WEB_URL_ENTRY: &str = "web-url";
/// The name of the mutating webhook's configuration.
pub const WEBHOOK_CONFIGURATION: &str = "kliv-secrets";
/// The admission policy that confines the controller's writes of Deployments.
pub const CONFINEMENT_POLICY: &str = "kliv-secrets-controller-deployments";
/// The CRDs.
pub const CRDS: [&str; 3] = [
    "klivaccounts.secrets.kliv.dev",
    "klivauditevents.secrets.kliv.dev",
    "klivsecrets.secrets.kliv.dev",
];
/// The chart's validating admission policies; the binding of each has its name.
pub const GUARDS: [&str; 8] = [
    "kliv-secrets-annotations",
    "kliv-secrets-audit-events",
    "kliv-secrets-controller-accounts",
    CONFINEMENT_POLICY,
    "kliv-secrets-controller-secrets",
    "kliv-secrets-published-sets",
    "kliv-secrets-stamps",
    "kliv-secrets-status",
];
/// The chart's mutating admission policy and its binding.
pub const INJECTION_POLICY: &str = "kliv-secrets-injection";
/// The leader's Lease, in the operator's namespace.
pub const LEASE: &str = "kliv-secrets-controller";

/// A value's greatest size, bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// The greatest number of secrets in an account.
pub const MAX_SECRETS: usize = 256;
/// The greatest number of environments of an account: each has a set of its own, and the
/// KlivAccount, which names the variables of all, must fit into etcd.
pub const MAX_ENVIRONMENTS: usize = 32;
/// The greatest size of a published set, bytes; the API server takes 1 MiB.
pub const MAX_SET_BYTES: usize = 900 * 1024;
/// The longest name of somebody that is kept, characters.
pub const MAX_USER_CHARS: usize = 1024;
/// The longest name of a variable.
pub const MAX_ENV_VAR: usize = 128;
/// The longest `spec.sealed`, characters: 64 KiB padded, sealed, base64url.
pub const MAX_SEALED: usize = 96 * 1024;
