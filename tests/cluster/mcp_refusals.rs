//! Calls that agents make with what looks like a credential: refused at once, told in the
//! account's trail by who made them, and nothing of them is anywhere.

use futures::FutureExt as _;
use kliv_secrets::account::{Caller, Error};
use kliv_secrets::api::names::{AGENT_FIELD_MANAGER, LABEL_PENDING};
use kliv_secrets::api::{AuditAction, KlivAuditEvent, KlivAuditEventSpec, KlivSecret};
use kliv_secrets::mcp::{Agent, Says, Settings, StateKey, Visit};
use kliv_secrets::runtime::entropy;
use kube::Client;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::account::{Account, function, kubectl_kliv, secret};
use crate::harness::{AgentClient, Called, Options, Revision, eventually, run};
use crate::operator::Operator;

const CANARY: &str = "sk_live_c4n4ry4eC39HqLyjWDarjtT1zdp7dc";
const ANNA: &str = "anna@example.org";

/// Somebody's, with the right to write in every account.
fn caller(account: &Account<'_>, client: Client) -> Caller {
    Caller { client, field_manager: AGENT_FIELD_MANAGER, ..account.caller() }
}

fn door(caller: Caller) -> Agent {
    let state = StateKey::generate(&mut entropy::system());
    let settings = Settings { chat_values: true, web: None, state };
    Agent::of(Visit { caller, who: ANNA.into(), says: Says::default() }, settings)
}

/// Calls a tool with what looks like a credential.
async fn calls(agent: &mut AgentClient) -> String {
    let arguments = json!({ "environment": CANARY });
    let words = agent.call("list_secrets", arguments).await.refused();
    assert!(words.starts_with("refused: the argument `environment` holds what looks like"));
    words
}

/// Those that wait for the controller.
async fn waiting(account: &Account<'_>) -> Vec<KlivAuditEvent> {
    let waiting = ListParams::default().labels(LABEL_PENDING);
    account.api().list(&waiting).await.expect("audit events").items
}

async fn has_no_secret(account: &Account<'_>) -> bool {
    let secrets = account.api::<KlivSecret>().list(&ListParams::default()).await;
    secrets.expect("a list").items.is_empty()
}

fn details(events: &[KlivAuditEventSpec]) -> Vec<String> {
    let details = events.iter().filter_map(|event| event.detail.as_deref());
    let mut details: Vec<String> = details
        .filter_map(|detail| Some(detail.strip_prefix("a call of ")?.split_once(' ')?.0.to_owned()))
        .collect();
    details.sort();
    details
}

#[tokio::test]
async fn refused_calls_are_told_by_who_made_them_also_in_an_account_that_has_nothing_yet() {
    let options = Options { keep_revisions: true, ..Options::default() };
    let operator = Operator::start(options, &["--quiet-period=50ms"]).await;
    let account = Account::new(&operator, "mcp-refused").await;
    account.create(&function("api")).await;
    let bot = "system:serviceaccount:bots:agent";
    let client = account.cluster.as_user_for(bot, &["system:masters"], ANNA);
    let agent = door(caller(&account, client));
    let mut client = AgentClient::of(agent.clone(), Revision::Of2026).await;

    calls(&mut client).await;
    let unknown = client.call(CANARY, json!({})).await;
    assert!(matches!(unknown, Called::Error(_)), "{unknown:?}");
    let uri = json!({ "uri": format!("kliv://{CANARY}") });
    client.request("resources/read", uri).await.expect_err("is refused");
    let prompt = json!({ "name": "add_integration", "arguments": { "service": CANARY } });
    client.request("prompts/get", prompt).await.expect_err("is refused");
    assert!(!client.heard().contains("c4n4ry"), "{}", client.heard());
    agent.settled().await;

    let events = account.tells(&[const { AuditAction::CallRefused }; 4]).await;
    let wanted = ["list_secrets", "prompts/get", "resources/read", "unknown-tool"];
    assert_eq!(details(&events), wanted);
    for event in &events {
        let who = (event.actor.as_str(), event.on_behalf_of.as_deref(), event.via.as_str());
        assert_eq!(who, (bot, Some(ANNA), "agent"));
        assert_eq!((&event.secret, event.version), (&None, None));
    }
    // Nothing was made but the record, and nothing is done for it.
    assert!(has_no_secret(&account).await);
    let status = account.status().await;
    assert!(
        status.sets.is_empty() && status.revision == 0 && account.sets_there().await.is_empty()
    );
    assert_eq!(account.function("api").await.metadata.generation, Some(1));
    eventually("no notice is left", async || waiting(&account).await.is_empty().then_some(()))
        .await;

    // The account goes on as any other.
    account.put(&secret("API_TOKEN", "a value of some length")).await;
    account.gets("api", &[("API_TOKEN", "a value of some length")]).await;
    let verified =
        run(kubectl_kliv(account.cluster, &["audit", "verify", "-n", &account.namespace]), "");
    assert!(verified.success().starts_with("whole: "));

    let shown = |text: &str| text.to_lowercase().contains("c4n4ry");
    assert!(!shown(&operator.logs()));
    let events = account.kubectl(&["get", "events", "-o", "json"], &Value::Null).success();
    assert!(events.contains("CallRefused") && !shown(&events), "{events}");
    for stored in account.cluster.etcd_history() {
        assert!(!shown(&String::from_utf8_lossy(&stored.value)), "{}", stored.key);
    }
}

#[tokio::test]
async fn a_call_that_was_refused_while_the_controller_was_away_is_told_once_however_it_restarts() {
    let mut operator = Operator::start(Options::default(), &[]).await;
    let namespace = Account::new(&operator, "mcp-refused-away").await.namespace;
    operator.stop_controller();
    {
        let account = Account::at(&operator, namespace.clone());
        let agent = door(caller(&account, account.cluster.as_user(ANNA, &["system:masters"])));
        let mut client = AgentClient::of(agent.clone(), Revision::Of2025).await;
        calls(&mut client).await;
        agent.settled().await;
        eventually("one waits", async || (waiting(&account).await.len() == 1).then_some(())).await;
        // On a dry run nothing is noted.
        let told = json!({
            "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret", "spec": {},
            "metadata": {
                "name": "x", "annotations": { "secrets.kliv.dev/refused-call": "list_secrets" },
            },
        });
        let dry = ["create", "-f", "-", "--dry-run=server"];
        let refused = account.kubectl(&dry, &told).failure();
        assert!(refused.contains("tells of a call that was refused"), "{refused}");
    }
    for _ in 0..3 {
        operator.start_controller();
        let account = Account::at(&operator, namespace.clone());
        account.tells(&[AuditAction::CallRefused]).await;
        let is_over = async || waiting(&account).await.is_empty().then_some(());
        eventually("the notice goes", is_over).await;
        operator.kill_controller();
    }
}

#[tokio::test]
async fn a_refusal_stands_where_nobody_can_be_told() {
    let mut operator = Operator::exclusive().await;
    let namespace = Account::new(&operator, "mcp-refused-untold").await.namespace;
    let account = Account::at(&operator, namespace.clone());
    // Without the right to write.
    let nobody = caller(&account, account.cluster.as_user("nobody", &[]));
    let untold = nobody.tell_refused("list_secrets").await;
    assert!(matches!(untold, Err(Error::Forbidden(_))), "{untold:?}");
    calls(&mut AgentClient::of(door(nobody), Revision::Of2026).await).await;

    // Where the cluster takes connections and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let silent =
        Client::try_from(kube::Config::new(url.parse().expect("a URL"))).expect("a client");
    let agent = door(caller(&account, silent));
    calls(&mut AgentClient::of(agent.clone(), Revision::Of2026).await).await;
    let told = agent.settled().now_or_never();
    assert!(told.is_none(), "it is refused before that has been told");

    operator.stop_webhook();
    let account = Account::at(&operator, namespace);
    let anna = caller(&account, account.cluster.as_user(ANNA, &["system:masters"]));
    let untold = anna.tell_refused("list_secrets").await;
    assert!(matches!(untold, Err(Error::Refused(_))), "{untold:?}");
    calls(&mut AgentClient::of(door(anna), Revision::Of2025).await).await;
    assert!(has_no_secret(&account).await);
    assert!(account.trail().await.is_empty() && waiting(&account).await.is_empty());
}
