//! The controller killed at each of its calls: the trail has neither gap nor double, and what
//! was begun is finished.
//!
//! Which calls a change takes is seen once, undisturbed. Then each of them is cut off, before
//! it arrives and before its answer does, every time in an account of its own: nothing that
//! the controller asks about that account from there on arrives, as if it had ended. When all
//! are where they were to be cut, it is killed, and a new one finds what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures::{StreamExt as _, stream};
use kliv_secrets::account::{Caller, DryRun, How, Target};
use kliv_secrets::api::condition::{AUDITED, READY, Reason};
use kliv_secrets::api::{
    AuditAction, ChainLink, KlivAuditEvent, KlivAuditEventSpec, KlivSecret, KlivSecretSpec,
};
use kliv_secrets::audit::verify;
use kliv_secrets::runtime::{clock, entropy};
use kliv_secrets::seal::Plaintext;
use kube::Client;
use kube::api::ListParams;
use serde_json::Value;

use crate::account::{Account, function};
use crate::chart;
use crate::harness::{Cluster, Cut, Options, Proxy, eventually, eventually_or_why};
use crate::operator::Operator;

/// Accounts at once.
const AT_ONCE: usize = 12;
const FIRST: &str = "c4n4ry-first-value-a1b2c3";
const SECOND: &str = "c4n4ry-second-value-d4e5f6";
const SECRET: &str = "api-token";

/// What bert does, after what anna did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verb {
    Create,
    Update,
    RollBack,
    Delete,
}

const VERBS: [Verb; 4] = [Verb::Create, Verb::Update, Verb::RollBack, Verb::Delete];

/// What is among the calls, beside reads.
const WRITES: [&str; 8] = [
    "POST klivaccounts",
    "PATCH klivaccounts/status",
    "PATCH klivsecrets/status",
    "POST secrets",
    "DELETE secrets",
    "PATCH deployments",
    "POST klivauditevents",
    "DELETE klivauditevents",
];

/// What is told in the end, and the value and version that the function has.
struct Wanted {
    told: Vec<(AuditAction, i64, &'static str)>,
    live: Option<(&'static str, i64)>,
}

/// One account.
struct Trial {
    verb: Verb,
    cut: Option<Cut>,
    namespace: String,
}

#[tokio::test]
async fn killed_at_any_of_its_calls_the_controller_leaves_neither_gap_nor_double() {
    let cluster = Cluster::start(Options::default());
    // Before the operator, which ends first.
    let proxy = cluster.proxy();
    let flags = ["--quiet-period=50ms", "--keep-superseded=1s", "--lease-seconds=10"];
    let flags = [&flags[..], &["--log-format=json"]].concat();
    let mut operator = Operator::start_in(cluster, &flags, chart::NEWER).await;
    operator.restart_controller_through(&proxy).await;
    let people = People::of(&operator.cluster);

    let undisturbed = undisturbed(&operator, &people, &proxy).await;
    let cuts = undisturbed.iter().flat_map(|(verb, calls)| {
        let cuts = calls.iter().enumerate().flat_map(|(at, call)| {
            let nth = calls[..=at].iter().filter(|before| *before == call).count();
            [false, true].map(|arrives| Cut { call: call.clone(), nth, arrives })
        });
        cuts.map(|cut| (*verb, Some(cut)))
    });
    let trials: Vec<Trial> =
        at_once(cuts, async |(verb, cut)| Trial::new(&operator, &people, verb, cut).await).await;
    let are_cut =
        at_once(&trials, async |trial| trial.is_cut(&operator, &people, &proxy).await).await;

    operator.kill_controller();
    proxy.mend();
    operator.start_processes().await;

    at_once(&trials, async |trial| trial.ends_well(&operator).await).await;
    // And it stays so: nothing is told once more while others were waited for.
    at_once(&trials, async |trial| trial.stays_so(&operator).await).await;
    eventually_or_why("the log has told the same", async || {
        let logged = logged(&operator.controller_log());
        let told = at_once(&trials, async |trial| trial.is_logged(&operator, &logged).await);
        told.await.into_iter().collect::<Result<(), String>>()
    })
    .await;
    for (trial, is_cut) in trials.iter().zip(are_cut) {
        // How often a thing is asked for varies a little, but not whether it is.
        assert!(is_cut || trial.cut.as_ref().is_some_and(|cut| cut.nth > 1), "{trial}");
    }
}

/// What each verb asks the API server for, in order, when nothing is in its way.
async fn undisturbed(
    operator: &Operator,
    people: &People,
    proxy: &Proxy,
) -> BTreeMap<Verb, Vec<String>> {
    let calls = at_once(VERBS, async |verb| {
        let trial = Trial::new(operator, people, verb, None).await;
        assert!(!trial.is_cut(operator, people, proxy).await, "nothing is in its way");
        (verb, proxy.asked(&trial.namespace))
    });
    let calls: BTreeMap<Verb, Vec<String>> = calls.await.into_iter().collect();
    let kinds: BTreeSet<&str> = calls.values().flatten().map(String::as_str).collect();
    for write in WRITES {
        assert!(kinds.contains(write), "{write} is among {kinds:?}");
    }
    calls
}

/// Who acts.
struct People {
    anna: Client,
    bert: Client,
}

impl People {
    fn of(cluster: &Cluster) -> Self {
        let person = |name| cluster.as_user(name, &["system:masters"]);
        Self { anna: person("anna"), bert: person("bert") }
    }
}

impl Verb {
    /// After what anna did.
    fn past(self) -> Wanted {
        use AuditAction::{Created, Updated};
        let first = (Created, 1, "anna");
        match self {
            Self::Create => Wanted { told: vec![], live: None },
            Self::Update | Self::Delete => Wanted { told: vec![first], live: Some((FIRST, 1)) },
            Self::RollBack => {
                Wanted { told: vec![first, (Updated, 2, "anna")], live: Some((SECOND, 2)) }
            }
        }
    }

    fn wanted(self) -> Wanted {
        let mut wanted = self.past();
        let (action, live) = match self {
            Self::Create => (AuditAction::Created, Some((FIRST, 1))),
            Self::Update => (AuditAction::Updated, Some((SECOND, 2))),
            Self::RollBack => (AuditAction::RolledBack, Some((FIRST, 3))),
            Self::Delete => (AuditAction::Deleted, None),
        };
        wanted.told.push((action, live.map_or(1, |(_, version)| version), "bert"));
        wanted.live = live;
        wanted
    }

    async fn act(self, account: &Account<'_>, people: &People) {
        let caller = Caller { client: people.bert.clone(), ..account.caller() };
        match self {
            Self::Create => create(&caller, FIRST).await,
            Self::Update => replace(&caller, SECOND).await,
            Self::RollBack => {
                let back = caller.roll_back(&secret(&caller).await, 1, DryRun::None).await;
                back.expect("is rolled back");
            }
            Self::Delete => {
                let deleted = caller.delete(&secret(&caller).await, DryRun::None).await;
                deleted.expect("is deleted");
            }
        }
    }
}

async fn secret(caller: &Caller) -> KlivSecret {
    caller.find_object(SECRET).await.expect("an answer").expect("the secret")
}

async fn create(caller: &Caller, value: &str) {
    let target = Target::parse("API_TOKEN", None).expect("a name");
    let (value, mut rng) = (Plaintext::new(value.into()), entropy::system());
    let key = caller.sealing_key().await.expect("the public key");
    let sealed = target.seal(&caller.namespace, &key, &value, clock::now(), &mut rng);
    let spec = KlivSecretSpec {
        env_var: target.variable,
        sealed: Some(sealed.expect("fits").to_string()),
        ..KlivSecretSpec::default()
    };
    caller.put(&spec, None, DryRun::None).await.expect("is made");
}

async fn replace(caller: &Caller, value: &str) {
    let (secret, value) = (secret(caller).await, Plaintext::new(value.into()));
    let key = caller.sealing_key().await.expect("the public key");
    let how = How { key: &key, now: clock::now(), dry_run: DryRun::None };
    let changed = caller.rotate(&secret, &value.into(), false, &how).await;
    changed.expect("is changed");
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, cut {:?}, in {}", self.verb, self.cut, self.namespace)
    }
}

impl Trial {
    /// An account with its past, and a function.
    async fn new(operator: &Operator, people: &People, verb: Verb, cut: Option<Cut>) -> Self {
        let account = Account::new(operator, "killed").await;
        account.create(&function("api")).await;
        let trial = Self { verb, cut, namespace: account.namespace.clone() };
        let caller = Caller { client: people.anna.clone(), ..account.caller() };
        let past = verb.past();
        if !past.told.is_empty() {
            create(&caller, FIRST).await;
        }
        if past.told.len() > 1 {
            account.published(SECRET).await;
            replace(&caller, SECOND).await;
        }
        eventually_or_why(&format!("{trial} has its past"), async || {
            trial.has(&account, &past).await
        })
        .await;
        trial
    }

    /// Does it, and waits until the call is cut; false where there is none of it.
    async fn is_cut(&self, operator: &Operator, people: &People, proxy: &Proxy) -> bool {
        let account = Account::at(operator, self.namespace.clone());
        proxy.cut(&self.namespace, self.cut.clone());
        self.verb.act(&account, people).await;
        let mut looks = 0;
        eventually(&format!("{self} is where it is cut, or through"), async || {
            if proxy.is_cut(&self.namespace) {
                return Some(true);
            }
            looks += 1;
            // A closer look costs much more.
            let is_through =
                looks % 10 == 0 && self.has(&account, &self.verb.wanted()).await.is_ok();
            is_through.then_some(false)
        })
        .await
    }

    async fn ends_well(&self, operator: &Operator) {
        let account = Account::at(operator, self.namespace.clone());
        let wanted = self.verb.wanted();
        eventually_or_why(&format!("{self} ends well"), async || self.has(&account, &wanted).await)
            .await;
    }

    async fn stays_so(&self, operator: &Operator) {
        let account = Account::at(operator, self.namespace.clone());
        let told = self.told(&account, &self.verb.wanted()).await;
        told.unwrap_or_else(|why| panic!("{self} does not stay so: {why}"));
    }

    /// Whether the log has a line of every event, and none that says another thing.
    async fn is_logged(
        &self,
        operator: &Operator,
        logged: &BTreeMap<String, Vec<ChainLink>>,
    ) -> Result<(), String> {
        let account = Account::at(operator, self.namespace.clone());
        let (events, record) = (account.trail().await, account.status().await.audit);
        let links = logged.get(&self.namespace).map(Vec::as_slice).unwrap_or_default();
        let numbers: BTreeSet<_> = links.iter().map(|link| Some(link.sequence)).collect();
        let findings = verify(&self.namespace, &events, record.as_ref(), links);
        let is_so = events.iter().all(|event| numbers.contains(&event.sequence));
        let why = || format!("{self}: {numbers:?} of {}: {findings:?}", events.len());
        (is_so && findings.is_empty()).then_some(()).ok_or_else(why)
    }

    /// Whether everything is as wanted, and nothing is left to do.
    async fn has(&self, account: &Account<'_>, wanted: &Wanted) -> Result<(), String> {
        self.told(account, wanted).await?;
        let status = account.status().await;
        if let Some(condition) = status.conditions.iter().find(|c| c.type_ == AUDITED) {
            return Err(format!("the account says: {}", condition.message));
        }
        let sets: Vec<&String> = status.sets.iter().map(|set| &set.name).collect();
        if sets.len() != usize::from(wanted.live.is_some()) {
            return Err(format!("published: {sets:?}"));
        }
        let is_done = status.superseded.is_empty()
            && status.pending.is_empty()
            && status.functions.updated == status.functions.total;
        let there = account.sets_there().await;
        if !is_done || there.iter().collect::<Vec<_>>() != sets {
            return Err(format!("sets {sets:?} of {there:?}, {:?}", status.functions));
        }
        let environment = account.environment("api").await;
        let value = environment.get("API_TOKEN").map(String::as_str);
        if value != wanted.live.map(|(value, _)| value) {
            return Err("the function has another value".to_owned());
        }
        let secret = account.api::<KlivSecret>().get_opt(SECRET).await.expect("an answer");
        let version = secret.and_then(|secret| {
            let status = secret.status?;
            let ready = status.conditions.iter().find(|c| c.type_ == READY)?;
            let is_now = status.observed_generation == secret.metadata.generation
                && ready.reason == Reason::Published.as_str();
            status.version.filter(|_| is_now)
        });
        if version != wanted.live.map(|(_, version)| version) {
            return Err(format!("the secret says version {version:?}"));
        }
        Ok(())
    }

    /// Whether the trail tells this, each once, and is whole.
    async fn told(&self, account: &Account<'_>, wanted: &Wanted) -> Result<(), String> {
        let events = account.api::<KlivAuditEvent>().list(&ListParams::default()).await;
        let events = events.expect("audit events").items.into_iter().map(|event| event.spec);
        let (events, notices): (Vec<_>, Vec<_>) = events.partition(|e| e.sequence.is_some());
        let told = events.iter().filter(|event| event.secret.is_some());
        let told: Vec<_> =
            told.map(|e| (&e.action, e.version.unwrap_or(0), e.actor.as_str())).collect();
        if !told.iter().copied().eq(wanted.told.iter().map(|told| (&told.0, told.1, told.2))) {
            return Err(format!("told is {told:?}"));
        }
        // One that is left goes with what is old.
        if self.cut.is_none() && !notices.is_empty() {
            return Err("a notice of a delete is left".to_owned());
        }
        let unknown = |e: &&KlivAuditEventSpec| {
            e.secret.is_some() && e.action != AuditAction::Deleted && e.via != "cli"
        };
        if let Some(event) = events.iter().find(unknown) {
            return Err(format!("{:?} came through {:?}", event.sequence, event.via));
        }
        let restored = events.iter().filter(|event| event.action == AuditAction::RolledBack);
        let mut details = restored.filter_map(|event| event.detail.as_deref());
        if details.any(|detail| detail != "the value of version 1 is back") {
            return Err("the rollback does not say which version it restores".to_owned());
        }
        let status = account.status().await;
        let revisions: Vec<i64> = events.iter().filter_map(revision).collect();
        let newest = revisions.last().copied().unwrap_or_default();
        if newest != status.revision || !revisions.is_sorted_by(|a, b| a < b) {
            return Err(format!("revisions {revisions:?} are told of {}", status.revision));
        }
        let findings = verify(&account.namespace, &events, status.audit.as_ref(), &[]);
        let all = status.audit.map_or(0, |record| record.head.sequence);
        if !findings.is_empty() || usize::try_from(all) != Ok(events.len()) {
            return Err(format!("{} events of {all}: {findings:?}", events.len()));
        }
        Ok(())
    }
}

/// What lines of the log say of events, by account. The last one before the kill may be cut.
fn logged(log: &str) -> BTreeMap<String, Vec<ChainLink>> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut links: BTreeMap<String, Vec<ChainLink>> = BTreeMap::new();
    for line in lines.filter(|line| line["target"] == "audit") {
        let link = serde_json::from_value(line.clone()).expect("a sequence and a hash");
        let account = line["account"].as_str().expect("an account");
        links.entry(account.to_owned()).or_default().push(link);
    }
    links
}

/// The revision whose arrival an event tells.
fn revision(event: &KlivAuditEventSpec) -> Option<i64> {
    let detail = event.detail.as_deref().filter(|_| event.action == AuditAction::Published)?;
    detail.strip_prefix("revision ")?.split(' ').next()?.parse().ok()
}

/// Does it for each, several at once, and gives what came of it in order.
async fn at_once<I, T>(each: I, act: impl AsyncFn(I::Item) -> T) -> Vec<T>
where
    I: IntoIterator,
{
    stream::iter(each).map(|one| act(one)).buffered(AT_ONCE).collect().await
}
