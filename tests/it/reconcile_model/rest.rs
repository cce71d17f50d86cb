//! How an account comes to rest, and what must hold then.

use kliv_secrets::api::{AuditAction, AuditRecord, KlivAuditEventSpec, KlivSecretStatus, Stamp};
use kliv_secrets::audit::{Wrong, verify};
use kliv_secrets::reconcile::SecretObject;

use super::*;

impl Model {
    /// Nobody does anything any more, and nothing is in the way.
    pub(super) fn come_to_rest(&mut self) {
        self.cluster.quota_is_full = false;
        self.cluster.altered = false;
        self.cluster.no_events = false;
        self.key_is_lost = false;
        self.leader.behind = [false; 3];
        self.paused.clear();
        for round in 0..18 {
            self.cluster.pass(65);
            self.run(Stop::Never);
            self.cluster.check();
            // A notice that came when its delete was told already is found by the next leader,
            // or on the next day; so is what has grown old.
            if [4, 16].contains(&round) {
                self.crash();
            }
        }
        self.cluster.writes.clear();
        self.said.clear();
        for _ in 0..3 {
            self.cluster.pass(35);
            self.run(Stop::Never);
            self.crash();
            self.run(Stop::Never);
        }
        assert!(self.cluster.writes.is_empty(), "law 3: {:?}", self.cluster.writes);
        assert!(self.said.is_empty(), "said again: {:?}", self.said);
    }

    /// What the specs ask for is there.
    pub(super) fn check_rest(&self) {
        let secrets = self.cluster.read_secrets();
        let account = self.cluster.read_account();
        self.check_trail(account.as_ref().and_then(|object| object.status.audit.as_ref()));
        let Some(object) = account else {
            assert!(secrets.is_empty(), "no KlivAccount");
            return;
        };
        let status = object.status;
        let values = self.values();
        let environments: BTreeSet<&str> = values
            .keys()
            .map(|place| PLACES[*place].1.unwrap_or_default())
            .chain([""])
            .filter(|env| !self.expected(env, &values).is_empty())
            .collect();
        let there: BTreeSet<&str> = status.sets.iter().map(|s| s.environment.as_str()).collect();
        assert_eq!(environments, there);
        assert_eq!(status.sets.len(), there.len());
        for set in &status.sets {
            let expected = self.expected(&set.environment, &values);
            let published = &self.cluster.published[&set.name];
            assert!(published.data == expected, "{} holds something else", set.name);
            assert!(set.keys.iter().eq(expected.keys()), "{:?}", set.keys);
        }
        let used = self.cluster.in_use();
        for set in &status.superseded {
            assert!(used.contains(&set.name), "law 2: {} outlives its use", set.name);
        }
        assert!(status.pending.is_empty());
        let known: BTreeSet<&String> = status
            .sets
            .iter()
            .map(|set| &set.name)
            .chain(status.superseded.iter().map(|set| &set.name))
            .collect();
        for name in self.cluster.published.keys() {
            assert!(known.contains(name) || self.orphans.contains(name), "{name} is left over");
        }
        self.check_functions(&status.sets, &values);
        self.check_secrets(&values);
        assert_eq!(status.conditions.len(), 1, "nothing is in the way");
        let ready = &status.conditions[0];
        assert_eq!((ready.type_.as_str(), ready.status.as_str()), ("Ready", "True"));
        assert_eq!(status.secrets, i32::try_from(secrets.len()).expect("few"));
        let waiting = status.functions.not_updated.len();
        assert!(status.functions.not_updated.iter().all(|f| f.reason == "Manual"));
        let waiting = i32::try_from(waiting).expect("few");
        assert_eq!(status.functions.total, status.functions.updated + waiting);
    }

    /// Every accepted change is in the trail, once, and the chain is whole.
    fn check_trail(&self, record: Option<&AuditRecord>) {
        let there: Vec<KlivAuditEventSpec> = self.cluster.events.values().cloned().collect();
        let Some(record) = record else {
            assert!(there.is_empty() || !self.records_lost.is_empty(), "no record");
            return;
        };
        let found = verify(ACCOUNT, &there, Some(record), &[]);
        assert!(found.iter().all(|finding| finding.what == Wrong::Restarted), "{found:?}");
        assert!(record.pending.is_empty(), "what waits was made");
        self.check_retention(record);
        // What is not kept any more was told all the same.
        let events: Vec<KlivAuditEventSpec> = self.cluster.made.values().cloned().collect();
        let secrets = self.cluster.read_secrets();
        for (uid, stamps) in &self.cluster.stamped {
            let of_it: Vec<&KlivAuditEventSpec> =
                events.iter().filter(|event| event.secret_uid.as_ref() == Some(uid)).collect();
            let deletes = of_it.iter().filter(|e| e.action == AuditAction::Deleted).count();
            assert!(deletes <= 1, "deleted twice");
            if self.records_lost.contains(uid) {
                continue;
            }
            let mut versions: Vec<i64> = of_it
                .iter()
                .filter(|event| event.action != AuditAction::Deleted)
                .filter_map(|event| event.version)
                .collect();
            let told = versions.len();
            versions.dedup();
            assert_eq!(versions.len(), told, "a version is told once: {versions:?}");
            match secrets.values().find(|secret| secret.uid == *uid) {
                None if self.cluster.witnessed.contains(uid) => {
                    let by = of_it.iter().find(|event| event.action == AuditAction::Deleted);
                    // Bert was refused; of two that try at one time either may be named.
                    assert!(by.is_some_and(|e| ["anna", "bert"].contains(&&*e.actor)), "a gap");
                }
                None => assert!(deletes == usize::from(!of_it.is_empty()), "a gap"),
                Some(secret) => {
                    assert_eq!(deletes, 0);
                    // One that was published for a moment may never have got into a status.
                    assert!(versions.last().copied() >= secret.status.version, "{versions:?}");
                    check_who(&of_it, stamps, &secret.status);
                    let known = record.secrets.iter().find(|known| known.uid == *uid);
                    let refused = known.and_then(|known| known.refused_before.clone());
                    assert_eq!(refused, secret.status.refuse_sealed_before, "told as compromised");
                }
            }
        }
    }

    /// Old events are gone, and no others are.
    fn check_retention(&self, record: &AuditRecord) {
        let (longest, most) = self.leader.kept;
        let passed = record.checkpoint.as_ref().map_or(0, |link| link.sequence);
        let there = &self.cluster.events;
        let counted = there.values().filter(|event| event.sequence > Some(passed)).count();
        // In a model's lifetime all are fresh.
        let fresh = most * 10;
        assert!(counted <= fresh + most / 10, "{counted} events");
        let age = |event: &KlivAuditEventSpec| self.cluster.now.duration_since(event.time.0);
        let longest = SignedDuration::try_from(longest).expect("not too long");
        // It is looked once a day, soon after the start.
        let looked = SignedDuration::from_hours(24) + SignedDuration::from_mins(60);
        // The newest stays until there is another.
        for (name, next) in there.keys().zip(there.keys().skip(1)) {
            let made = self.cluster.made_at[next].max(self.cluster.made_at[name]);
            let stayed = self.cluster.now.duration_since(made);
            assert!(stayed <= longest + looked, "{name} is left over, the next is of {made}");
        }
        for (name, event) in self.cluster.made.iter().rev().take(fresh) {
            let is_young = self.cluster.made.range(name.clone()..).all(|(_, e)| age(e) < longest);
            assert!(!is_young || there.contains_key(name), "{name} of {}", event.time.0);
        }
        let newest =
            |events: &BTreeMap<String, KlivAuditEventSpec>| events.keys().next_back().cloned();
        assert_eq!(newest(there), newest(&self.cluster.made));
        let mut notices = self.cluster.notices.values();
        assert!(notices.all(|notice| age(notice) <= looked + looked), "a notice is left over");
    }

    fn check_functions(&self, sets: &[PublishedSet], values: &BTreeMap<usize, usize>) {
        for deployed in self.cluster.deployments.values() {
            let object = &deployed.object;
            let annotation = |name: &str| object["metadata"]["annotations"][name].as_str();
            if !is_function(object) {
                assert!(ours(object).is_empty(), "it is no function any more");
                continue;
            }
            for set in ours(object).values() {
                assert!(self.cluster.published.contains_key(set), "law 2: {set} does not exist");
            }
            if annotation(ANNOTATION_ROLLOUT) == Some("manual") {
                continue;
            }
            let named = |env: &str| sets.iter().find(|set| set.environment == env);
            let Some(set) = named(environment(object)).or_else(|| named("")) else {
                assert!(ours(object).is_empty());
                continue;
            };
            let mut expected = self.expected(&set.environment, values);
            if annotation(ANNOTATION_INJECT) == Some("none") {
                expected.clear();
            }
            if object["metadata"]["own"] == true {
                expected.remove("API_KEY");
            }
            let ours = ours(object);
            assert!(ours.keys().eq(expected.keys()), "{ours:?}");
            assert!(ours.values().all(|name| *name == set.name), "{ours:?}");
        }
    }

    fn check_secrets(&self, values: &BTreeMap<usize, usize>) {
        for (place, _) in PLACES.iter().enumerate() {
            let secrets = self.cluster.read_secrets();
            let Some(secret) = secrets.get(&name(place)) else { continue };
            let status = &secret.status;
            assert_eq!(status.observed_generation, Some(secret.generation));
            let ready = &status.conditions[0];
            let opens = secret.sealed().is_some_and(|sealed| self.open(place, sealed).is_some());
            let reason = match self.cluster.secrets[&name(place)]["spec"].get("sealed") {
                Some(_) if opens && self.is_refused(place, secret) => "SealedTooEarly",
                Some(_) if opens => "Published",
                Some(_) => "DecryptionFailed",
                None if values.contains_key(&place) => "Published",
                None => "AwaitingValue",
            };
            assert_eq!(ready.reason, reason);
            assert_eq!(ready.status, if reason == "Published" { "True" } else { "False" });
            assert!(status.history.len() <= 5);
            if let Some(first) = status.history.first() {
                let value = self.open(place, &first.sealed).expect("only what opened");
                let plain = kliv_secrets::seal::Plaintext::new(VALUES[value].to_vec());
                assert_eq!(status.masked_value, Some(mask(&plain)));
                assert_eq!(status.version, Some(first.version));
                let by = status.updated_by.as_deref();
                assert!(
                    self.authors_lost.contains(&place)
                        || by.is_some_and(|by| self.authors.contains(&(
                            place,
                            value,
                            by.to_owned()
                        ))),
                    "who wrote {value} into {place}? not {by:?}"
                );
                if let Some(sealed) = secret.sealed().filter(|_| reason == "Published") {
                    assert_eq!(self.open(place, sealed), Some(value));
                }
            }
        }
    }

    /// Which value each place has in the end.
    fn values(&self) -> BTreeMap<usize, usize> {
        let secrets = self.cluster.read_secrets();
        let value = |place: usize| {
            let secret = secrets.get(&name(place))?;
            let spec = &self.cluster.secrets[&name(place)]["spec"];
            if spec.get("request").is_some() {
                return None;
            }
            let now = secret.sealed().filter(|_| !self.is_refused(place, secret));
            let now = now.and_then(|sealed| self.open(place, sealed));
            now.or_else(|| self.open(place, &secret.status.history.first()?.sealed))
        };
        (0..PLACES.len()).filter_map(|place| Some((place, value(place)?))).collect()
    }

    /// Whether what a secret asks for was called compromised.
    fn is_refused(&self, place: usize, secret: &SecretObject) -> bool {
        let Some(before) = &secret.status.refuse_sealed_before else { return false };
        let opened = |sealed: &str| self.opened(place, sealed);
        let is_old = |opened: &(usize, Timestamp)| opened.1 < before.0;
        let Some(new) = secret.sealed().and_then(opened) else { return false };
        let in_use = secret.status.history.first().and_then(|entry| opened(&entry.sealed));
        is_old(&new) || in_use.is_some_and(|in_use| is_old(&in_use) && in_use.0 == new.0)
    }

    pub(super) fn open(&self, place: usize, sealed: &str) -> Option<usize> {
        Some(self.opened(place, sealed)?.0)
    }

    /// Which value it is, and when it was sealed.
    fn opened(&self, place: usize, sealed: &str) -> Option<(usize, Timestamp)> {
        let (variable, environment) = PLACES[place];
        let binding = Binding { account: ACCOUNT, variable, environment };
        let opened = self.keyrings[0].open(&Sealed::parse(sealed).ok()?, &binding).ok()?;
        let value = VALUES.iter().position(|value| *value == bytes(&opened.value))?;
        Some((value, opened.sealed_at))
    }

    fn expected(&self, env: &str, values: &BTreeMap<usize, usize>) -> BTreeMap<String, Vec<u8>> {
        let of = |wanted: Option<&str>| {
            let places = values.iter().filter(move |(place, _)| PLACES[**place].1 == wanted);
            places
                .map(|(place, value)| (PLACES[*place].0.to_owned(), VALUES[*value].to_vec()))
                .collect::<BTreeMap<_, _>>()
        };
        let mut expected = of(None);
        expected.extend(of(Some(env)));
        expected
    }
}

/// Each change is told by who made it: once as done, and before that once as refused, where it
/// was. And who brought a version is the same in the trail and in the history.
fn check_who(events: &[&KlivAuditEventSpec], stamps: &[Stamp], status: &KlivSecretStatus) {
    type Who = (Timestamp, String);
    let mut made: BTreeMap<Who, usize> = BTreeMap::new();
    for stamp in stamps {
        *made.entry((stamp.time().expect("a time"), stamp.user.clone())).or_default() += 1;
    }
    let mut told: BTreeMap<Who, [usize; 3]> = BTreeMap::new();
    let mut lost = 0;
    for event in events {
        let kind = match event.action {
            AuditAction::OpeningFailed | AuditAction::Refused => 0,
            AuditAction::Compromised if event.version.is_none() => 1,
            _ => 2,
        };
        if !event.actor.is_empty() {
            told.entry((event.time.0, event.actor.clone())).or_default()[kind] += 1;
            continue;
        }
        let count = event.detail.as_deref().and_then(|text| text.split_once(' '));
        match count.and_then(|(count, _)| count.parse::<usize>().ok()) {
            Some(count) => lost += count,
            None => assert!(kind < 2 || lost > 0, "nobody did it: {event:?}"),
        }
    }
    for (who, kinds) in &told {
        let made = made.get(who).copied().unwrap_or(0);
        assert!(
            kinds.iter().all(|told| *told <= made),
            "{who:?} is said to have done more: {kinds:?}"
        );
    }
    let missing = |(who, made): (&Who, &usize)| {
        made.saturating_sub(told.get(who).map_or(0, |kinds| kinds.iter().sum()))
    };
    let missing: usize = made.iter().map(missing).sum();
    assert!(
        missing <= lost,
        "{missing} changes are not told, {lost} are said to be lost: {made:?} {told:?}"
    );
    // The trail may know it where the stamp fell off the object before the value was published.
    for entry in status.history.iter().filter(|entry| !entry.by.is_empty()) {
        let event = events.iter().find(|event| event.version == Some(entry.version));
        let actor = event.map(|event| event.actor.as_str());
        assert_eq!(actor, Some(entry.by.as_str()), "who brought version {}", entry.version);
    }
}
