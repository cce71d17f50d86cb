//! Files for import: what is read from them, and that nothing of a value is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kliv_secrets::account::bundle::{self, Bundle, Fault, Format, Note};
use kliv_secrets::seal::{self, MAX_VALUE};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::seal_support::bytes;

#[path = "../../fuzz/src/files.rs"]
#[expect(unreachable_pub, reason = "public in the fuzz target's own crate")]
#[expect(dead_code, reason = "the fuzz target's own way in")]
mod files;
use files::FORMATS;

fn read(format: Format, text: &str) -> Bundle {
    Bundle::read(format, text.as_bytes())
}

/// Names, values and lines of what was read.
fn entries(bundle: &Bundle) -> Vec<(String, String, usize)> {
    let value = |value| String::from_utf8(bytes(value).to_vec()).expect("text");
    bundle.entries.iter().map(|e| (e.name.clone(), value(&e.value), e.line)).collect()
}

/// Lines, names and faults of what was not.
fn invalid(bundle: &Bundle) -> Vec<(usize, Option<&str>, Fault)> {
    bundle.invalid.iter().map(|i| (i.line, i.name.as_deref(), i.fault)).collect()
}

/// The only value of a text.
fn only(format: Format, text: &str) -> Result<String, Fault> {
    let bundle = read(format, text);
    match (entries(&bundle).as_slice(), bundle.invalid.as_slice()) {
        ([(_, value, _)], []) => Ok(value.clone()),
        ([], [invalid]) => Err(invalid.fault),
        (entries, invalid) => panic!("{text:?}: {entries:?} {invalid:?}"),
    }
}

#[test]
fn each_row_of_the_table_of_dialects_is_so() {
    let plain = |cell: &str| {
        let cell = cell.trim();
        let shown = match cell.strip_prefix("``").and_then(|cell| cell.strip_suffix("``")) {
            Some(shown) => Some(shown.trim()),
            None => cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')),
        };
        let sign = |text: &str| {
            text.replace('⏎', "\n")
                .replace('␍', "\r")
                .replace('⇥', "\t")
                .replace("<BOM>", "\u{feff}")
                .replace("<NBSP>", "\u{a0}")
        };
        shown.map(sign).ok_or_else(|| cell.to_owned())
    };
    let page = include_str!("../../docs/env-files.md");
    let mut rows = 0;
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').collect();
        let (file, ours) = (plain(cells[0]).expect("a file"), plain(cells[4]));
        match (only(Format::Dotenv, &file), ours) {
            (Ok(value), Ok(ours)) => assert_eq!(value, ours, "{file:?}"),
            (Err(fault), Err(words)) => {
                assert!(fault.to_string().starts_with(&words), "{file:?}: {fault}");
            }
            (Ok(_), Err(words)) => panic!("{file:?} was read and not refused: {words}"),
            (Err(fault), Ok(_)) => panic!("{file:?} was refused: {fault}"),
        }
        rows += 1;
    }
    assert!(rows > 40, "{rows}");
}

#[test]
fn lines_are_those_of_the_file() {
    let text = "# one\n\nA1='x\ny'\nnothing\r\nB1=2\nC1=\"\n\n\" # c\nD1\nE1=5";
    let bundle = read(Format::Dotenv, text);
    let expected = [("A1", "x\ny", 3), ("B1", "2", 6), ("C1", "\n\n", 7), ("E1", "5", 11)];
    assert_eq!(entries(&bundle), expected.map(|(n, v, l)| (n.into(), v.into(), l)));
    assert_eq!(invalid(&bundle), [(5, None, Fault::NoEquals), (10, None, Fault::NoEquals)]);

    let bundle = read(Format::Json, "{\n \"A1\": \"x\",\n \"B1\":\n  2,\n \"C1\": \"y\"}");
    assert_eq!(
        entries(&bundle),
        [("A1", 2), ("C1", 5)]
            .map(|(n, l)| { (n.into(), if l == 2 { "x".into() } else { "y".into() }, l) })
    );
    assert_eq!(invalid(&bundle), [(4, Some("B1"), Fault::Unquoted)]);

    let bundle = read(Format::Yaml, "# c\nA1: x\n\nB1:\n - 1\nC1: z\n");
    let lines: Vec<_> = bundle.entries.iter().map(|entry| entry.line).collect();
    assert_eq!(lines, [2, 6]);
    assert_eq!(invalid(&bundle), [(4, Some("B1"), Fault::Nested)]);
}

#[test]
fn what_is_no_text_in_every_yaml_is_refused_until_it_is_quoted() {
    for plain in [
        "1",
        "-1",
        "+1",
        "0123",
        "0x1F",
        "0o17",
        "0b11",
        "1_000",
        "1.5",
        ".5",
        "1.",
        "1e3",
        "12e34",
        "1:30",
        "1:30:00",
        ".inf",
        "-.INF",
        ".nan",
        "true",
        "False",
        "yes",
        "NO",
        "on",
        "off",
        "y",
        "2026-01-01",
        "2026-01-01T10:00:00Z",
    ] {
        let text = |value: &str| only(Format::Yaml, &format!("A1: {value}\n"));
        assert_eq!(text(plain), Err(Fault::Unquoted), "{plain}");
        assert_eq!(text(&format!("'{plain}'")), Ok(plain.to_owned()));
        assert_eq!(text(&format!("!!str {plain}")), Ok(plain.to_owned()));
    }
    for plain in [
        "10.0.0.1",
        "deadbeef",
        "12ab34",
        "0xyz",
        "sk-1",
        "a:b",
        "1-2-3",
        "yesterday",
        "v1.2",
        "1a",
    ] {
        assert_eq!(only(Format::Yaml, &format!("A1: {plain}\n")), Ok(plain.to_owned()));
    }
    for plain in ["", "~", "null", "''", "\"\""] {
        assert_eq!(only(Format::Yaml, &format!("A1: {plain}\n")), Err(Fault::Empty), "{plain}");
    }
}

#[test]
fn what_is_no_text_in_json_is_refused() {
    for (value, fault) in [
        ("1", Fault::Unquoted),
        ("-1.5e3", Fault::Unquoted),
        ("true", Fault::Unquoted),
        ("false", Fault::Unquoted),
        ("null", Fault::Empty),
        ("\"\"", Fault::Empty),
        ("{\"B\": \"x\"}", Fault::Nested),
        ("[]", Fault::Nested),
        (r#""\ud800""#, Fault::NotJson),
        (r#""\ud800\u0041""#, Fault::NotJson),
        (r#""\udc00""#, Fault::NotJson),
        (r#""\ud800x""#, Fault::NotJson),
        (r#""a\u0000""#, Fault::Nul),
    ] {
        assert_eq!(only(Format::Json, &format!("{{\"A1\": {value}}}")), Err(fault), "{value}");
    }
}

#[test]
fn a_file_that_is_something_else_is_told_as_a_whole() {
    for (format, text, line, fault) in [
        (Format::Json, "[\"x\"]", 1, Fault::NotMap),
        (Format::Json, "{\n\"A1\": \"x\",\n}", 3, Fault::NotJson),
        (Format::Json, "{}{}", 1, Fault::NotJson),
        (Format::Json, "", 1, Fault::NotJson),
        (Format::Yaml, "- x\n", 1, Fault::NotMap),
        (Format::Yaml, "x\n", 1, Fault::NotMap),
        (Format::Yaml, "A1: 'x\n", 1, Fault::NotYaml),
    ] {
        assert_eq!(invalid(&read(format, text)), [(line, None, fault)], "{text:?}");
    }
    for format in FORMATS {
        let utf16 = Bundle::read(format, b"\xff\xfeA\0=\x001\0");
        assert_eq!(invalid(&utf16), [(1, None, Fault::Utf16)]);
        let latin1 = Bundle::read(format, b"A1=1\nB1=\xe5\n");
        assert_eq!(invalid(&latin1), [(2, None, Fault::NotUtf8)]);
    }
    let documents = read(Format::Yaml, "A1: x\n---\nB1: y\n");
    assert_eq!(invalid(&documents), [(2, None, Fault::Documents)]);
    assert!(read(Format::Yaml, "# nothing\n").invalid.is_empty());
}

#[test]
fn yaml_that_points_elsewhere_is_refused() {
    let bundle =
        read(Format::Yaml, "A1: &a x\nB1: *a\n<<: *a\nC1: !!int 1\nD1: !x y\n? [z]\n: w\n");
    assert_eq!(entries(&bundle), [("A1".into(), "x".into(), 1)]);
    assert_eq!(
        invalid(&bundle),
        [
            (2, Some("B1"), Fault::Alias),
            (3, None, Fault::Alias),
            (4, Some("C1"), Fault::Tag),
            (5, Some("D1"), Fault::Tag),
            (6, None, Fault::Name),
        ]
    );
}

#[test]
fn of_two_for_one_secret_neither_is_taken() {
    for (format, text) in [
        (Format::Dotenv, "A_1=x\nB1=y\na_1=z\n"),
        (Format::Json, "{\"A_1\": \"x\",\n\"B1\": \"y\",\n\"a_1\": \"z\"}"),
        (Format::Yaml, "A_1: x\nB1: 'y'\na_1: z\n"),
    ] {
        let bundle = read(format, text);
        assert_eq!(entries(&bundle), [("B1".into(), "y".into(), 2)]);
        assert_eq!(invalid(&bundle), [(3, Some("a_1"), Fault::Twice(1))]);
    }
}

#[test]
fn values_and_names_that_no_secret_may_have_are_refused() {
    let sealed = format!("kliv1.654c2abc286273b752fdeee03388e0f2.{}", "A".repeat(152));
    for (text, name, fault) in [
        ("PATH=x", Some("PATH"), Fault::Reserved),
        ("ld_preload=x", Some("ld_preload"), Fault::Reserved),
        ("my-key=x", None, Fault::Name),
        ("=x", None, Fault::Name),
        ("A_=x", None, Fault::Name),
        ("A1=''", Some("A1"), Fault::Empty),
        (&format!("A1={sealed}"), Some("A1"), Fault::Sealed),
        (&format!("A1={}", "x".repeat(MAX_VALUE + 1)), Some("A1"), Fault::TooLarge),
        ("A1='\0'", Some("A1"), Fault::Nul),
        ("A1=a\u{1b}b", Some("A1"), Fault::Control),
    ] {
        assert_eq!(invalid(&read(Format::Dotenv, text)), [(1, name, fault)], "{text:.20}");
    }
    let most = format!("A1={}", "x".repeat(MAX_VALUE));
    assert_eq!(read(Format::Dotenv, &most).entries.len(), 1);
}

#[test]
fn a_name_that_may_be_a_piece_of_a_key_is_not_told() {
    let bundle = read(Format::Dotenv, "KEY=abcd\nefgh\nijkl=\nmnop==\n");
    let told: Vec<_> = bundle.invalid.iter().map(|i| (i.line, i.name.clone())).collect();
    assert_eq!(told, [(2, None), (3, None), (4, None)]);
    let pem = "A1=-----BEGIN KEY-----\nabcd\nefgh=\n-----END KEY-----\nB1=x\n";
    let bundle = read(Format::Dotenv, pem);
    assert_eq!(invalid(&bundle), [(1, Some("A1"), Fault::Pem)]);
    assert_eq!(entries(&bundle), [("B1".into(), "x".into(), 5)]);
}

#[test]
fn a_dollar_that_other_programs_would_follow_is_noted() {
    for (text, noted) in [
        ("A1=$B", true),
        ("A1=x${B}", true),
        ("A1=\"$(id)\"", true),
        ("A1=$1", true),
        ("A1=x$$", true),
        ("A1=\"x$$-y\"", true),
        ("A1='$B'", false),
        ("A1=\"\\$B\"", false),
        ("A1=cost$", false),
        ("A1=a$-b", false),
    ] {
        let note = read(Format::Dotenv, text).entries[0].note;
        assert_eq!(note, noted.then_some(Note::Dollar), "{text}");
    }
}

#[test]
fn the_format_is_told_by_the_name_else_by_the_first_sign() {
    for (path, text, format) in [
        (Some("a.json"), "", Format::Json),
        (Some("a.YML"), "", Format::Yaml),
        (Some("a.yaml"), "{", Format::Yaml),
        (Some(".env"), "A=1", Format::Dotenv),
        (Some("production.env"), "{", Format::Dotenv),
        (Some(".env.production"), "A=1", Format::Dotenv),
        (None, " \n{\"A\"", Format::Json),
        (None, "A=1", Format::Dotenv),
    ] {
        assert_eq!(Format::of(path.map(Path::new), text.as_bytes()), format, "{path:?}");
    }
}

fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/env-corpus");
    let files = std::fs::read_dir(folder).expect("a corpus");
    let mut files: Vec<_> = files.map(|file| file.expect("an entry").path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect()
}

/// What holds for every file; and what is told of ours holds no value.
fn check(format: Format, text: &[u8]) -> Bundle {
    let bundle = files::check(format, text);
    for invalid in &bundle.invalid {
        let told = format!("{invalid:?} {}", invalid.fault);
        assert!(!told.contains("canary"), "{told}");
    }
    bundle
}

#[test]
fn what_fuzzing_started_from_holds() {
    let (mut read, mut refused) = (0, 0);
    for (path, text) in corpus() {
        for format in FORMATS {
            check(format, &text);
        }
        let bundle = check(Format::of(Some(&path), &text), &text);
        read += bundle.entries.len();
        refused += bundle.invalid.len();
    }
    assert!(read > 40 && refused > 40, "{read} {refused}");
}

fn variable() -> impl Strategy<Value = String> {
    "[A-Z][A-Z0-9_]{0,10}[A-Z0-9]"
        .prop_filter("reserved", |name| kliv_secrets::api::check_env_var(name).is_ok())
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{1,30}",
        "[a-z '\"\\\\$#=`\n\t{}:-]{1,20}",
        "\\PC{1,20}",
        "(0|1|-|\\.|e|x|_|:){1,6}",
    ]
}

/// A line of `.env` that means this value.
fn assignment(name: &str, value: &str, style: u8) -> String {
    let bare = value.trim() == value
        && !value.contains(['#', '\n', '\r'])
        && !value.starts_with(['\'', '"', '`'])
        && !value.starts_with("-----BEGIN ")
        && !value.trim_start_matches('=').is_empty()
        && value.chars().all(|c| !c.is_control());
    match style % 3 {
        0 if bare => format!("export {name} = {value} # comment"),
        1 if !value.contains('\'') && !value.ends_with('\\') => format!("{name}='{value}'"),
        _ => {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
            format!("{name}=\"{escaped}\" # comment")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_values_come_back_from_an_env_file(
        values in btree_map(variable(), (value(), any::<u8>()), 0..8), crlf in any::<bool>(),
    ) {
        let (mut text, mut expected) = (String::new(), Vec::new());
        for (name, (value, style)) in &values {
            text += "# comment\n";
            let line = 1 + text.matches('\n').count();
            text += &assignment(name, value, *style);
            text += "\n";
            expected.push((name.clone(), value.clone(), line));
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        let bundle = read(Format::Dotenv, &text);
        prop_assert_eq!(invalid(&bundle), []);
        prop_assert_eq!(entries(&bundle), expected);
    }

    #[test]
    fn any_values_come_back_from_json(
        values in btree_map(variable(), any::<String>().prop_map(|v| v.replace('\0', "") + "x"), 0..8),
        pretty in any::<bool>(), ascii in any::<bool>(),
    ) {
        let json = if pretty { serde_json::to_string_pretty(&values) } else { serde_json::to_string(&values) };
        let mut json = json.expect("JSON");
        if ascii {
            json = json.chars().map(|c| if c.is_ascii() { c.to_string() } else {
                c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
            }).collect();
        }
        let bundle = read(Format::Json, &json);
        prop_assert_eq!(invalid(&bundle), []);
        let read: BTreeMap<_, _> = entries(&bundle).into_iter().map(|(n, v, _)| (n, v)).collect();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn any_values_come_back_from_yaml(values in btree_map(variable(), value(), 0..8)) {
        let quoted = |value: &String| serde_json::to_string(value).expect("JSON");
        let lines = values.iter().map(|(name, value)| format!("{name}: {}\n", quoted(value)));
        let yaml: String = lines.collect();
        let bundle = read(Format::Yaml, &yaml);
        prop_assert_eq!(invalid(&bundle), []);
        let read: BTreeMap<_, _> = entries(&bundle).into_iter().map(|(n, v, _)| (n, v)).collect();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in vec(prop_oneof![
        Just("A1".to_owned()), Just("=".into()), Just("\n".into()), Just("'".into()), Just("\"".into()),
        Just("\\".into()), Just("#".into()), Just("$".into()), Just(": ".into()), Just("- ".into()),
        Just("{".into()), Just("}".into()), Just("[".into()), Just(",".into()), Just("&a ".into()),
        Just("*a".into()), Just("---\n".into()), Just("| \n".into()), Just("export ".into()),
        Just("-----BEGIN ".into()), Just("-----END ".into()), Just("\\ud800".into()), ".{0,3}",
    ], 0..40)) {
        for format in FORMATS {
            check(format, text.concat().as_bytes());
        }
    }

    #[test]
    fn a_changed_file_tells_no_value(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), put in vec(any::<u8>(), 0..3), cut in 0..4usize,
    ) {
        let files = corpus();
        let (_, mut text) = files[which.index(files.len())].clone();
        // Not inside of the word that is looked for.
        let at = at.index(text.len() + 1);
        let end = (at + cut).min(text.len());
        text.splice(at..end, put);
        for format in FORMATS {
            let bundle = Bundle::read(format, &text);
            for invalid in &bundle.invalid {
                prop_assert!(invalid.name.as_ref().is_none_or(|name| name.len() < 14));
            }
        }
    }
}
