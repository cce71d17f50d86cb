//! Whether the install works, as far as the person may see.

use askama::Template;
use axum::extract::Query;
use serde::Deserialize;

use super::super::frame::{Frame, Page, Problem, Section};
use super::super::shown;
use super::super::site::Door;
use super::super::visit::Visit;
use super::super::words::health::{Health as Words, told};
use super::super::words::state::Tone;
use crate::account::Error;
use crate::doctor::{
    self, Ask, Finding, Found, Good, Install, Level, Part, Surroundings, Trouble, Written,
};

#[derive(Template)]
#[template(path = "health.html")]
pub(crate) struct HealthPage {
    frame: Frame,
    account: String,
    is_bad_account: bool,
    verdict: (Tone, String),
    facts: Vec<Fact>,
    findings: Vec<Said>,
    unseen: Vec<Said>,
}

impl HealthPage {
    fn t(&self) -> &'static Words {
        &self.frame.t.health
    }
}

/// One fact.
struct Fact {
    label: &'static str,
    tone: Tone,
    says: String,
}

/// One finding, in words.
struct Said {
    tone: Tone,
    level: &'static str,
    what: String,
    way_out: Vec<Piece>,
}

/// A part of a text: words, or something to type.
struct Piece {
    is_code: bool,
    text: String,
}

/// In which account a write is tried.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    account: String,
}

pub(crate) async fn page(
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Page<HealthPage>, Problem> {
    let asked = asked.account.trim();
    let own = match &visit.site.door {
        Door::Local { namespace, .. } => Some(namespace.clone()),
        Door::Cluster { .. } => None,
    };
    let given = Some(asked).filter(|name| !name.is_empty()).map(|name| visit.caller(name));
    let is_bad = matches!(&given, Some(Err(_)))
        || matches!(&given, Some(Ok(caller)) if caller.namespace == caller.operator_namespace);
    let anywhere = visit.anywhere();
    let account = given.and_then(Result::ok).map(|caller| caller.namespace).or(own);
    let account = account.filter(|account| *account != anywhere.operator_namespace);
    let account = account.map(|account| account.to_string());
    let ask = Ask { namespace: &anywhere.operator_namespace, account: account.as_deref() };
    let (around, install, version) = tokio::join!(
        doctor::look_around(&anywhere.client, ask),
        doctor::look(&anywhere.client, ask),
        anywhere.version(),
    );
    let around = around.map_err(Error::Unreachable)?;
    let frame = visit.frame(Section::Health, None);
    let mut findings = doctor::findings(&install);
    findings.extend(doctor::findings_around(&around, frame.now));
    // Errors first; within a level the cause before its consequences.
    findings.sort_by_key(|finding| finding.level);
    // What he lacks says nothing of the install.
    let is_his = |finding: &Finding| {
        finding.level == Level::NotSeen || matches!(finding.trouble, Trouble::NoRight(..))
    };
    let said = |his: bool| {
        let some = findings.iter().filter(|finding| is_his(finding) == his);
        some.map(|finding| said(&frame, finding)).collect()
    };
    Ok(Page(HealthPage {
        account: account.unwrap_or_default(),
        is_bad_account: is_bad,
        verdict: verdict(&frame, &findings),
        facts: facts(&frame, &install, &around, version.ok()),
        findings: said(false),
        unseen: said(true),
        frame,
    }))
}

fn verdict(frame: &Frame, findings: &[Finding]) -> (Tone, String) {
    let t = &frame.t.health;
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    match findings.iter().any(|finding| finding.level == Level::NotSeen) {
        _ if errors > 0 => (Tone::Bad, (t.errors)(errors)),
        true => (Tone::Plain, t.well_as_far.to_owned()),
        false => (Tone::Good, t.all_well.to_owned()),
    }
}

fn said(frame: &Frame, finding: &Finding) -> Said {
    let t = &frame.t.health;
    let (tone, level) = match finding.level {
        Level::Error => (Tone::Bad, t.error),
        Level::Advice => (Tone::Warn, t.advice),
        Level::NotSeen => (Tone::Plain, t.not_seen),
    };
    let (what, way_out) = told(&finding.trouble, frame.t.language);
    Said { tone, level, what: shown::line(&what), way_out: pieces(&shown::line(&way_out)) }
}

/// What stands between backticks is to be typed.
fn pieces(text: &str) -> Vec<Piece> {
    let parts = text.split('`').map(str::to_owned).enumerate();
    parts.map(|(at, text)| Piece { is_code: at % 2 == 1, text }).collect()
}

fn facts(
    frame: &Frame,
    install: &Install,
    around: &Surroundings,
    version: Option<String>,
) -> Vec<Fact> {
    let t = &frame.t.health;
    let mut facts = vec![
        trial(t, &install.written),
        part(t, t.webhook, &install.parts, "webhook"),
        certificate(frame, around),
        part(t, t.controller, &install.parts, "controller"),
        fact(t, t.leader, &around.leader, |leader| match leader.leads(frame.now) {
            true => (Tone::Good, t.leads.to_owned()),
            false => (Tone::Bad, t.nobody_leads.to_owned()),
        }),
        fact(t, t.key, &install.sealing_key, |key| match key {
            Some(id) => (Tone::Good, id.clone()),
            None => (Tone::Bad, t.not_there.to_owned()),
        }),
        many(t, t.policies, t.act, install.policies.iter().map(|(_, _, found)| found)),
        many(t, t.kinds, t.are_served, install.crds.iter().map(|(_, found)| found)),
    ];
    let versions = versions(t, around, version);
    facts.push(Fact { label: t.versions, tone: Tone::Plain, says: versions });
    facts.push(known(t, t.encryption, around.server.encrypts, (t.encrypted, t.not_encrypted)));
    let no_content = around.server.logs_content.map(|content| !content);
    facts.push(known(t, t.log, no_content, (t.no_content, t.content)));
    facts
}

fn fact<T>(
    t: &Words,
    label: &'static str,
    found: &Found<T>,
    says: impl FnOnce(&T) -> (Tone, String),
) -> Fact {
    let (tone, says) = match found {
        Found::Here(here) => says(here),
        Found::Absent => (Tone::Bad, t.not_there.to_owned()),
        Found::Unknown(_) => (Tone::Plain, t.unseen.to_owned()),
    };
    Fact { label, tone, says }
}

fn known(t: &Words, label: &'static str, is_good: Option<bool>, (good, bad): (&str, &str)) -> Fact {
    let (tone, says) = match is_good {
        Some(true) => (Tone::Good, good),
        Some(false) => (Tone::Warn, bad),
        None => (Tone::Plain, t.unseen),
    };
    Fact { label, tone, says: says.to_owned() }
}

fn trial(t: &Words, written: &Written) -> Fact {
    let (tone, says) = match written {
        Written::Sealed(_) => (Tone::Good, t.sealed),
        Written::NotTried(_) => (Tone::Plain, t.unseen),
        Written::NoAccount => (Tone::Plain, t.no_account),
        Written::Unsealed | Written::RefusedUnsealed | Written::Refused(_) => {
            (Tone::Bad, t.not_sealed)
        }
    };
    Fact { label: t.trial, tone, says: says.to_owned() }
}

fn part(t: &Words, label: &'static str, parts: &[(&'static str, Found<Part>)], name: &str) -> Fact {
    let found = parts.iter().find(|(part, _)| *part == name).map(|(_, found)| found);
    fact(t, label, found.unwrap_or(&Found::Absent), |part| {
        let tone = match part {
            Part { wanted, ready } if ready >= wanted && *ready > 0 => Tone::Good,
            Part { ready: 1.., .. } => Tone::Warn,
            _ => Tone::Bad,
        };
        (tone, (t.ready)(part.ready, part.wanted))
    })
}

fn certificate(frame: &Frame, around: &Surroundings) -> Fact {
    const SOON: i64 = 14;
    let t = &frame.t.health;
    let is_seen =
        [matches!(around.serving, Found::Here(_)), matches!(around.authorities, Found::Here(_))];
    let (tone, says) = match around.certificate(frame.now) {
        Some(Good::Served(days) | Good::Trusted(days)) if days < SOON => {
            (Tone::Warn, (t.served)(days))
        }
        Some(Good::Served(days)) => (Tone::Good, (t.served)(days)),
        Some(Good::Trusted(days)) => (Tone::Good, (t.trusted)(days)),
        None if is_seen.contains(&true) => (Tone::Bad, t.not_good.to_owned()),
        None => (Tone::Plain, t.unseen.to_owned()),
    };
    Fact { label: t.certificate, tone, says }
}

/// How many of several do what they should.
fn many<'a>(
    t: &Words,
    label: &'static str,
    says: fn(usize, usize) -> String,
    found: impl Iterator<Item = &'a Found<bool>>,
) -> Fact {
    let (mut all, mut good, mut seen) = (0, 0, 0);
    for found in found {
        all += 1;
        good += usize::from(*found == Found::Here(true));
        seen += usize::from(!matches!(found, Found::Unknown(_)));
    }
    let (tone, says) = match seen {
        0 => (Tone::Plain, t.unseen.to_owned()),
        _ if good == all => (Tone::Good, says(good, all)),
        _ if seen == all => (Tone::Bad, says(good, all)),
        // The rest he can't see.
        _ => (Tone::Warn, says(good, all)),
    };
    Fact { label, tone, says }
}

fn versions(t: &Words, around: &Surroundings, operator: Option<String>) -> String {
    let mut said = Vec::new();
    said.extend(operator.map(|version| format!("{} {version}", t.operator)));
    for (part, version) in &around.versions {
        if let Found::Here(Some(version)) = version {
            said.push(format!("{part} {version}"));
        }
    }
    said.push(format!("{} {}", t.this_page, around.asker));
    said.extend(around.kubernetes.map(|minor| format!("Kubernetes 1.{minor}")));
    shown::line(&said.join(", "))
}
