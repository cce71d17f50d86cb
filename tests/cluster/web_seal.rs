//! The script of the web page and the vault agree: what one seals the other opens, and both
//! say the same of names, values and `.env` files. Needs Node and Chromium, and no cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::jiff::Timestamp;
use kliv_secrets::account::Target;
use kliv_secrets::account::bundle::{Bundle, Format};
use kliv_secrets::admission::warnings;
use kliv_secrets::api::{Mode, fits, object_name, recognise};
use kliv_secrets::runtime::entropy;
use kliv_secrets::seal::{Binding, Keyring, MAX_VALUE, Plaintext, Sealed, seal};
use kliv_secrets::web::rules::{self, NameSays};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::harness::{journey, run};

/// So many values go each way.
const VALUES: usize = 1000;

/// One value and its place.
struct Case {
    account: String,
    variable: String,
    environment: Option<String>,
    value: String,
    sealed_at: i64,
}

impl Case {
    fn binding(&self) -> Binding<'_> {
        Binding {
            account: &self.account,
            variable: &self.variable,
            environment: self.environment.as_deref(),
        }
    }

    fn place(&self) -> Value {
        json!({
            "account": self.account, "variable": self.variable, "environment": self.environment,
        })
    }
}

#[tokio::test]
async fn what_the_script_seals_opens_in_the_vault() {
    for engine in [Engine::Node, Engine::Chromium] {
        opens_in_the_vault(engine).await;
    }
}

#[test]
fn the_script_keeps_to_the_formats_vectors_and_what_is_vendored_is_what_was_looked_at() {
    let mut command = Command::new("node");
    command.arg("--test").arg(root().join("tests/browser/unit"));
    let said = run(command, "").success();
    assert!(!said.contains("# pass 0"), "{said}");
}

async fn opens_in_the_vault(engine: Engine) {
    let (keyring, cases) = (keyring(), cases());
    let given: Vec<_> = cases
        .iter()
        .map(|case| {
            let mut given = case.place();
            given["value"] = json!(case.value);
            given["sealedAt"] = json!(case.sealed_at);
            given
        })
        .collect();
    let sealing_key = keyring.sealing_key().to_string();
    let job = json!({ "sealingKey": sealing_key, "cases": given });
    let texts = engine.asked("seal", &job).await;
    let texts: Vec<String> = serde_json::from_value(texts).expect("texts");
    assert_eq!(texts.len(), cases.len());
    for (case, text) in cases.iter().zip(&texts) {
        let sealed = Sealed::parse(text).expect("a sealed value");
        let opened = keyring.open(&sealed, &case.binding()).expect("opens where it belongs");
        assert!(opened.value.same_as(&plain(&case.value)), "another value");
        assert_eq!(opened.sealed_at.as_millisecond(), case.sealed_at);
        let elsewhere = Binding { account: "elsewhere", ..case.binding() };
        assert!(keyring.open(&sealed, &elsewhere).is_err(), "opens elsewhere");
    }
}

#[tokio::test]
async fn what_the_vault_seals_opens_in_the_script() {
    for engine in [Engine::Node, Engine::Chromium] {
        opens_in_the_script(engine).await;
    }
}

async fn opens_in_the_script(engine: Engine) {
    let (keyring, cases) = (keyring(), cases());
    let given: Vec<_> = cases
        .iter()
        .map(|case| {
            let at = Timestamp::from_millisecond(case.sealed_at).expect("a time");
            let rng = &mut entropy::system();
            let sealed = seal(keyring.sealing_key(), &case.binding(), &plain(&case.value), at, rng);
            let mut given = case.place();
            given["sealed"] = json!(sealed.expect("not too large").to_string());
            given
        })
        .collect();
    let lines = String::from_utf8(keyring.to_bytes().to_vec()).expect("text");
    let lines: Vec<_> = lines.lines().collect();
    let opened = engine.asked("open", &json!({ "keyring": lines, "cases": given })).await;
    let opened = opened.as_array().expect("a list");
    assert_eq!(opened.len(), cases.len());
    for (case, opened) in cases.iter().zip(opened) {
        assert!(opened["value"] == case.value, "another value");
        assert_eq!(opened["sealedAt"], case.sealed_at);
    }
}

#[test]
fn the_script_says_of_names_and_values_what_rust_says() {
    let names = sample(4000, name());
    let values = sample(4000, credential());
    let places = sample(4000, (name(), proptest::option::of(environment()), credential()));
    let job = json!({
        "tables": tables(), "names": names, "values": values,
        "places": places.iter().map(|(variable, environment, value)| {
            json!({ "variable": variable, "environment": environment, "value": value })
        }).collect::<Vec<_>>(),
    });
    let said = asked("say", &job);
    let mut seen = std::collections::BTreeSet::new();
    for (name, said) in names.iter().zip(said["names"].as_array().expect("a list")) {
        let code = NameSays::of(name).map(NameSays::code);
        seen.extend(code);
        assert_eq!(*said, json!(code), "{name:?}");
    }
    assert_eq!(seen.len(), NameSays::ALL.len(), "{seen:?}");
    let mut recognised = 0;
    for (value, said) in values.iter().zip(said["values"].as_array().expect("a list")) {
        let what = recognise(&plain(value)).map(|what| {
            let mode = match what.mode {
                Mode::Live => "live",
                Mode::Test => "test",
                Mode::Unknown => "",
            };
            json!({ "provider": what.provider, "kind": what.kind, "mode": mode })
        });
        recognised += usize::from(what.is_some());
        assert_eq!(said[0], json!(what), "{value:?}");
        assert_eq!(said[1], json!(fault_of(value)), "{value:?}");
    }
    assert!(recognised > 1000, "{recognised}");
    let mut misfits = 0;
    for ((variable, environment, value), said) in
        places.iter().zip(said["places"].as_array().expect("a list"))
    {
        let at = format!("{variable:?} {environment:?} {value:?}");
        let is_fit = recognise(&plain(value)).is_none_or(|what| fits(variable, what));
        misfits += usize::from(!is_fit);
        assert_eq!(said[0], is_fit, "{at}");
        assert_eq!(said[1], json!(oddities(variable, environment.as_deref(), value)), "{at}");
        assert_eq!(said[2], object_name(variable, environment.as_deref()), "{at}");
    }
    assert!(misfits > 200, "{misfits}");
}

#[test]
fn the_script_reads_env_files_as_rust_does() {
    let mut files: Vec<Vec<u8>> = corpus().map(|(_, content)| content).collect();
    assert!(files.len() > 40);
    files.extend(sample(4000, env_file()));
    let hex: Vec<String> = files.iter().map(|file| hex(file)).collect();
    let read = asked("dotenv", &json!({ "tables": tables(), "files": hex }));
    let mut faults = std::collections::BTreeSet::new();
    for (file, read) in files.iter().zip(read.as_array().expect("a list")) {
        let bundle = Bundle::read(Format::Dotenv, file);
        let ours = in_codes(&bundle);
        for invalid in ours["invalid"].as_array().expect("a list") {
            faults.insert(invalid["fault"].to_string());
        }
        assert_eq!(*read, ours, "{:?}", String::from_utf8_lossy(file));
    }
    // All that an .env file can have, but for those that are too large.
    assert!(faults.len() >= 17, "{faults:?}");
}

fn in_codes(bundle: &Bundle) -> Value {
    let entries: Vec<_> = bundle
        .entries
        .iter()
        .map(|entry| {
            let note = entry.note.map(|note| code(&format!("{note:?}")));
            json!({
                "name": entry.name, "line": entry.line, "value": text(&entry.value), "note": note,
            })
        })
        .collect();
    let invalid: Vec<_> = bundle
        .invalid
        .iter()
        .map(|invalid| {
            let name = format!("{:?}", invalid.fault);
            let mut told = json!({
                "line": invalid.line, "name": invalid.name,
                "fault": code(name.split('(').next().unwrap_or_default()),
            });
            if let Some(first) = name.strip_prefix("Twice(") {
                let first: usize = first.trim_end_matches(')').parse().expect("a line");
                told["first"] = json!(first);
            }
            told
        })
        .collect();
    json!({ "entries": entries, "invalid": invalid })
}

/// Why a value can't be one, as the reader of files says it.
fn fault_of(value: &str) -> Option<String> {
    let value = [("STRIPE_KEY".to_owned(), plain(value))];
    let bundle = Bundle::of_keys(value);
    bundle.invalid.first().map(|invalid| code(&format!("{:?}", invalid.fault)))
}

fn oddities(variable: &str, environment: Option<&str>, value: &str) -> Vec<&'static str> {
    let target = Target::new(variable.to_owned(), environment.map(str::to_owned));
    let told = warnings(&target.intent(), false, Some(&plain(value)));
    let code = |text: &String| {
        const CODES: [(&str, &str); 6] = [
            ("ends with a line break", "lineBreak"),
            ("begins or ends with white space", "whiteSpace"),
            ("give a test key", "liveKeyOutsideProduction"),
            ("give the live one", "testKeyInProduction"),
            ("looks like a placeholder", "placeholder"),
            ("quotation marks", "quoted"),
        ];
        CODES.iter().find(|(words, _)| text.contains(words)).expect("a code").1
    };
    told.iter().map(code).collect()
}

/// `NotUtf8` is `notUtf8` in the script.
fn code(name: &str) -> String {
    name[..1].to_ascii_lowercase() + &name[1..]
}

/// Whose WebCrypto it is.
#[derive(Clone, Copy)]
enum Engine {
    Node,
    Chromium,
}

impl Engine {
    async fn asked(self, kind: &str, job: &Value) -> Value {
        match self {
            Self::Node => asked(kind, job),
            Self::Chromium => journey("interop", &json!({ "kind": kind, "job": job })).await.result,
        }
    }
}

/// What Node answers.
fn asked(kind: &str, job: &Value) -> Value {
    let mut command = Command::new("node");
    command.arg(root().join("tests/browser/interop.mjs"));
    let answer = run(command, &json!({ "kind": kind, "job": job }).to_string()).success();
    serde_json::from_str(&answer).expect("JSON")
}

fn tables() -> Value {
    serde_json::from_str(&rules::json()).expect("JSON")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn corpus() -> impl Iterator<Item = (PathBuf, Vec<u8>)> {
    let folder = std::fs::read_dir(root().join("tests/env-corpus")).expect("a folder");
    folder.map(|file| {
        let path = file.expect("a file").path();
        let content = std::fs::read(&path).expect("readable");
        (path, content)
    })
}

fn keyring() -> Keyring {
    let now = Timestamp::from_second(1_796_000_000).expect("a time");
    Keyring::generate(now, &mut entropy::system())
}

fn plain(text: &str) -> Plaintext {
    Plaintext::new(text.as_bytes().to_vec())
}

#[expect(clippy::disallowed_methods, reason = "tests compare values")]
fn text(value: &Plaintext) -> &str {
    std::str::from_utf8(value.expose()).expect("text")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// So many, the same ones each time.
fn sample<S: Strategy>(count: usize, strategy: S) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    let one = |_| strategy.new_tree(&mut runner).expect("a value").current();
    (0..count).map(one).collect()
}

fn cases() -> Vec<Case> {
    let sealed_at = prop_oneof![
        0..4_000_000_000_000_i64,
        Just(-377_705_023_201_000),
        Just(253_402_207_200_000),
    ];
    let place = ("[a-z][a-z0-9-]{0,20}", any_text(1..40), proptest::option::of(any_text(0..40)));
    let all = sample(VALUES, (place, value(), sealed_at));
    let case = |((account, variable, environment), value, sealed_at)| Case {
        account,
        variable,
        environment,
        value,
        sealed_at,
    };
    all.into_iter().map(case).collect()
}

/// Text of all kinds.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ -~]{0,80}",
        3 => any_text(0..200),
        2 => vec(select(vec!["\n", "\r", "\r\n", "\0", "\t", "a", "å", "\u{2028}", "\u{feff}"]), 0..60)
            .prop_map(|parts| parts.concat()),
        2 => vec(proptest::char::range('\u{10000}', '\u{10ffff}'), 1..60)
            .prop_map(|all| all.into_iter().collect()),
        1 => select(vec![0_usize, 1, 51, 52, 53, 1012, 1013, 4096, MAX_VALUE - 1, MAX_VALUE])
            .prop_map(|length| "x".repeat(length)),
        1 => (0..MAX_VALUE / 4).prop_map(|length| "\u{1f511}".repeat(length)),
    ]
}

fn any_text(length: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    vec(any::<char>(), length).prop_map(|all| all.into_iter().collect())
}

/// Names, and what somebody could type in their place.
fn name() -> impl Strategy<Value = String> {
    let tables = tables();
    let texts =
        |list: &Value| -> Vec<String> { serde_json::from_value(list.clone()).expect("texts") };
    let mut words = texts(&tables["sayNothing"]);
    words.extend(texts(&tables["belongs"]["others"]));
    for row in tables["belongs"]["rows"].as_array().expect("a list") {
        words.extend(texts(&row["called"]));
        words.extend(texts(&row["usedFor"]));
    }
    words.extend(["ANALYTICS", "B2", "X", "7", ""].map(str::to_owned));
    let reserved = texts(&tables["reserved"]["names"]);
    let prefixes = texts(&tables["reserved"]["prefixes"]);
    let words = vec(select(words), 1..4).prop_map(|words| words.join("_"));
    let words = words.boxed();
    prop_oneof![
        6 => words.clone(),
        2 => words.clone().prop_map(|name| name.to_ascii_lowercase()),
        1 => select(reserved),
        1 => (select(prefixes), words.clone()).prop_map(|(prefix, rest)| prefix + &rest),
        1 => "[A-Za-z0-9_]{0,12}",
        1 => "[A-Z]{120,140}",
        1 => any_text(0..12),
        1 => words.prop_map(|name| name + "=s3cr3t"),
        1 => credential(),
    ]
}

/// Credentials of all kinds, and what only begins like one.
fn credential() -> BoxedStrategy<String> {
    let tables = tables();
    let begins: Vec<String> = tables["credentials"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["begins"].as_str().unwrap_or_default().to_owned())
        .collect();
    let mut odd: Vec<String> =
        serde_json::from_value(tables["placeholders"]["whole"].clone()).expect("texts");
    odd.extend(
        ["<key>", "${A_KEY}", "$A_KEY", "{{ x }}", "xxx", "****", "'x'", "\"x\"", "`x`", "İ", "Σ"]
            .map(str::to_owned),
    );
    let rest = prop_oneof![
        "[0-9a-fA-F]{32}",
        "[A-Z0-9]{16}",
        "[A-Za-z0-9]{0,50}",
        Just(" \"service_account\" }".to_owned()),
        Just("EC PRIVATE KEY-----\nx".to_owned()),
        Just("hbGciOi.eyJzdWIi.x".to_owned()),
        "[a-z \u{a0}]{0,40}",
    ];
    let begun = (select(begins), rest).prop_map(|(begins, rest)| begins + &rest).boxed();
    let space = select(vec!["", "", "", " ", "\n", "\r\n", "\u{85}", "\u{feff}", "\u{a0}", "\t"]);
    let inner = prop_oneof![
        6 => begun.clone(),
        2 => select(odd),
        1 => begun.prop_map(|text| text.replace("e", "YOUR-API-KEY")),
        1 => any_text(0..30),
        1 => Just("kliv1.654c2abc286273b752fdeee03388e0f2.".to_owned() + &"A".repeat(150)),
        1 => Just("kliv1.654c2abc286273b752fdeee03388e0f2.".to_owned() + &"A".repeat(160)),
        1 => Just("å".repeat(MAX_VALUE / 2 + 1)),
        1 => Just("a\0b".to_owned()),
    ];
    (space.clone(), inner, space).prop_map(|(a, text, b)| format!("{a}{text}{b}")).boxed()
}

fn environment() -> impl Strategy<Value = String> {
    let tables = tables();
    let mut words = vec!["blue".to_owned(), "eu".to_owned()];
    for list in ["production", "test", "not"] {
        let list = tables["environments"][list].clone();
        words.extend(serde_json::from_value::<Vec<String>>(list).expect("texts"));
    }
    let word = (select(words), select(vec!["", "2", "17"]));
    let word = word.prop_map(|(word, number)| word + number);
    vec(word, 1..3).prop_map(|words| words.join("-"))
}

/// Pieces of which `.env` files are made, put together without sense.
fn env_file() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = [
        "A1",
        "B_KEY",
        "a1",
        "PATH",
        "export ",
        "=",
        "=",
        "=",
        "'",
        "'",
        "\"",
        "\"",
        "\\",
        "\\n",
        "\\$",
        "\\\"",
        "\n",
        "\n",
        "\n",
        "\r\n",
        "\r",
        " ",
        " ",
        "\t",
        "#",
        "#",
        "$",
        "$B",
        "${B}",
        "$$",
        "x",
        "value",
        "-----BEGIN X-----",
        "-----END X-----",
        "`",
        "\0",
        "\u{1b}",
        "\u{85}",
        "\u{a0}",
        "\u{feff}",
        "å",
        "\u{1f511}",
        "A1=x\n",
        "B1='y'\n",
        "C1=\"z\"\n",
        "_",
        "kliv1.654c2abc286273b752fdeee03388e0f2.",
    ]
    .map(str::as_bytes)
    .to_vec();
    let whole = vec(select(pieces), 0..24).prop_map(|pieces| pieces.concat());
    let broken: Vec<&'static [u8]> =
        vec![b"\xff", b"\xc3", b"\xff\xfe", b"\xfe\xff", b"\xed\xa0\x80"];
    let whole = whole.boxed();
    let broken = (whole.clone(), select(broken), whole.clone())
        .prop_map(|(before, broken, after)| [&before, broken, &after].concat());
    prop_oneof![20 => whole, 1 => broken]
}
