//! How verbs that write end: what was done, and on how many functions it is live.

use std::io::{Write as _, stderr};

use super::args::{DryRun, Writing};
use super::failure::Failure;
use super::output;
use super::session::Session;
use super::table::cut_to;
use crate::account::{Caller, Error, How, Live, Stage, Waited};
use crate::api::condition::Behind;
use crate::api::text::harmless;
use crate::runtime::clock;
use crate::seal::SealingKey;

impl Writing {
    /// How values are handed in, now.
    pub(crate) fn how<'a>(&self, key: &'a SealingKey) -> How<'a> {
        How { key, now: clock::now(), dry_run: self.trying.dry_run.into() }
    }
}

/// ` (dry run)`, as kubectl says it.
pub(crate) fn dry_run_words(how: DryRun) -> &'static str {
    match how {
        DryRun::None => "",
        DryRun::Client => " (dry run)",
        DryRun::Server => " (server dry run)",
    }
}

/// Waits until functions run with what was written, unless told not to, and says on how
/// many they do.
pub(crate) async fn wait(
    caller: &Caller,
    waited: &Waited,
    writing: &Writing,
    session: &Session,
) -> Result<(), Failure> {
    let last = |words: &str| output::done(&format!("{words}\n"));
    wait_and(last, caller, waited, writing, session).await
}

/// The same, with another place for the last line.
pub(crate) async fn wait_and(
    last: impl FnOnce(&str),
    caller: &Caller,
    waited: &Waited,
    writing: &Writing,
    session: &Session,
) -> Result<(), Failure> {
    let nothing = waited.written.is_empty() && waited.deleted.is_none();
    if writing.no_wait || writing.trying.dry_run != DryRun::None || nothing {
        return Ok(());
    }
    let mut line = Line { width: session.terminal.progress };
    line.show("waiting for the operator …");
    let ended = caller.live(waited, writing.timeout, |stage| line.show(&words(stage))).await;
    line.clear();
    match ended {
        Ok(live) => say(&live, last),
        // It was stored all the same.
        Err(Error::Forbidden(right)) => {
            output::tell(&format!("on how many functions it is live is not known: {right}"));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn say(live: &Live, last: impl FnOnce(&str)) -> Result<(), Failure> {
    last(&live.words());
    for function in &live.behind {
        let name = harmless(&function.name, 253);
        let why = function.message.as_deref().unwrap_or(&function.reason);
        output::tell(&format!("  {name}: {}", harmless(why, 512)));
    }
    // One that takes a new set only when told is as its people want it.
    match live.behind.iter().all(|function| function.behind() == Some(Behind::Manual)) {
        true => Ok(()),
        false => Err(Failure::Told),
    }
}

fn words(stage: &Stage) -> String {
    match stage {
        Stage::Unseen(why) => format!("{why} …"),
        Stage::Untaken(_) => "waiting for the operator …".to_owned(),
        Stage::Stalled(name, why) | Stage::Retried(name, why) => format!("{name}: {why} …"),
        Stage::RollingOut(live) | Stage::Done(live) => format!("{} …", live.words()),
    }
}

/// The one line of progress, on a terminal only.
struct Line {
    /// The columns that it may take.
    width: Option<usize>,
}

impl Line {
    fn show(&mut self, text: &str) {
        if let Some(width) = self.width {
            let text = cut_to(&harmless(text, 1024), width.saturating_sub(1));
            let _ = write!(stderr(), "\r\u{1b}[K{text}").and_then(|()| stderr().flush());
        }
    }

    fn clear(&mut self) {
        if self.width.is_some() {
            let _ = write!(stderr(), "\r\u{1b}[K").and_then(|()| stderr().flush());
        }
    }
}
