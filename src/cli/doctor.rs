//! `kubectl kliv doctor`.

use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::doctor::{self, Ask, Finding, Level};
use crate::runtime::clock;

/// Say what is wrong with the install, and the way out
///
/// Looks with your rights, and says what it could not see. It writes nothing: a secret with a
/// made-up value is tried as a dry run. Ends with 1 where something is wrong.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {}

pub(crate) async fn run(_: &Args, session: &Session) -> Result<(), Failure> {
    let caller = session.caller().await?;
    let (namespace, account) = (caller.operator_namespace.as_str(), caller.namespace.as_str());
    if namespace == account {
        return Err(Failure::plain(
            "writes to the operator's own namespace are not sealed: name an account with -n",
        ));
    }
    let ask = Ask { namespace, account: Some(account) };
    // First: where nothing answers, nothing else is worth saying.
    let around = doctor::look_around(&caller.client, ask).await;
    let around = around.map_err(|away| Failure::plain(away.to_string()))?;
    let install = doctor::look(&caller.client, ask).await;
    let now = clock::now();
    let mut text: String =
        doctor::facts(&around, now).iter().map(|fact| format!("ok        {fact}\n")).collect();
    let mut findings = doctor::findings(&install);
    findings.extend(doctor::findings_around(&around, now));
    // Errors first; within a level the cause before its consequences.
    findings.sort_by_key(|finding| finding.level);
    text.extend(findings.iter().map(shown));
    let count = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
    let [errors, advice, unseen] = [Level::Error, Level::Advice, Level::NotSeen].map(count);
    text.push_str(&format!("\nerrors: {errors}, advice: {advice}, not seen: {unseen}\n"));
    output::done(&text);
    if errors > 0 { Err(Failure::Told) } else { Ok(()) }
}

fn shown(finding: &Finding) -> String {
    let level = match finding.level {
        Level::Error => "error",
        Level::Advice => "advice",
        Level::NotSeen => "not seen",
    };
    let trouble = &finding.trouble;
    format!("{level:<9} {}\n          {}\n", trouble.what(), trouble.way_out())
}
