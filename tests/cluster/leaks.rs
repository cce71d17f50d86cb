//! At rest, a value is in the published set and nowhere else: whichever way it came, and
//! whether it was accepted or not. etcd keeps every revision here, and nothing is
//! encrypted at rest, so that a leak would be seen.

use std::path::Path;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::account::{Account, function, secret, secret_with};
use crate::harness::{Options, Outcome, run};
use crate::operator::Operator;

#[tokio::test]
async fn a_value_is_in_its_published_set_and_nowhere_else_whatever_way_it_came() {
    let audit_policy = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cluster/audit-policy.yaml");
    let options = Options {
        keep_revisions: true,
        plain_secrets: true,
        audit_policy: Some(audit_policy),
        ..Options::default()
    };
    let mut operator = Operator::start(options, &[]).await;
    let mut trial = Trial::default();
    let namespace = {
        let account = Account::new(&operator, "leaks").await;
        accepted(&account, &mut trial).await;
        refused(&account, &mut trial).await;
        account.caught_up().await;
        account.namespace
    };
    trial.pages.push(("the metrics".to_owned(), operator.metrics()));
    operator.stop_webhook();
    while_the_webhook_is_away(&Account::new(&operator, "away").await, &mut trial);

    trial.pages.push(("a log of ours".to_owned(), operator.logs()));
    for path in files(operator.cluster.kubeconfig()) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
        trial.pages.push((path.display().to_string(), text));
    }
    let history = operator.cluster.etcd_history();

    let published = format!("/registry/secrets/{namespace}/kliv-env-");
    let accepted = Search::of(&trial.accepted);
    let all = Search::of(&[&trial.accepted[..], &trial.refused[..]].concat());
    let mut seen = vec![false; trial.accepted.len()];
    for stored in &history {
        if stored.key.starts_with(&published) {
            for (index, value) in trial.accepted.iter().enumerate() {
                seen[index] |= contains(&stored.value, value.as_bytes());
            }
        } else {
            let found = all.find(&stored.value).or_else(|| all.find(stored.key.as_bytes()));
            assert_eq!(found, None, "in etcd: {} at revision {}", stored.key, stored.revision);
        }
    }
    for (place, text) in &trial.pages {
        assert_eq!(all.find(text.as_bytes()), None, "in {place}:\n{text}");
    }

    // What was searched for can be found: every accepted value is in a published set, and
    // the same search sees it there.
    let unseen: Vec<_> =
        trial.accepted.iter().zip(&seen).filter(|(_, seen)| !**seen).map(|(v, _)| v).collect();
    assert!(unseen.is_empty(), "never published: {unseen:?}");
    let sets = history.iter().filter(|stored| stored.key.starts_with(&published));
    assert!(sets.clone().any(|stored| accepted.find(&stored.value).is_some()));
    assert!(operator.logs().contains("planned"), "the logs are at the finest level");
}

#[test]
fn the_search_finds_a_value_in_every_form() {
    let value = canary("form");
    let search = Search::of(std::slice::from_ref(&value));
    let json = json!({ "annotation": json!({ "value": value }).to_string() }).to_string();
    let base64 = |text: String| STANDARD_NO_PAD.encode(text);
    for text in [
        value.clone(),
        json,
        base64(value.clone()),
        base64(format!("a{value}b")),
        base64(format!("ab{value}c")),
        hex(value.as_bytes()),
        hex(value.as_bytes()).to_ascii_uppercase(),
    ] {
        assert!(search.find(format!("before {text} after").as_bytes()).is_some(), "{text}");
        assert!(search.find(&text.as_bytes()[8..]).is_some(), "a part of it: {text}");
    }
    assert_eq!(search.find(canary("another").as_bytes()), None);
}

/// What was written, and what was said.
#[derive(Default)]
struct Trial {
    accepted: Vec<String>,
    refused: Vec<String>,
    pages: Vec<(String, String)>,
}

impl Trial {
    fn accepts(&mut self, way: &str) -> String {
        let value = canary(way);
        self.accepted.push(value.clone());
        value
    }

    fn refuses(&mut self, way: &str) -> String {
        let value = canary(way);
        self.refused.push(value.clone());
        value
    }

    /// Writes through kubectl, and keeps what that said.
    #[track_caller]
    fn kubectl(&mut self, account: &Account<'_>, args: &[&str], object: &Value, ok: bool) {
        let outcome = account.kubectl(args, object);
        assert_eq!(outcome.ok, ok, "kubectl {args:?}: {}", outcome.stderr);
        self.hears(args, outcome);
    }

    fn hears(&mut self, args: &[&str], outcome: Outcome) {
        let said = outcome.stdout + &outcome.stderr;
        self.pages.push((format!("what kubectl {args:?} said"), said));
    }
}

/// Every way in which a value is accepted.
async fn accepted(account: &Account<'_>, trial: &mut Trial) {
    let apply = ["apply", "-f", "-"];
    let server_side = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    let patch = |kind: &'static str, name: &'static str| {
        ["patch", "ksec", name, kind, "--patch-file=/dev/stdin"]
    };

    for (way, args) in [
        ("APPLIED", &apply[..]),
        ("SERVER_SIDE", &server_side),
        ("CREATED", &["create", "-f", "-"]),
        ("CREATED_AND_SAVED", &["create", "--save-config", "-f", "-"]),
    ] {
        let value = trial.accepts(way);
        trial.kubectl(account, args, &secret(way, &value), true);
    }
    // A value of one line has a mask.
    let one_line = canary("one line").replace('\n', " ");
    trial.accepted.push(one_line.clone());
    trial.kubectl(account, &apply, &secret("ONE_LINE", &one_line), true);
    for name in ["applied", "server-side", "created", "created-and-saved", "one-line"] {
        account.published(name).await;
    }

    // Each over a value that was given in the same way or in another.
    for (name, args) in [
        ("applied", &apply[..]),
        ("applied", &server_side),
        ("server-side", &server_side),
        ("server-side", &apply),
        ("created-and-saved", &apply),
        ("created", &["replace", "-f", "-"]),
        ("created", &["replace", "--force", "-f", "-"]),
    ] {
        let value = trial.accepts(&format!("{name} {args:?}"));
        let env_var = name.to_ascii_uppercase().replace('-', "_");
        trial.kubectl(account, args, &secret(&env_var, &value), true);
        account.published(name).await;
    }
    let value = trial.accepts("merge patch");
    let merge = json!({ "spec": { "value": value } });
    trial.kubectl(account, &patch("--type=merge", "applied"), &merge, true);
    account.published("applied").await;
    let value = trial.accepts("json patch");
    let json_patch = json!([{ "op": "add", "path": "/spec/value", "value": value }]);
    trial.kubectl(account, &patch("--type=json", "created"), &json_patch, true);
    account.published("created").await;
    let value = trial.accepts("edit");
    edit(account, trial, "one-line", &value);
    account.published("one-line").await;

    // kubectl's own copy of a manifest, and a dry run, which stores nothing.
    let value = trial.refuses("saved copy");
    let save = ["apply", "set-last-applied", "--create-annotation", "-f", "/dev/stdin"];
    trial.kubectl(account, &save, &secret("CREATED", &value), true);
    let value = trial.refuses("dry run");
    let dry_run = ["apply", "--dry-run=server", "-f", "-"];
    trial.kubectl(account, &dry_run, &secret("APPLIED", &value), true);

    // A value that nobody has seen: it is learned from a function.
    let generate = secret_with(json!({ "envVar": "SIGNING_SECRET", "generate": {} }));
    trial.kubectl(account, &apply, &generate, true);
    account.published("signing-secret").await;
    account.create(&function("api")).await;
    account.caught_up().await;
    let generated = account.environment("api").await["SIGNING_SECRET"].clone();
    assert!(generated.len() >= 32, "it can be searched for");
    trial.accepted.push(generated);
    for args in [
        &["get", "ksec,kacct", "-o", "yaml", "--show-managed-fields"][..],
        &["get", "ksec,kacct", "-o", "wide"],
        &["describe", "ksec,kacct"],
    ] {
        trial.kubectl(account, args, &json!({}), true);
    }
}

/// Writes that are refused, and show nothing for it.
async fn refused(account: &Account<'_>, trial: &mut Trial) {
    let with = |value: &str, more: Value| {
        let mut spec = json!({ "envVar": "REFUSED", "value": value });
        json_patch::merge(&mut spec, &more);
        secret_with(spec)
    };
    let mut refusals = Vec::new();
    let mut refusal = |way: &str, make: &dyn Fn(&str) -> Value| {
        let value = trial.refuses(way);
        refusals.push((way.to_owned(), make(&value)));
    };
    refusal("in the description too", &|v| with(v, json!({ "description": v })));
    refusal("a reserved variable", &|v| secret("PATH", v));
    refusal("an unknown field", &|v| with(v, json!({ "vaule": v })));
    refusal("a bad environment", &|v| {
        let mut object = with(v, json!({}));
        object["spec"]["environment"] = json!("Not A Label");
        object
    });
    refusal("another name", &|v| {
        let mut object = with(v, json!({}));
        object["metadata"]["name"] = json!("another");
        object
    });
    refusal("no text", &|v| with("", json!({ "value": { "key": v } })));
    refusal("an annotation", &|v| {
        let mut object = with(v, json!({}));
        object["metadata"]["annotations"] = json!({ "note": format!("{{\"x\": \"{v}\"}}") });
        object
    });
    refusal("too long", &|v| with(&v.repeat(1000), json!({})));
    refusal("another kind of object", &|v| with(v, json!({ "rotateAfterDays": v })));
    for (way, object) in &refusals {
        for args in [
            &["create", "-f", "-"][..],
            &["apply", "-f", "-"],
            &["apply", "--server-side", "--force-conflicts", "-f", "-"],
        ] {
            let stored = account.kubectl(args, object);
            assert!(!stored.ok, "accepted, with {way}");
            trial.hears(args, stored);
        }
    }

    // Changes of what is there.
    let value = trial.refuses("an immutable field");
    let change = json!({ "spec": { "value": value, "envVar": "OTHER" } });
    let patch = ["patch", "ksec", "applied", "--type=merge", "--patch-file=/dev/stdin"];
    trial.kubectl(account, &patch, &change, false);
    let value = trial.refuses("by somebody without rights");
    let by_nobody = ["apply", "--as=nobody", "-f", "-"];
    trial.kubectl(account, &by_nobody, &secret("APPLIED", &value), false);
}

/// The schema refuses what nobody seals.
fn while_the_webhook_is_away(account: &Account<'_>, trial: &mut Trial) {
    for args in [
        &["create", "-f", "-"][..],
        &["apply", "-f", "-"],
        &["apply", "--server-side", "--force-conflicts", "-f", "-"],
    ] {
        let value = trial.refuses(&format!("without webhook {args:?}"));
        trial.kubectl(account, args, &secret("AWAY", &value), false);
    }
}

/// `kubectl edit` with an editor that puts a value in.
fn edit(account: &Account<'_>, trial: &mut Trial, name: &str, value: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let line = folder.path().join("line");
    std::fs::write(&line, format!("  value: {}\n", json!(value))).expect("a file");
    let mut command = account.cluster.command("kubectl");
    command.args(["edit", "ksec", name, "-n", &account.namespace]);
    command.env("KUBE_EDITOR", format!("sed -i '/^spec:/r {}'", line.display()));
    command.env("TMPDIR", folder.path());
    let outcome = run(command, "");
    assert!(outcome.ok, "{}{}", outcome.stdout, outcome.stderr);
    trial.hears(&["edit"], outcome);
}

/// Logs of the whole control plane, and its audit log: all text files of the cluster's
/// folder but etcd's own.
pub(crate) fn files(kubeconfig: &Path) -> Vec<std::path::PathBuf> {
    let state = kubeconfig.parent().and_then(Path::parent).expect("the cluster's folder");
    let logs = std::fs::read_dir(state.join("logs")).expect("logs");
    let logs = logs.map(|entry| entry.expect("an entry").path());
    let files: Vec<_> = logs.chain([state.join("audit.log")]).collect();
    assert!(files.len() >= 4, "{files:?}");
    files
}

/// A value like no other: pieces that are searched for one by one, with characters between
/// them that JSON escapes and that are more than a byte long.
pub(crate) fn canary(of: &str) -> String {
    let [a, b, c] = [0, 1, 2].map(|part| {
        let digest = Sha256::digest(format!("{of} {part}"));
        format!("k{}", &hex(&digest)[..PIECE - 1])
    });
    format!("{a}\"\n\\{b}<é\u{1f511}>\t{c}")
}

const PIECE: usize = 24;

/// Looks for values: each piece of ordinary characters in them as it is, in hexadecimal,
/// and in base64 wherever it begins. What escapes JSON needs don't touch the pieces.
pub(crate) struct Search {
    forms: AhoCorasick,
}

impl Search {
    pub(crate) fn of(values: &[String]) -> Self {
        let mut forms = Vec::new();
        for value in values {
            let pieces = value.split(|c: char| !c.is_ascii_alphanumeric());
            for piece in pieces.filter(|piece| piece.len() >= PIECE - 8) {
                forms.push(piece.to_owned());
                forms.push(hex(piece.as_bytes()));
                forms.push(hex(piece.as_bytes()).to_ascii_uppercase());
                // Its whole groups of three bytes, wherever the groups begin.
                forms.extend((0..3).map(|skip| {
                    let whole = (piece.len() - skip) / 3 * 3;
                    STANDARD_NO_PAD.encode(&piece.as_bytes()[skip..skip + whole])
                }));
            }
        }
        Self { forms: AhoCorasick::new(forms).expect("a search") }
    }

    /// Where something was found.
    pub(crate) fn find(&self, text: &[u8]) -> Option<String> {
        let found = self.forms.find(text)?;
        let around = found.start().saturating_sub(60)..(found.end() + 60).min(text.len());
        Some(String::from_utf8_lossy(&text[around]).into_owned())
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writes to a String");
        text
    })
}
