//! No verb of `kubectl kliv` shows a value, whichever way it got it and whichever way it
//! ends: not in what it says at its most talkative, nor in arguments or environment of
//! what it starts, nor in a file.
//!
//! ```text
//!  every verb (from clap) × its calls ─┐
//!  every way of ending ────────────────┴─► run ─► said, started, left behind ─► Search
//! ```
//!
//! To add a verb: its calls in [`calls`]; without them the test fails.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use k8s_openapi::jiff::Timestamp;
use kliv_secrets::api::condition::Reason;
use kliv_secrets::runtime::entropy;
use kliv_secrets::seal::Keyring;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::account::{Account, function_with, secret, secret_with};
use crate::harness::{Terminal, eventually, run};
use crate::operator::{CONTROLLER, Operator};

/// What a call reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reads {
    Nothing,
    /// The value, on standard input.
    Value,
    /// A file of this name, on standard input.
    File(&'static str),
    /// The value, typed at the hidden prompt.
    Typed,
}

/// How a call ends where nothing is in its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ends {
    Well,
    Badly,
}

/// Words, where `@name` is a file; what is read; how it ends.
type Call = (&'static [&'static str], Reads, Ends);

/// Every call of a verb that reads a value, or shows what is known of one.
fn calls(verb: &str) -> &'static [Call] {
    use Ends::{Badly, Well};
    use Reads::{File, Nothing, Typed, Value};
    match verb {
        "set" => &[
            (&["set", "SET_TOKEN", "--from-stdin", "--timeout=20s", "-o=yaml"], Value, Well),
            (&["set", "SET_TOKEN", "--from-file=@value"], Nothing, Well),
            (&["set", "SET_TOKEN", "-y", "--no-wait"], Typed, Well),
            (&["set", "SET_TOKEN", "-e=test", "--from-stdin", "--dry-run=client"], Value, Well),
            (&["set", "SET_TOKEN", "--from-stdin", "--dry-run=server", "-o=json"], Value, Well),
            (&["set", "SET_TOKEN"], Value, Badly),
            (&["set", "SET_TOKEN", "--from-file=@large"], Nothing, Badly),
            (&["set", "SET_TOKEN", "--from-file=@zero"], Nothing, Badly),
            (&["set", "SET_TOKEN", "--from-file=@latin1"], Nothing, Badly),
            (&["set", "SET_TOKEN", "--from-file=@folder"], Nothing, Badly),
            (&["set", "SET_TOKEN", "--from-stdin"], File("large"), Badly),
            (&["set", "PATH", "--from-stdin"], Value, Badly),
            (&["set", "1 TOKEN", "--from-stdin"], Value, Badly),
            (&["set", "SET_TOKEN", "-e=No", "--from-stdin"], Value, Badly),
        ],
        "list" => &[
            (&["list"], Nothing, Well),
            (&["list", "-o=wide"], Nothing, Well),
            (&["list", "-o=yaml"], Nothing, Well),
            (&["list", "-A", "-o=json"], Nothing, Well),
        ],
        "describe" => &[
            (&["describe", "A_TOKEN"], Nothing, Well),
            (&["describe", "A_TOKEN", "-o=yaml"], Nothing, Well),
            (&["describe", "NO_TOKEN"], Nothing, Badly),
        ],
        "history" => &[
            (&["history", "A_TOKEN"], Nothing, Well),
            (&["history", "A_TOKEN", "-o=json"], Nothing, Well),
        ],
        "rollback" => &[
            (&["rollback", "A_TOKEN", "--to=1", "--timeout=20s"], Nothing, Well),
            (&["rollback", "A_TOKEN", "--to=9"], Nothing, Badly),
        ],
        "rotate" => &[
            (&["rotate", "B_TOKEN", "--from-stdin", "--no-wait"], Value, Well),
            (&["rotate", "B_TOKEN", "--no-wait", "-y"], Typed, Well),
            (&["rotate", "B_TOKEN", "--from-file=@pem", "--no-wait"], Nothing, Well),
            (&["rotate", "B_TOKEN", "--from-file=@value", "--compromised"], Nothing, Badly),
            (
                &["rotate", "B_TOKEN", "--compromised", "-y", "--from-stdin", "--no-wait"],
                Value,
                Well,
            ),
            (&["rotate", "WAITS_TOKEN", "--from-stdin"], Value, Badly),
            (&["rotate", "--due"], Nothing, Well),
            (&["rotate", "B_TOKEN", "--from-file=@large"], Nothing, Badly),
        ],
        "delete" => &[
            (&["delete", "C_TOKEN"], Nothing, Badly),
            (&["delete", "C_TOKEN", "-y", "--dry-run=server"], Nothing, Well),
            (&["delete", "C_TOKEN", "-y", "--timeout=20s"], Nothing, Well),
        ],
        "import" => &[
            (&["import", "@some.env", "-y", "--overwrite", "--timeout=20s"], Nothing, Well),
            (&["import", "@some.json", "-y", "--overwrite", "--no-wait"], Nothing, Well),
            (&["import", "@some.yaml", "-y", "--overwrite", "--no-wait"], Nothing, Well),
            (&["import", "-", "--dry-run=server", "--overwrite"], File("some.env"), Well),
            (&["import", "-", "--format=yaml", "--dry-run=client"], File("some.yaml"), Well),
            (&["import", "--from-secret=native", "-y", "--no-wait"], Nothing, Well),
            (&["import", "@some.env"], Nothing, Well),
            (&["import", "@some.env", "--overwrite"], Nothing, Badly),
            (&["import", "@broken.env"], Nothing, Badly),
            (&["import", "@broken.json"], Nothing, Badly),
            (&["import", "@broken.yaml"], Nothing, Badly),
            (&["import", "@value"], Nothing, Badly),
            (&["import", "@latin1"], Nothing, Badly),
            (&["import", "@folder"], Nothing, Badly),
            (&["import", "@clash.env", "-y"], Nothing, Badly),
            (&["import", "@some.env", "--format=json", "--skip-invalid"], Nothing, Badly),
            (&["import", "@large.env"], Nothing, Badly),
        ],
        "seal" => &[
            (&["seal", "SET_TOKEN", "--from-stdin"], Value, Well),
            (&["seal", "SET_TOKEN"], Typed, Well),
            (&["seal", "SET_TOKEN", "--from-file=@value", "-e=test"], Nothing, Well),
            (&["seal", "--env-file=@some.env"], Nothing, Well),
            (&["seal", "--env-file=-", "--format=json"], File("some.json"), Well),
            (&["seal", "--env-file=@broken.yaml"], Nothing, Badly),
            (&["seal", "SET_TOKEN", "--from-stdin", "--public-key=@value"], Value, Badly),
            (&["seal", "SET_TOKEN", "--from-file=@large"], Nothing, Badly),
            (&["seal", "--check", "@manifest.yaml"], Nothing, Badly),
            (&["seal", "--check", "@value", "@folder"], Nothing, Well),
        ],
        "request" => &[
            (&["request", "ASKED_TOKEN", "--purpose=to see"], Nothing, Well),
            (&["request", "A_TOKEN", "--purpose=to see"], Nothing, Badly),
        ],
        "answer" => &[
            (&["answer", "WAITS_TOKEN", "--dry-run=client", "-y"], Typed, Well),
            (&["answer", "WAITS_TOKEN", "--from-file=@zero"], Nothing, Badly),
            (&["answer", "WAITS_TOKEN", "--from-stdin", "--timeout=20s"], Value, Well),
            (&["answer", "A_TOKEN", "--from-stdin"], Value, Badly),
        ],
        "rollout" => &[
            (&["rollout", "slow", "--timeout=20s"], Nothing, Well),
            (&["rollout", "nobody"], Nothing, Badly),
        ],
        // It ends by itself when nobody comes.
        "ui" => &[(&["ui", "--no-browser", "--idle=1s"], Nothing, Well)],
        // What it hears is no client's.
        "mcp" => &[(&["mcp"], Nothing, Badly), (&["mcp"], Value, Badly)],
        "status" => &[(&["status"], Nothing, Well), (&["status", "-o=yaml"], Nothing, Well)],
        "audit" => &[(&["audit"], Nothing, Well), (&["audit", "-o=json"], Nothing, Well)],
        "audit verify" => &[
            (&["audit", "verify"], Nothing, Well),
            (&["audit", "verify", "--anchor=@value"], Nothing, Badly),
            (&["audit", "verify", "--anchor=@anchor"], Nothing, Badly),
        ],
        "audit export" => &[(&["audit", "export"], Nothing, Well)],
        // The operator's processes are no pods here: it says so.
        "doctor" => &[(&["doctor"], Nothing, Badly)],
        "version" => &[(&["version", "-o=yaml"], Nothing, Well)],
        "completion" => &[(&["completion", "bash"], Nothing, Well)],
        other => panic!("{other} has no calls here: add them"),
    }
}

/// What is in a call's way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Clear,
    /// A value where none belongs, in every verb.
    Mistyped,
    NoKubeconfig,
    NoSuchContext,
    NoAnswer,
    NoRights,
    /// Where the public key should be is nothing, or no key.
    NoKey,
    BadKey,
    /// A policy of the cluster's owner refuses it, and repeats what was written.
    Refused,
    /// Sealed with another installation's key.
    ForeignKey,
}

const WAYS: [Way; 10] = [
    Way::Clear,
    Way::Mistyped,
    Way::NoKubeconfig,
    Way::NoSuchContext,
    Way::NoAnswer,
    Way::NoRights,
    Way::NoKey,
    Way::BadKey,
    Way::Refused,
    Way::ForeignKey,
];

#[tokio::test]
async fn no_verb_shows_a_value_whichever_way_it_gets_it_and_whichever_way_it_ends() {
    let operator = Operator::shared().await;
    let values = ["one", "two", "given"].map(canary);
    let [one, two, given] = &values;
    let account = Account::new(operator, "canary").await;
    let refusing = Account::new(operator, "canary-refusing").await;
    let bad_key = Account::new(operator, "canary-bad-key").await;
    let foreign_key = Account::new(operator, "canary-foreign").await;
    for account in [&account, &refusing] {
        furnish(account, one, two).await;
    }
    refuse_all(&refusing).await;
    key(&bad_key, &format!("kliv-sealing-key 1 {given}"));
    let foreign = Keyring::generate(Timestamp::UNIX_EPOCH, &mut entropy::system());
    key(&foreign_key, &foreign.sealing_key().to_string());
    let room = Room::new(&account, given);
    let search = Search::of(&values);
    let verbs = verbs(&room);
    assert!(verbs.len() > 17, "{verbs:?}");

    let (mut ran, mut failed, mut started) = (0, 0, 0);
    for way in WAYS {
        for verb in &verbs {
            let calls = if way == Way::Mistyped { &MISTYPED[..] } else { calls(verb) };
            for (words, reads, ends) in calls {
                let place = match way {
                    Way::Refused => &refusing.namespace,
                    _ => &account.namespace,
                };
                let key = match way {
                    Way::NoKey => "default",
                    Way::BadKey => &bad_key.namespace,
                    Way::ForeignKey => &foreign_key.namespace,
                    _ => "kliv-secrets-system",
                };
                let mut command = room.command(verb, words, given);
                command.args(["-vvv", "-n", place, "--operator-namespace", key]);
                match way {
                    Way::NoKubeconfig => drop(command.env("KUBECONFIG", "/nowhere/at/all")),
                    Way::NoAnswer => drop(command.env("KUBECONFIG", &room.unreachable)),
                    Way::NoSuchContext => drop(command.args(["--context", "nowhere"])),
                    Way::NoRights => drop(command.args(["--as", "nobody"])),
                    _ => {}
                }
                let (ok, said) = room.run(command, *reads, given);
                let call = format!("{way:?}: {words:?} {reads:?}");
                if matches!(way, Way::Clear | Way::Mistyped) {
                    assert_eq!(ok, *ends == Ends::Well, "{call}:\n{said}");
                }
                assert_eq!(search.find(said.as_bytes()), None, "{call} says:\n{said}");
                if way != Way::Mistyped {
                    let log = room.started();
                    assert_eq!(search.find(&log), None, "{call} hands it on");
                    started += usize::from(!log.is_empty());
                }
                let left = room.left();
                assert!(left.is_empty(), "{call} leaves {left:?}");
                ran += 1;
                failed += usize::from(!ok);
            }
        }
    }
    // What completes prints what goes into a command line.
    let mut completes = Command::new(&room.completion);
    completes.env("KUBECONFIG", &room.kubeconfig).args(["describe", "-n", &account.namespace]);
    completes.arg(given);
    assert_eq!(run(completes, "").success(), ":4\n");
    // What was to be seen was there to be seen.
    assert!(ran > 400 && failed > 200 && started > 200, "{ran} {failed} {started}");
}

#[test]
fn the_search_finds_a_value_in_every_form_and_in_part() {
    let value = canary("form");
    let search = Search::of(std::slice::from_ref(&value));
    let json = json!({ "note": json!({ "value": value }).to_string() }).to_string();
    let half: String = value.chars().skip(4).take(16).collect();
    for text in [
        value.clone(),
        half,
        json,
        STANDARD_NO_PAD.encode(format!("ab{value}c")),
        STANDARD_NO_PAD.encode(&value)[..20].to_owned(),
        URL_SAFE_NO_PAD.encode(format!("a{value}")),
        percent(&value),
        hex(value.as_bytes()),
        format!("{value:?}"),
        format!("{:?}", value.as_bytes()),
    ] {
        assert!(search.find(format!("before {text} after").as_bytes()).is_some(), "{text}");
    }
    // All have the signs in the middle.
    assert_eq!(search.find(&canary("another").as_bytes()[..25]), None);
    let mask = format!("{}****{}", &value[..4], &value[value.len() - 4..]);
    assert_eq!(search.find(mask.as_bytes()), None, "a mask is no value");
}

/// The verbs and their verbs, as clap knows them: by what completes.
fn verbs(room: &Room) -> Vec<String> {
    let complete = |words: &[&str]| -> Vec<String> {
        let mut command = Command::new(&room.completion);
        command.env("KUBECONFIG", "/nowhere").args(words);
        let said = run(command, "").success();
        said.lines().filter(|line| !line.starts_with(':')).map(str::to_owned).collect()
    };
    let mut verbs = complete(&[""]);
    let under = verbs.clone();
    for verb in under {
        let help = run(room.plain(&[&verb, "--help"]), "").success();
        if help.contains("Commands:") {
            let more = complete(&[&verb, ""]);
            assert!(!more.is_empty(), "{verb}");
            verbs.extend(more.into_iter().map(|more| format!("{verb} {more}")));
        }
    }
    verbs
}

/// The value where people might put it, though it does not belong there.
const MISTYPED: [Call; 7] = [
    (&["@@"], Reads::Value, Ends::Badly),
    (&["A_TOKEN=@@"], Reads::Value, Ends::Badly),
    (&["A_TOKEN", "@@"], Reads::Value, Ends::Badly),
    (&["A_TOKEN", "--value=@@"], Reads::Value, Ends::Badly),
    (&["A_TOKEN", "--from-literal", "@@"], Reads::Value, Ends::Badly),
    (&["--from-secret=@@"], Reads::Value, Ends::Badly),
    (&["-o=@@"], Reads::Value, Ends::Badly),
];

/// What a call finds: secrets with values, one that waits, functions, a native Secret, and a
/// published set that nobody keeps a record of.
pub(crate) async fn furnish(account: &Account<'_>, one: &str, two: &str) {
    for name in ["A_TOKEN", "B_TOKEN", "C_TOKEN"] {
        account.put(&secret(name, one)).await;
    }
    let due = json!({
        "envVar": "DUE_TOKEN", "value": one, "expirationTime": "2020-01-01T00:00:00Z",
    });
    account.put(&secret_with(due)).await;
    account.create(&function_with("slow", &[("rollout", "manual")])).await;
    let mut own = function_with("own", &[]);
    own["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{ "name": "OWN_TOKEN", "value": one }]);
    account.create(&own).await;
    account.put(&secret("A_TOKEN", two)).await;
    let waits = json!({ "envVar": "WAITS_TOKEN", "request": { "purpose": "to be asked" } });
    account.apply(&secret_with(waits));
    account.becomes("waits-token", Reason::AwaitingValue).await;
    let native = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "native" },
        "stringData": { "NATIVE_TOKEN": two },
    });
    account.apply(&native);
    let orphan = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "secrets.kliv.dev/env", "immutable": true,
        "metadata": {
            "name": "kliv-env-orphan",
            "labels": { "app.kubernetes.io/managed-by": "kliv-secrets" },
        },
        "stringData": { "A_TOKEN": two },
    });
    account.kubectl(&["create", "-f", "-", "--as", CONTROLLER], &orphan).success();
}

/// A policy that refuses every write of a KlivSecret here, and repeats it.
pub(crate) async fn refuse_all(account: &Account<'_>) {
    let namespace = &account.namespace;
    let selector = json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } });
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": namespace },
        "spec": {
            "matchConstraints": { "namespaceSelector": selector, "resourceRules": [{
                "apiGroups": ["secrets.kliv.dev"], "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE", "DELETE"], "resources": ["klivsecrets"],
            }] },
            "validations": [{
                "expression": "false",
                "messageExpression": "'not here: ' + (object == null ? '' : object.spec.envVar + \
                                      ' ' + object.spec.?sealed.orValue(''))",
            }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding", "metadata": { "name": namespace },
        "spec": { "policyName": namespace, "validationActions": ["Deny"] },
    });
    for object in [&policy, &binding] {
        account.apply(object);
    }
    let probe = secret("PROBE_TOKEN", "probe");
    eventually("the policy refuses", async || {
        let tried = account.kubectl(&["create", "--dry-run=server", "-f", "-"], &probe);
        (!tried.ok && tried.stderr.contains("not here: ")).then_some(())
    })
    .await;
}

/// Something that should be a public key, where the operator's namespace is said to be.
pub(crate) fn key(account: &Account<'_>, text: &str) {
    account.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "kliv-secrets-sealing-key" }, "data": { "sealing-key": text },
    }));
}

/// Where the program runs: nothing is there when it starts, and its kubeconfig has it start
/// a program that notes down what it was given.
struct Room {
    folder: tempfile::TempDir,
    files: PathBuf,
    kubeconfig: PathBuf,
    unreachable: PathBuf,
    completion: PathBuf,
}

/// Folders that must stay empty.
const FOLDERS: [&str; 3] = ["home", "tmp", "work"];

impl Room {
    fn new(account: &Account<'_>, given: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        for name in FOLDERS {
            fs::create_dir(path.join(name)).expect("a folder");
        }
        let completion = path.join("kubectl_complete-kliv");
        let program = env!("CARGO_BIN_EXE_kubectl-kliv");
        std::os::unix::fs::symlink(program, &completion).expect("a link");
        let files = path.join("files");
        write_files(&files, given);
        let (kubeconfig, unreachable) = write_kubeconfigs(account, &path);
        Self { folder, files, kubeconfig, unreachable, completion }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with these words, as they are.
    fn plain(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-kliv"));
        command.args(words).env("KUBECONFIG", &self.kubeconfig).current_dir(self.path("work"));
        command.env("HOME", self.path("home")).env("TMPDIR", self.path("tmp"));
        for variable in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "KUBERNETES_SERVICE_HOST"] {
            command.env_remove(variable);
        }
        command
    }

    /// The same with the value and files in their places.
    fn command(&self, verb: &str, words: &[&str], given: &str) -> Command {
        let mut all: Vec<String> = Vec::new();
        if words.first().is_none_or(|word| !verb.starts_with(word)) {
            all.extend(verb.split(' ').map(str::to_owned));
        }
        let files = format!("{}/", self.files.display());
        all.extend(words.iter().map(|word| match word.contains("@@") {
            true => word.replace("@@", given),
            false => word.replace('@', &files),
        }));
        self.plain(&all.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Whether it went well, and all that it said.
    fn run(&self, command: Command, reads: Reads, given: &str) -> (bool, String) {
        let stdin = match reads {
            Reads::Nothing => String::new(),
            Reads::Value => given.to_owned(),
            Reads::File(name) => {
                let bytes = fs::read(self.files.join(name)).expect("a file");
                String::from_utf8(bytes).expect("text")
            }
            Reads::Typed => {
                let mut terminal = Terminal::start(command, 80);
                if terminal.shows_or_ends("(hidden): ") {
                    terminal.types(&format!("{given}\r"));
                }
                let left = terminal.ends();
                return (left.code == 0, left.shown);
            }
        };
        let outcome = run(command, &stdin);
        (outcome.ok, outcome.stdout + &outcome.stderr)
    }

    /// What was noted down of the program and what it started, since it was asked last.
    fn started(&self) -> Vec<u8> {
        let log = self.path("started");
        let noted = fs::read(&log).unwrap_or_default();
        let _ = fs::remove_file(log);
        noted
    }

    /// What is in the folders that should be empty.
    fn left(&self) -> Vec<PathBuf> {
        let folders = FOLDERS.iter().map(|name| fs::read_dir(self.path(name)));
        let entries = folders.flat_map(|folder| folder.expect("a folder"));
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

/// Files that hold the value, and wrong ones.
fn write_files(folder: &Path, given: &str) {
    fs::create_dir(folder).expect("a folder");
    fs::create_dir(folder.join("folder")).expect("a folder");
    let quoted = Value::from(given).to_string();
    let long = given.repeat(1200);
    let manifest = json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": { "name": "a-token" }, "spec": { "envVar": "A_TOKEN", "value": given },
    });
    let anchor = json!({ "sequence": 1, "hash": given, "account": given });
    for (name, text) in [
        ("value", format!("{given}\n")),
        ("pem", format!("-----BEGIN KEY-----\n{given}\n-----END KEY-----\n")),
        ("large", long.clone()),
        ("zero", format!("{given}\0")),
        ("some.env", format!("FILE_A='{given}'\nexport FILE_B={quoted} # {given}\n")),
        ("some.json", format!("{{\"FILE_C\": {quoted}}}")),
        ("some.yaml", format!("# {given}\nFILE_D: {quoted}\nFILE_E: |\n  {given}\n")),
        ("broken.env", format!("FILE_A='{given}\n{given}\nFILE_B=\"{given}\n")),
        ("broken.json", format!("{{\"FILE_A\": {quoted}, \"FILE_B\": [{quoted}], {given}")),
        ("broken.yaml", format!("FILE_A: {quoted}\n\t{given}: [{given}\n - {given}")),
        ("clash.env", format!("a_token='{given}'\n")),
        ("large.env", format!("FILE_A='{long}'\n")),
        ("manifest.yaml", manifest.to_string()),
        ("anchor", anchor.to_string() + "\n"),
    ] {
        fs::write(folder.join(name), text).expect("a file");
    }
    let latin1 = [given.as_bytes(), b"\xe5\n"].concat();
    fs::write(folder.join("latin1"), latin1).expect("a file");
}

/// One whose user is told by a program, and one where nobody answers.
fn write_kubeconfigs(account: &Account<'_>, folder: &Path) -> (PathBuf, PathBuf) {
    let view = ["config", "view", "--raw", "--minify", "--flatten", "-o", "json"];
    let config = account.cluster.kubectl(&view).success();
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    let user = config["users"][0]["user"].clone();
    let pem = |field: &str| {
        let text = user[field].as_str().expect("a certificate");
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
        String::from_utf8(bytes).expect("PEM")
    };
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {
            "clientCertificateData": pem("client-certificate-data"),
            "clientKeyData": pem("client-key-data"),
        },
    });
    let (answer, log) = (folder.join("answer.json"), folder.join("started"));
    fs::write(&answer, credential.to_string()).expect("a file");
    let script = format!(
        "cat /proc/$PPID/cmdline /proc/$PPID/environ /proc/$$/cmdline /proc/$$/environ >> '{}'\n\
         exec cat '{}'\n",
        log.display(),
        answer.display()
    );
    config["users"][0]["user"] = json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
        "command": "sh", "args": ["-c", script],
    } });
    let (kubeconfig, unreachable) = (folder.join("kubeconfig"), folder.join("unreachable"));
    fs::write(&kubeconfig, config.to_string()).expect("a file");
    config["clusters"][0]["cluster"]["server"] = json!("https://127.0.0.1:9");
    fs::write(&unreachable, config.to_string()).expect("a file");
    (kubeconfig, unreachable)
}

/// A value like no other, of one line, with signs that formats escape.
pub(crate) fn canary(of: &str) -> String {
    let [a, b] = [0, 1].map(|part| hex(&Sha256::digest(format!("{of} {part}")))[..24].to_owned());
    format!("k{a}\"\\%<é \u{1f511}&{b}")
}

/// Looks for values: whole, in part, and as formats write them. A part is longer than what
/// a mask shows.
pub(crate) struct Search(AhoCorasick);

impl Search {
    pub(crate) fn of(values: &[String]) -> Self {
        const PART: usize = 12;
        // Bytes as numbers take more room.
        const NUMBERS: usize = 30;
        let mut parts = Vec::new();
        for value in values {
            let json = Value::from(value.as_str()).to_string();
            let twice = Value::from(json.as_str()).to_string();
            let mut forms = vec![value.clone(), json, twice, percent(value), format!("{value:?}")];
            forms.extend([hex(value.as_bytes()), hex(value.as_bytes()).to_ascii_uppercase()]);
            for skip in 0..3 {
                let whole = &value.as_bytes()[skip..];
                forms.extend([STANDARD_NO_PAD.encode(whole), URL_SAFE_NO_PAD.encode(whole)]);
            }
            let numbers = format!("{:?}", value.as_bytes());
            parts.extend(numbers.as_bytes().windows(NUMBERS).map(<[u8]>::to_vec));
            for form in forms {
                parts.extend(form.as_bytes().windows(PART).map(<[u8]>::to_vec));
            }
        }
        Self(AhoCorasick::new(parts).expect("a search"))
    }

    /// Where something was found.
    pub(crate) fn find(&self, text: &[u8]) -> Option<String> {
        let found = self.0.find(text)?;
        let around = found.start().saturating_sub(40)..(found.end() + 40).min(text.len());
        Some(String::from_utf8_lossy(&text[around]).into_owned())
    }
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte.is_ascii_alphanumeric() {
            true => all.push(char::from(byte)),
            false => write!(all, "%{byte:02X}").expect("writes to a String"),
        }
        all
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writes to a String");
        text
    })
}
