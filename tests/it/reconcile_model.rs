//! The engine's correctness as a property (see `src/reconcile/mod.rs`): whatever people
//! do, wherever the engine crashes and whenever a paused old leader wakes up, no function
//! refers to a set that does not exist, and when the specs stop changing the account
//! reaches the state that its specs ask for and stays there without a further write.

mod rest;
mod stories;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kliv_secrets::api::names::{
    ANNOTATION_INJECT, ANNOTATION_REVISION, ANNOTATION_ROLLOUT, FUNCTION_LABEL, LABEL_ENVIRONMENT,
};
use kliv_secrets::api::{PublishedSet, Stamps, object_name};
use kliv_secrets::reconcile::{Account, Action, Effect, Memory, Timings, inspect, learn, plan};
use kliv_secrets::seal::{Binding, Keyring, Sealed, mask};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::reconcile_cluster::{ACCOUNT, Cluster, Noted, environment, is_function, ours};
use crate::seal_support::{Tape, bytes, keyring, time, without_retired};

/// The places that secrets of the test are for.
const PLACES: [(&str, Option<&str>); 5] = [
    ("API_KEY", None),
    ("API_KEY", Some("prod")),
    ("DB_URL", None),
    ("DB_URL", Some("test")),
    ("MAIL_KEY", Some("prod")),
];
const VALUES: [&[u8]; 3] = [b"short", b"sk-proj-abc123xyz789", b"another-value-of-some-length"];
const USERS: [&str; 2] = ["anna", "system:serviceaccount:ci:deployer"];
const FUNCTIONS: [&str; 3] = ["f0", "f1", "f2"];
const ENVIRONMENTS: [&str; 3] = ["", "prod", "staging"];

const KEEP: Duration = Duration::from_secs(120);
/// How long audit events are kept, and how many.
type Kept = (Duration, usize);
const LONG: Kept = (Duration::from_secs(365 * 24 * 3600), 1000);
const SHORT: Kept = (Duration::from_secs(500), 8);
const FEW: Kept = (Duration::from_secs(365 * 24 * 3600), 1);
/// As many as the controller makes in one go.
const ROUNDS: usize = 16;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A value is handed in, sealed with the older of two keys or the newer.
    Put {
        place: usize,
        value: usize,
        user: usize,
        old_key: bool,
    },
    /// The spec that was there before comes back, as git would have it.
    PutBack {
        place: usize,
    },
    Describe {
        place: usize,
    },
    /// The same, more often than an object has room for stamps.
    DescribeOften {
        place: usize,
    },
    /// Values from before are called compromised, mostly with a new one, by a clock that is
    /// ahead of ours.
    Compromise {
        place: usize,
        value: Option<usize>,
        user: usize,
        ahead: i64,
    },
    /// A ciphertext that was made for somewhere else.
    Misplace {
        place: usize,
        from: usize,
    },
    Garbage {
        place: usize,
    },
    /// The value is taken back; a question stands in its place.
    Ask {
        place: usize,
    },
    /// The spec is emptied while no webhook runs.
    Empty {
        place: usize,
    },
    DeleteSecret {
        place: usize,
        noted: Noted,
    },
    /// The webhook notes a delete that another one refuses.
    RefuseDelete {
        place: usize,
    },
    StatusLost {
        place: usize,
    },
    Deploy {
        function: usize,
        environment: usize,
        own: bool,
        foreign: bool,
    },
    DeleteFunction {
        function: usize,
    },
    Relabel {
        function: usize,
        environment: usize,
    },
    Manual {
        function: usize,
        manual: bool,
    },
    /// A manual function is told to take the current set.
    Tell {
        function: usize,
    },
    OptOut {
        function: usize,
        out: bool,
    },
    IsFunction {
        function: usize,
        is: bool,
    },
    Policy {
        on: bool,
    },
    DeletePublished {
        which: usize,
    },
    DeleteAccount,
    /// Audit events can't be made, or can again.
    NoEvents {
        on: bool,
    },
    Quota {
        full: bool,
    },
    /// Another mutator alters the engine's writes of functions, or does so no more.
    Altered {
        is: bool,
    },
    /// The older sealing key is missing.
    KeyLost {
        lost: bool,
    },
    /// The engine's watch of one kind falls behind, or catches up.
    Lag {
        kind: usize,
        behind: bool,
    },
    Pass {
        seconds: i64,
    },
    Run,
    /// A run that ends in a crash after so many actions.
    Crash {
        after: usize,
    },
    /// A run in which the leader is paused after so many actions, and another takes over.
    Pause {
        after: usize,
    },
    /// The same, just before superseded sets are deleted.
    PauseAtRetire,
    /// A paused leader wakes up and does the next thing that it was about to do.
    Wake,
}

fn step() -> impl Strategy<Value = Step> {
    let place = || 0..PLACES.len();
    let function = || 0..FUNCTIONS.len();
    let on = any::<bool>;
    prop_oneof![
        8 => (place(), 0..VALUES.len(), 0..USERS.len(), on())
            .prop_map(|(place, value, user, old_key)| Step::Put { place, value, user, old_key }),
        2 => place().prop_map(|place| Step::PutBack { place }),
        1 => place().prop_map(|place| Step::Describe { place }),
        1 => place().prop_map(|place| Step::DescribeOften { place }),
        2 => (
            place(),
            prop::option::weighted(0.7, 0..VALUES.len()),
            0..USERS.len(),
            prop::sample::select(vec![0, 2, 600])
        )
            .prop_map(|(place, value, user, ahead)| Step::Compromise { place, value, user, ahead }),
        1 => (place(), place()).prop_map(|(place, from)| Step::Misplace { place, from }),
        1 => place().prop_map(|place| Step::Garbage { place }),
        1 => place().prop_map(|place| Step::Ask { place }),
        1 => place().prop_map(|place| Step::Empty { place }),
        4 => (place(), prop::sample::select(vec![Noted::Never, Noted::AtOnce, Noted::Late]))
            .prop_map(|(place, noted)| Step::DeleteSecret { place, noted }),
        1 => place().prop_map(|place| Step::RefuseDelete { place }),
        1 => place().prop_map(|place| Step::StatusLost { place }),
        4 => (function(), 0..ENVIRONMENTS.len(), on(), prop::bool::weighted(0.1))
            .prop_map(|(function, environment, own, foreign)| Step::Deploy {
                function, environment, own, foreign
            }),
        1 => function().prop_map(|function| Step::DeleteFunction { function }),
        1 => (function(), 0..ENVIRONMENTS.len())
            .prop_map(|(function, environment)| Step::Relabel { function, environment }),
        2 => (function(), on()).prop_map(|(function, manual)| Step::Manual { function, manual }),
        1 => function().prop_map(|function| Step::Tell { function }),
        1 => (function(), on()).prop_map(|(function, out)| Step::OptOut { function, out }),
        1 => (function(), on()).prop_map(|(function, is)| Step::IsFunction { function, is }),
        1 => on().prop_map(|on| Step::Policy { on }),
        1 => (0..4_usize).prop_map(|which| Step::DeletePublished { which }),
        1 => Just(Step::DeleteAccount),
        2 => on().prop_map(|on| Step::NoEvents { on }),
        2 => on().prop_map(|full| Step::Quota { full }),
        1 => on().prop_map(|is| Step::Altered { is }),
        2 => on().prop_map(|lost| Step::KeyLost { lost }),
        2 => (0..3_usize, on()).prop_map(|(kind, behind)| Step::Lag { kind, behind }),
        8 => prop::sample::select(vec![1, 35, 65, 121, 400]).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Pass { seconds: 90_000 }),
        10 => Just(Step::Run),
        4 => (0..9_usize).prop_map(|after| Step::Crash { after }),
        3 => (0..9_usize).prop_map(|after| Step::Pause { after }),
        3 => Just(Step::PauseAtRetire),
        4 => Just(Step::Wake),
    ]
}

/// The engine in one process.
struct Leader {
    view: Account,
    behind: [bool; 3],
    memory: Memory,
    started: Timestamp,
    kept: Kept,
    /// Of how many deletes its watch has told.
    deletes: usize,
}

/// What a leader was about to do when it was paused.
struct Paused {
    account: Account,
    actions: Vec<Action>,
    until: Timestamp,
}

impl Paused {
    /// In any order, but for what is done one after the other.
    fn next(&mut self) -> Option<Action> {
        let last = self.actions.last()?;
        let is_alike = |a: &Action| std::mem::discriminant(a) == std::mem::discriminant(last);
        let at = match last {
            Action::Tell(_) | Action::Prune(_) => self.actions.iter().position(is_alike)?,
            _ => self.actions.len() - 1,
        };
        Some(self.actions.remove(at))
    }
}

struct Model {
    cluster: Cluster,
    leader: Leader,
    paused: Vec<Paused>,
    /// With both keys; with the newer only.
    keyrings: [Keyring; 2],
    old_key: Keyring,
    key_is_lost: bool,
    key_was_lost: bool,
    specs_before: BTreeMap<String, Value>,
    /// Who handed in which value, by place.
    authors: BTreeSet<(usize, usize, String)>,
    /// Where the record of who did it was lost.
    authors_lost: BTreeSet<usize>,
    /// Secrets, by uid, of which the record of what was told, or their own, was lost.
    records_lost: BTreeSet<String>,
    /// Sets that nobody knows any more since the KlivAccount was deleted by hand.
    orphans: BTreeSet<String>,
    said: Vec<String>,
    /// Decides the order of a plan's actions.
    order: usize,
}

#[derive(Clone, Copy)]
enum Stop {
    Never,
    Crash(usize),
    Pause(usize),
    PauseAtRetire,
}

impl Model {
    fn new(order: usize, kept: Kept) -> Self {
        let old_key = keyring(1);
        let mut both = Keyring::parse(&old_key.to_bytes()).expect("its own text");
        let cluster = Cluster::new();
        both.rotate(cluster.now, &mut Tape(&[3; 32]));
        let newer = without_retired(&both);
        let leader = Leader::new(&cluster, kept);
        Self {
            cluster,
            leader,
            paused: Vec::new(),
            keyrings: [both, newer],
            old_key,
            key_is_lost: false,
            key_was_lost: false,
            specs_before: BTreeMap::new(),
            authors: BTreeSet::new(),
            authors_lost: BTreeSet::new(),
            records_lost: BTreeSet::new(),
            orphans: BTreeSet::new(),
            said: Vec::new(),
            order,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Put { place, value, user, old_key } => {
                let (var, env) = PLACES[place];
                let keyring = if old_key { &self.old_key } else { &self.keyrings[0] };
                let sealed = self.cluster.seal(keyring, var, env, VALUES[value]);
                self.write(place, &json!({ "sealed": sealed }), user);
            }
            Step::PutBack { place } => {
                if let Some(spec) = self.specs_before.get(&name(place)).cloned() {
                    self.write(place, &spec, 0);
                }
            }
            Step::Describe { place } => {
                self.describe(place, &self.cluster.now.to_string(), 0);
            }
            Step::DescribeOften { place } => {
                // Who handed in a value that nobody has looked at yet.
                self.authors_lost.insert(place);
                for n in 0..Stamps::MAX + 5 {
                    self.describe(place, &format!("{n} {}", self.cluster.now), n % USERS.len());
                }
            }
            Step::Compromise { place, value, user, ahead } => {
                let at = self.cluster.now.checked_add(SignedDuration::from_secs(ahead));
                let at = time(&format!("{:.0}", at.expect("a time")));
                let spec = self.cluster.secrets.get(&name(place)).map(|object| &object["spec"]);
                let mut spec = spec.cloned().unwrap_or_else(|| json!({}));
                if let Some(value) = value {
                    let (var, env) = PLACES[place];
                    let now = std::mem::replace(&mut self.cluster.now, at);
                    spec = json!({ "sealed":
                        self.cluster.seal(&self.keyrings[0], var, env, VALUES[value]) });
                    self.cluster.now = now;
                }
                spec["refuseSealedBefore"] = at.to_string().into();
                self.write(place, &spec, user);
            }
            Step::Misplace { place, from } => {
                let sealed = self.cluster.secrets.get(&name(from));
                let sealed = sealed.and_then(|object| object["spec"].get("sealed").cloned());
                if let Some(sealed) = sealed.filter(|_| place != from) {
                    self.write(place, &json!({ "sealed": sealed }), 0);
                }
            }
            Step::Garbage { place } => {
                self.write(place, &json!({ "sealed": "kliv1.garbage" }), 0);
            }
            Step::Ask { place } => {
                self.write(place, &json!({ "request": { "purpose": "mail" } }), 0);
            }
            Step::Empty { place } => self.write(place, &json!({}), 0),
            Step::DeleteSecret { place, noted } => self.cluster.delete_secret(&name(place), noted),
            Step::RefuseDelete { place } => self.cluster.refuse_delete(&name(place)),
            Step::NoEvents { on } => self.cluster.no_events = on,
            Step::StatusLost { place } => {
                if let Some(mut object) = self.cluster.secrets.remove(&name(place)) {
                    self.authors_lost.insert(place);
                    let uid = object["metadata"]["uid"].as_str().expect("text");
                    self.records_lost.insert(uid.to_owned());
                    object["status"] = json!({});
                    // Any write gives a new resourceVersion.
                    let spec = std::mem::take(&mut object["spec"]);
                    self.cluster.secrets.insert(name(place), object);
                    self.cluster.write_spec(&name(place), &spec, USERS[0]);
                }
            }
            Step::Deploy { function, environment, own, foreign } => {
                let foreign = foreign.then_some("kliv-env-foreign");
                self.cluster.excused.extend(foreign.map(str::to_owned));
                self.cluster.write_deployment(FUNCTIONS[function], |object| {
                    deploy(object, environment, own, foreign);
                });
            }
            Step::DeleteFunction { function } => {
                self.cluster.deployments.remove(FUNCTIONS[function]);
            }
            Step::Relabel { function, environment } => self.edit(function, |object| {
                let environment = ENVIRONMENTS[environment];
                object["metadata"]["labels"][LABEL_ENVIRONMENT] = environment.into();
            }),
            Step::Manual { function, manual } => {
                let text = if manual { "manual" } else { "auto" };
                self.annotate(function, ANNOTATION_ROLLOUT, text);
            }
            Step::Tell { function } => {
                let status = self.cluster.read_account().map(|object| object.status);
                let revision = status.map_or(0, |status| status.revision);
                self.annotate(function, ANNOTATION_REVISION, &revision.to_string());
            }
            Step::OptOut { function, out } => {
                self.annotate(function, ANNOTATION_INJECT, if out { "none" } else { "" });
            }
            Step::IsFunction { function, is } => self.edit(function, |object| {
                let label = if is { FUNCTION_LABEL.1 } else { "job" };
                object["metadata"]["labels"][FUNCTION_LABEL.0] = label.into();
            }),
            Step::Policy { on } => self.cluster.policy = on.then(|| self.cluster.sets()),
            Step::DeletePublished { which } => {
                if let Some(set) = self.cluster.sets().get(which) {
                    self.cluster.published.remove(&set.name);
                    self.cluster.excused.insert(set.name.clone());
                }
            }
            Step::DeleteAccount => {
                if let Some(object) = self.cluster.read_account() {
                    self.cluster.account = None;
                    self.records_lost.extend(self.cluster.stamped.keys().cloned());
                    let status = object.status;
                    self.orphans.extend(status.superseded.into_iter().map(|set| set.name));
                    self.orphans.extend(status.pending);
                    self.orphans.extend(status.sets.into_iter().map(|set| set.name));
                    // An old leader that is paused meanwhile is not bound by the record any
                    // more: two things gone wrong at once are too many.
                    self.paused.clear();
                }
            }
            Step::Quota { full } => self.cluster.quota_is_full = full,
            Step::Altered { is } => self.cluster.altered = is,
            Step::KeyLost { lost } => {
                self.key_is_lost = lost;
                self.key_was_lost |= lost;
            }
            Step::Lag { kind, behind } => self.leader.behind[kind] = behind,
            Step::Pass { seconds } => self.cluster.pass(seconds),
            Step::Run => self.run(Stop::Never),
            Step::Crash { after } => self.run(Stop::Crash(after)),
            Step::Pause { after } => self.run(Stop::Pause(after)),
            Step::PauseAtRetire => self.run(Stop::PauseAtRetire),
            Step::Wake => self.wake(),
        }
        self.cluster.check();
    }

    fn write(&mut self, place: usize, spec: &Value, user: usize) {
        let (var, env) = PLACES[place];
        if let Some(object) = self.cluster.secrets.get(&name(place)) {
            self.specs_before.insert(name(place), object["spec"].clone());
        }
        let value = spec["sealed"].as_str().and_then(|sealed| self.open(place, sealed));
        self.authors.extend(value.map(|value| (place, value, USERS[user].to_owned())));
        let mut spec = spec.clone();
        spec["envVar"] = var.into();
        if let Some(env) = env {
            spec["environment"] = env.into();
        }
        self.cluster.write_spec(&name(place), &spec, USERS[user]);
    }

    fn describe(&mut self, place: usize, text: &str, user: usize) {
        if let Some(object) = self.cluster.secrets.get(&name(place)) {
            let mut spec = object["spec"].clone();
            spec["description"] = text.into();
            self.write(place, &spec, user);
        }
    }

    fn edit(&mut self, function: usize, edit: impl FnOnce(&mut Value)) {
        if self.cluster.deployments.contains_key(FUNCTIONS[function]) {
            self.cluster.write_deployment(FUNCTIONS[function], edit);
        }
    }

    fn annotate(&mut self, function: usize, annotation: &str, text: &str) {
        self.edit(function, |object| {
            object["metadata"]["annotations"][annotation] = text.into();
        });
    }

    /// One run of the controller for the account.
    fn run(&mut self, mut stop: Stop) {
        self.leader.look(&self.cluster);
        self.leader.memory.try_again();
        let next_probe = self.cluster.now + SignedDuration::from_secs(300);
        self.leader.memory.next_probe.get_or_insert(next_probe);
        let next_retention = self.cluster.now + SignedDuration::from_secs(600);
        self.leader.memory.trail.next_retention.get_or_insert(next_retention);
        for round in 0.. {
            assert!(round < ROUNDS, "a run that never ends: {:?}", self.cluster.writes);
            let now = self.cluster.now;
            let keyring = &self.keyrings[usize::from(self.key_is_lost)];
            inspect(&mut self.leader.view, &mut self.leader.memory.learned, Some(keyring), now);
            learn(&self.leader.view, &mut self.leader.memory.learned, Some(keyring));
            let mut plan =
                plan(&self.leader.view, &self.leader.memory, &self.leader.timings(), now);
            if !plan.actions.is_empty() {
                let turn = self.order % plan.actions.len();
                plan.actions.rotate_left(turn);
                self.order = self.order.wrapping_mul(31).wrapping_add(7);
            }
            let mut effects = Vec::new();
            for (i, action) in each(&plan.actions).enumerate() {
                match (&mut stop, &action) {
                    (Stop::Crash(0), _) => return self.crash(),
                    (Stop::Pause(0), _) | (Stop::PauseAtRetire, Action::Retire(_)) => {
                        return self.pause(each(&plan.actions).skip(i).collect());
                    }
                    (Stop::Crash(after) | Stop::Pause(after), _) => *after -= 1,
                    (Stop::Never | Stop::PauseAtRetire, _) => {}
                }
                effects.extend(self.cluster.act(&self.leader.view, &action, keyring));
                self.cluster.check();
            }
            let mut overtaken = false;
            let mut written = BTreeSet::new();
            for effect in effects {
                self.leader.memory.fold(&effect, now);
                match effect {
                    Effect::Change(change) => {
                        written.extend(change.uid().map(str::to_owned));
                        self.leader.view.apply(change);
                    }
                    Effect::Probed(_)
                        if self.leader.memory.next_probe.is_none_or(|due| due <= now) =>
                    {
                        self.leader.memory.next_probe = Some(next_probe);
                    }
                    Effect::Stale | Effect::LostSight => overtaken = true,
                    _ => {}
                }
            }
            for note in plan.notes.iter().filter(|note| plan.holds(note, &written)) {
                if note.kind == "Deployment" {
                    self.leader.memory.said.insert(note.uid.clone(), note.text.clone());
                }
                if note.news && !note.text.is_empty() {
                    self.said.push(format!("{}: {}", note.name, note.text));
                }
            }
            if overtaken || plan.actions.is_empty() {
                break;
            }
        }
        self.leader.memory.forget_what_is_over(&self.leader.view);
    }

    /// The leader stops before `rest`; another one takes over.
    fn pause(&mut self, rest: Vec<Action>) {
        let used = self.cluster.in_use();
        let actions = rest.into_iter().map(|action| match action {
            // It has just looked what is in use.
            Action::Retire(sets) => {
                Action::Retire(sets.into_iter().filter(|(set, _)| !used.contains(set)).collect())
            }
            other => other,
        });
        self.paused.push(Paused {
            account: self.leader.view.clone(),
            actions: actions.collect(),
            until: self.cluster.now + KEEP,
        });
        self.crash();
    }

    /// Another leader takes over, which knows nothing.
    fn crash(&mut self) {
        self.leader = Leader::new(&self.cluster, self.leader.kept);
    }

    fn wake(&mut self) {
        let Some(paused) = self.paused.first_mut() else { return };
        let account = paused.account.clone();
        // It holds no longer than superseded sets are kept.
        let action = paused.next().filter(|_| self.cluster.now < paused.until);
        if paused.actions.is_empty() {
            self.paused.remove(0);
        }
        match action {
            Some(Action::Retire(sets)) => {
                for (name, uid) in sets {
                    self.cluster.delete_published(&name, uid.as_deref());
                }
            }
            Some(action) => {
                self.cluster.act(&account, &action, &self.keyrings[0]);
            }
            None => {}
        }
    }
}

/// What is done one after the other, and may end in between.
fn each(actions: &[Action]) -> impl Iterator<Item = Action> {
    actions.iter().flat_map(|action| match action {
        Action::Tell(events) => {
            events.iter().map(|event| Action::Tell(vec![event.clone()])).collect()
        }
        Action::Prune(numbers) => {
            numbers.iter().map(|number| Action::Prune(vec![*number])).collect()
        }
        other => vec![other.clone()],
    })
}

impl Leader {
    fn new(cluster: &Cluster, kept: Kept) -> Self {
        let view = Account { namespace: ACCOUNT.into(), ..Account::default() };
        let (memory, started) = (Memory::default(), cluster.now);
        let mut leader = Self { view, behind: [false; 3], memory, started, kept, deletes: 0 };
        leader.memory.trail.secret_went();
        leader.look(cluster);
        leader
    }

    /// Sees what is there, but for kinds whose watch is behind.
    fn look(&mut self, cluster: &Cluster) {
        let [secrets, functions, account] = self.behind;
        if !secrets {
            // As the controller does where its watch tells that a secret is gone, also one that
            // came just before.
            if std::mem::replace(&mut self.deletes, cluster.deletes) != cluster.deletes {
                self.memory.trail.secret_went();
            }
            self.view.secrets = cluster.read_secrets();
        }
        if !functions {
            let there = cluster.read_functions();
            // As the controller does where its watch tells that a function is gone.
            if self.view.functions.keys().any(|name| !there.contains_key(name)) {
                self.memory.strays = None;
            }
            self.view.functions = there;
        }
        if !account {
            self.view.object = cluster.read_account();
        }
    }

    fn timings(&self) -> Timings {
        Timings {
            keep_superseded: KEEP,
            retire_every: Duration::from_secs(30),
            report_every: Duration::from_secs(150),
            republish_interval: Duration::from_secs(300),
            started: self.started,
            audit_keep: self.kept.0,
            audit_keep_events: self.kept.1,
        }
    }
}

fn name(place: usize) -> String {
    object_name(PLACES[place].0, PLACES[place].1)
}

fn deploy(object: &mut Value, environment: usize, own: bool, foreign: Option<&str>) {
    object["metadata"]["labels"] = json!({
        FUNCTION_LABEL.0: FUNCTION_LABEL.1, LABEL_ENVIRONMENT: ENVIRONMENTS[environment] });
    object["metadata"]["own"] = own.into();
    let mut env = vec![json!({ "name": "OWN", "value": "$(DB_URL)/x" })];
    if own {
        env.push(json!({ "name": "API_KEY", "value": "mine" }));
    }
    if let Some(set) = foreign {
        let reference = json!({ "secretKeyRef": { "name": set, "key": "FOREIGN" } });
        env.push(json!({ "name": "FOREIGN", "valueFrom": reference }));
    }
    object["spec"]["template"]["spec"]["containers"][0]["env"] = env.into();
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn from_any_point_the_account_comes_to_rest_as_its_specs_ask(
        order in any::<usize>(),
        kept in prop::sample::select(vec![LONG, SHORT, FEW]),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut model = Model::new(order, kept);
        for step in &steps {
            model.step(step);
        }
        model.come_to_rest();
        model.check_rest();
    }
}
