//! Who may lead: the decisions of leader election, without I/O.
//!
//! client-go's algorithm. What stands in the Lease is compared with what stood there
//! before, never with a clock of another machine: a candidate takes over when it has
//! itself seen no change for the whole duration of the lease. Times here are those
//! since some fixed moment on *this* machine's monotonic clock.
//!
//! ```text
//!  the holder:   │ write sent        │ renew deadline: stop work     │ duration: work is over or
//!                ├───────────────────┼───────────────────────────────┤ the process ends
//!  the others:       │ write seen                                        │ duration: may take over
//! ```
//!
//! So two never lead at a time, as long as clocks tick alike and a process that is paused
//! past the deadline does not write after it wakes. That last part no lease can promise:
//! every write of the engine carries its own precondition.

use std::time::Duration;

/// The times of leader election, in client-go's proportions.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long the others leave an unchanged lease alone. Whole seconds.
    pub duration: Duration,
    /// A leader that could not renew for so long stops its work.
    pub renew_deadline: Duration,
    /// How often it is tried to renew, or to take over.
    pub retry: Duration,
    /// How long one request may take.
    pub patience: Duration,
}

impl Settings {
    /// The times for a lease of so many seconds. However long it is, a leader that lets go
    /// of it is followed soon, and a replica that is told to stop does not wait long for an
    /// answer.
    pub fn lasting(seconds: u32) -> Self {
        let duration = Duration::from_secs(seconds.into());
        let retry = (duration * 2 / 15).min(Duration::from_secs(2));
        let patience = (duration / 3).min(Duration::from_secs(5));
        Self { duration, renew_deadline: duration * 2 / 3, retry, patience }
    }
}

impl Default for Settings {
    /// client-go's.
    fn default() -> Self {
        Self::lasting(15)
    }
}

/// What a Lease says, as far as it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The identity of the leader; empty after it has let go.
    pub holder: String,
    /// How long the holder asks others to wait.
    pub duration: Duration,
    /// Differs after every write (the object's resourceVersion).
    pub version: String,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// There is no Lease: create it.
    Create,
    /// The lease is free or has run out: write this replica's name into it.
    Take,
    /// It is ours: write it again.
    Renew,
    /// It is another's.
    Wait,
}

/// One replica, and what it has seen and done.
pub struct Candidate {
    identity: String,
    settings: Settings,
    seen: Option<(Record, Duration)>,
    held_since: Option<Duration>,
}

impl Candidate {
    /// `identity` must be no other process's, not even an earlier one's of this pod.
    pub fn new(identity: String, settings: Settings) -> Self {
        Self { identity, settings, seen: None, held_since: None }
    }

    /// The Lease was read, or is not there. Not for the answer to this replica's own
    /// write: see [`Candidate::wrote`].
    pub fn observe(&mut self, record: Option<Record>, at: Duration) {
        if record.as_ref().is_none_or(|record| record.holder != self.identity) {
            self.held_since = None;
        }
        self.seen = match (record, self.seen.take()) {
            (Some(record), Some((before, since))) if record == before => Some((before, since)),
            (record, _) => record.map(|record| (record, at)),
        };
    }

    /// This replica's write of the Lease, sent at `sent`, was accepted.
    pub fn wrote(&mut self, record: Record, sent: Duration) {
        self.held_since = Some(sent);
        self.seen = Some((record, sent));
    }

    /// What to do now.
    pub fn next(&self, at: Duration) -> Move {
        match &self.seen {
            None => Move::Create,
            Some((record, _)) if record.holder == self.identity => Move::Renew,
            Some((record, _)) if record.holder.is_empty() => Move::Take,
            Some((record, since)) if at >= *since + record.duration => Move::Take,
            Some(_) => Move::Wait,
        }
    }

    /// Until when this replica may start work as the leader, if it is.
    pub fn leads_until(&self) -> Option<Duration> {
        self.held_since.map(|sent| sent + self.settings.renew_deadline)
    }

    /// When all work must have ended, or the process must: a moment before others may
    /// take over.
    pub fn over_at(&self) -> Option<Duration> {
        let moment = self.settings.duration / 15;
        self.held_since.map(|sent| sent + self.settings.duration - moment)
    }

    /// Whether another holds the lease, by what was seen.
    pub fn follows(&self, at: Duration) -> bool {
        self.next(at) == Move::Wait
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn record(holder: &str, version: u64) -> Record {
        Record { holder: holder.into(), duration: S(15), version: version.to_string() }
    }

    fn candidate() -> Candidate {
        Candidate::new("me".into(), Settings::default())
    }

    #[test]
    fn moves_by_what_the_lease_says() {
        let cases = [
            ("no lease", None, S(0), Move::Create),
            ("let go", Some(record("", 1)), S(0), Move::Take),
            ("another's, just seen", Some(record("other", 1)), S(0), Move::Wait),
            ("another's, nearly run out", Some(record("other", 1)), S(14), Move::Wait),
            ("another's, run out", Some(record("other", 1)), S(15), Move::Take),
            ("ours, though the answer was lost", Some(record("me", 1)), S(0), Move::Renew),
        ];
        for (name, seen, after, expected) in cases {
            let mut candidate = candidate();
            candidate.observe(seen.clone(), S(100));
            candidate.observe(seen, S(100) + after);
            assert_eq!(candidate.next(S(100) + after), expected, "{name}");
        }
    }

    #[test]
    fn times_keep_their_order_in_a_lease_of_any_length() {
        assert_eq!(Settings::default().renew_deadline, S(10));
        for seconds in [3, 15, 600] {
            let settings = Settings::lasting(seconds);
            let mut candidate = Candidate::new("me".into(), settings);
            candidate.wrote(record("me", 1), S(0));
            let until = candidate.leads_until().unwrap();
            assert!(settings.retry * 4 < until, "{seconds}");
            assert!(settings.patience * 2 <= until, "{seconds}");
            assert!(settings.patience * 2 < S(30), "{seconds}: a pod has no longer to end");
            assert!(until < candidate.over_at().unwrap(), "{seconds}");
            assert!(candidate.over_at().unwrap() < settings.duration, "{seconds}");
        }
    }

    #[test]
    fn any_change_starts_the_wait_anew() {
        let mut candidate = candidate();
        candidate.observe(Some(record("other", 1)), S(0));
        candidate.observe(Some(record("other", 2)), S(14));
        assert_eq!(candidate.next(S(28)), Move::Wait);
        assert_eq!(candidate.next(S(29)), Move::Take);
    }

    #[test]
    fn leads_from_its_own_write_and_not_from_reading_its_name() {
        let mut candidate = candidate();
        candidate.observe(Some(record("me", 1)), S(0));
        assert_eq!(candidate.leads_until(), None);
        candidate.wrote(record("me", 2), S(3));
        assert_eq!(candidate.leads_until(), Some(S(13)));
        assert_eq!(candidate.over_at(), Some(S(17)));
    }

    #[test]
    fn another_name_in_the_lease_ends_the_lead_at_once() {
        let mut candidate = candidate();
        candidate.wrote(record("me", 1), S(0));
        candidate.observe(Some(record("other", 2)), S(1));
        assert_eq!(candidate.leads_until(), None);
        assert!(candidate.follows(S(1)));
    }

    /// What happens in the model below: time passes, then one replica looks at the lease
    /// and makes its move, or (as a leader does) makes its move without a look.
    #[derive(Clone, Debug)]
    struct Step {
        replica: usize,
        passes: u64,
        looks: bool,
        on_its_way: u64,
        answer_lost: bool,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // Mostly brisk, now and then a process or the network hangs.
        let passes = prop_oneof![8 => 0..2_000u64, 1 => 0..20_000u64];
        let on_its_way = prop_oneof![4 => 0..50u64, 1 => 0..9_000u64];
        let looks = prop::bool::weighted(0.8);
        let answer_lost = prop::bool::weighted(0.2);
        let step = (0..3usize, passes, looks, on_its_way, answer_lost).prop_map(
            |(replica, passes, looks, on_its_way, answer_lost)| Step {
                replica,
                passes,
                looks,
                on_its_way,
                answer_lost,
            },
        );
        prop::collection::vec(step, 1..300)
    }

    /// A write between being sent and reaching the server.
    struct InFlight {
        replica: usize,
        arrives: Duration,
        sent: Duration,
        expected: Option<String>,
        answer_lost: bool,
    }

    /// The server takes the writes that have reached it, if they expect what it holds.
    fn arrive(
        writes: &mut Vec<InFlight>,
        stored: &mut Option<Record>,
        replicas: &mut [Candidate],
        time: Duration,
        origin: [Duration; 3],
    ) {
        writes.sort_by_key(|write| write.arrives);
        let later = writes.partition_point(|write| write.arrives <= time);
        for write in writes.drain(..later) {
            let version = stored.as_ref().map(|record| record.version.clone());
            if version != write.expected {
                continue;
            }
            let version = version.map_or(1, |version| version.parse::<u64>().unwrap() + 1);
            let replica = &mut replicas[write.replica];
            let written = record(&replica.identity, version);
            if !write.answer_lost {
                replica.wrote(written.clone(), write.sent + origin[write.replica]);
            }
            *stored = Some(written);
        }
    }

    proptest! {
        /// Three replicas whose clocks began at different moments, against one server that
        /// keeps preconditions. Replicas pause, writes arrive late, answers are lost: at no
        /// moment does more than one still work.
        #[test]
        fn two_never_lead_at_a_time(steps in steps()) {
            let ms = Duration::from_millis;
            let origin = [ms(0), ms(77_777), ms(1_234_567)];
            let mut replicas: Vec<_> = (0..3)
                .map(|n| Candidate::new(format!("replica {n}"), Settings::default()))
                .collect();
            let mut stored: Option<Record> = None;
            let mut writes: Vec<InFlight> = Vec::new();
            let mut time = Duration::ZERO;
            for step in steps {
                time += ms(step.passes);
                arrive(&mut writes, &mut stored, &mut replicas, time, origin);
                let here = time + origin[step.replica];
                let replica = &mut replicas[step.replica];
                if step.looks {
                    replica.observe(stored.clone(), here);
                }
                if replica.next(here) != Move::Wait {
                    writes.push(InFlight {
                        replica: step.replica,
                        arrives: time + ms(step.on_its_way),
                        sent: time,
                        expected: replica.seen.as_ref().map(|(record, _)| record.version.clone()),
                        answer_lost: step.answer_lost,
                    });
                }
                let working = replicas
                    .iter()
                    .zip(origin)
                    .filter(|(replica, origin)| {
                        replica.over_at().is_some_and(|over| time + *origin < over)
                    })
                    .count();
                prop_assert!(working <= 1, "{working} lead at {time:?}");
            }
        }
    }
}
