//! `seal --check`: what manifests hold that is not sealed.

use kliv_secrets::account::unsealed::{Looked, What, look};
use proptest::prelude::*;

const SEALED: &str = "kliv1.654c2abc286273b752fdeee03388e0f2.";

fn sealed() -> String {
    format!("{SEALED}{}", "A".repeat(152))
}

fn found(text: &str) -> Vec<(usize, String, What)> {
    let Looked { unsealed, unreadable, .. } = look(text.as_bytes());
    assert!(!unreadable, "{text}");
    unsealed.into_iter().map(|u| (u.document, u.object, u.what)).collect()
}

/// A KlivSecret as a line of YAML that is JSON too.
fn secret(name: &str, spec: &str) -> String {
    format!(
        r#"{{"apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret", "metadata": {{"name": "{name}"}}, "spec": {{"envVar": "A1", {spec}}}}}"#
    )
}

fn value(name: &str) -> String {
    secret(name, r#""value": "canary""#)
}

#[test]
fn a_value_is_found_wherever_the_object_stands() {
    let (a, b) = (value("a"), value("b"));
    let good = secret("good", &format!(r#""sealed": "{}""#, sealed()));
    let is = |name: &str, document| vec![(document, name.to_owned(), What::Value)];
    assert_eq!(found(&a), is("a", 1));
    assert_eq!(found(&good), []);
    assert_eq!(found(&format!("{good}\n---\n{good}\n--- # x\n{a}\n...\n")), is("a", 3));
    assert_eq!(found(&format!("{good}\n{a}")), is("a", 2), "JSON after JSON");
    assert_eq!(found(&format!("[{good}, {a}]")), is("a", 1));
    let list = |item: &str| format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{item}]}}"#);
    assert_eq!(found(&list(&a)), is("a", 1));
    assert_eq!(found(&format!("x: y\nobjects:\n- {good}\n- inner: {b}\n")), is("b", 1));
    let block = "kind: KlivSecret\nmetadata: {name: a}\napiVersion: secrets.kliv.dev/v1\nspec:\n  \
                 envVar: A\n  value: |\n    canary\n";
    assert_eq!(found(block), is("a", 1));
    assert_eq!(found(&block.replace("|\n    canary", "1234")), is("a", 1));
    assert_eq!(found(&block.replace("|\n    canary", "\n    a: canary")), is("a", 1));
}

#[test]
fn a_value_is_found_behind_anchors_and_merges() {
    let head = "apiVersion: secrets.kliv.dev/v1alpha1\nkind: KlivSecret\nmetadata: {name: a}\n";
    for text in [
        format!("spec: *spec\n{head}").replace("*spec", "&spec {value: canary}"),
        format!("x: &spec {{value: canary}}\ny:\n  {}spec: *spec\n", head.replace('\n', "\n  ")),
        format!("x: &v canary\ny:\n  {}spec: {{value: *v}}\n", head.replace('\n', "\n  ")),
        format!("x: &s {{value: canary}}\ny:\n  {}spec:\n    <<: *s\n", head.replace('\n', "\n  ")),
        format!("x: &s {{value: c}}\ny:\n  {}spec: {{<<: [*s]}}\n", head.replace('\n', "\n  ")),
        format!(
            "x: &all\n  {}\ny:\n  <<: *all\n  spec: {{value: c}}\n",
            head.replace('\n', "\n  ")
        ),
    ] {
        assert!(found(&text).iter().any(|(_, _, what)| *what == What::Value), "{text}");
    }
}

#[test]
fn a_plain_text_in_the_place_of_the_sealed_one_is_found() {
    for text in ["canary", "kliv1.canary", "kliv1.654c2abc286273b752fdeee03388e0f2.AA"] {
        let text = secret("a", &format!(r#""sealed": "{text}""#));
        assert_eq!(found(&text), [(1, "a".into(), What::Sealed)]);
    }
    for fine in [r#""sealed": """#, r#""sealed": null"#, r#""value": null"#, r#""value": """#] {
        assert_eq!(found(&secret("a", fine)), [], "{fine}");
    }
}

#[test]
fn a_manifest_kept_in_an_annotation_is_found() {
    let text = format!(
        "apiVersion: secrets.kliv.dev/v1alpha1\nkind: KlivSecret\nmetadata:\n  name: a\n  \
         annotations:\n    some/tool: '{{\"spec\": {{\"value\": \"canary\"}}}}'\nspec: {{sealed: {}}}\n",
        sealed()
    );
    assert_eq!(found(&text), [(1, "a".into(), What::Annotation)]);
}

#[test]
fn a_value_is_found_in_a_text_that_is_a_manifest() {
    let inner = value("a").replace('\'', "");
    let is = |what| vec![(1, "a".to_owned(), what)];
    for text in [
        format!("kind: ConfigMap\ndata:\n  a.yaml: '{inner}'\n"),
        format!("kind: Application\nspec:\n  helm:\n    values: |\n      extra: [{inner}]\n"),
        format!("kind: Kustomization\npatches:\n- patch: |-\n    {inner}\n"),
        format!("a: '{}'", serde_json::json!({ "b": format!("c: {inner}") })),
    ] {
        assert_eq!(found(&text), is(What::Value), "{text}");
    }
    let script =
        "data:\n  a.sh: |\n    kubectl apply -f - <<END\n    kind: KlivSecret\n    x: y: z\n";
    assert_eq!(found(script), [(1, "without a name".to_owned(), What::Text)]);
    assert_eq!(found("a: |\n  words: about: a KlivSecret\n"), [], "words, no manifest");
}

#[test]
fn a_value_is_found_in_a_patch() {
    let is = |name: &str, what| vec![(1, name.to_owned(), what)];
    let step = "- {op: add, path: /spec/value, value: canary}\n";
    assert_eq!(found(step), is("without a name", What::Patch), "a file of its own");
    let whole = "[{\"op\": \"replace\", \"path\": \"/spec\", \"value\": {\"envVar\": \"A\", \"value\": 1}}]";
    assert_eq!(found(whole), is("without a name", What::Patch));
    let patches = |target: &str, patch: &str| {
        format!("patches:\n- target: {{{target}}}\n  patch: |-\n    {patch}\n")
    };
    let ours = "kind: KlivSecret, name: a";
    assert_eq!(found(&patches(ours, step)), is("a", What::Patch));
    assert_eq!(found(&patches("name: a", step)), is("a", What::Patch));
    assert_eq!(found(&patches("kind: Claim, name: a", step)), [], "of another kind");
    assert_eq!(found(&patches(ours, "spec: {value: canary}")), is("a", What::Value));
    assert_eq!(found("- {op: add, path: /spec/value, value: ''}\n"), []);
    assert_eq!(found("- {op: add, path: /spec/sealed, value: kliv1.x}\n"), []);
}

#[test]
fn our_kind_counts_where_its_group_is_not_written() {
    for version in ["", "apiVersion: '{{ .Values.group }}/v1'\n", "apiVersion: {{ .Values.v }}\n"] {
        let text =
            format!("{version}kind: KlivSecret\nmetadata: {{name: a}}\nspec: {{value: c}}\n");
        assert_eq!(found(&text), [(1, "a".to_owned(), What::Value)], "{version}");
    }
    let look = look(b"names: {kind: KlivSecret}\nspec: {value: x}\n");
    assert_eq!((look.secrets, look.unsealed.len()), (0, 0), "a CRD or a role");
}

#[test]
fn no_encoding_hides_a_value() {
    let text = value("a");
    let sixteen = |order: fn(u16) -> [u8; 2]| {
        let text = format!("\u{feff}{text}");
        text.encode_utf16().flat_map(order).collect::<Vec<_>>()
    };
    for text in [sixteen(u16::to_le_bytes), sixteen(u16::to_be_bytes)] {
        assert_eq!(look(&text).unsealed.len(), 1);
    }
    assert_eq!(found(&text.replace("KlivS", "Kliv\\u0053")).len(), 1);
    let step = r#"[{"op": "add", "path": "\/spec\/value", "value": "canary"}]"#;
    assert_eq!(found(step).len(), 1);
}

#[test]
fn other_kinds_are_none_of_its_business() {
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: KlivSecret}\nspec: {value: x}\n";
    assert_eq!(found(other), []);
    let other = value("a").replace("secrets.kliv.dev/", "example.com/");
    assert_eq!(found(&other), []);
    assert_eq!(look(value("a").as_bytes()).secrets, 1);
}

#[test]
fn an_object_is_named_even_without_a_name() {
    let text = value("a").replace(r#""name": "a""#, "");
    assert_eq!(found(&text)[0].1, "A1");
    let text = text.replace("A1", "can ary");
    assert_eq!(found(&text)[0].1, "without a name");
}

#[test]
fn what_names_our_kind_and_can_t_be_read_is_told() {
    for text in [
        "kind: KlivSecret\nspec: {{ .Values.spec }}x: [",
        "{\"kind\": \"KlivSecret\"",
        "kind: KlivSecret\na: *b\n",
    ] {
        assert!(look(text.as_bytes()).unreadable, "{text}");
    }
    assert!(look(b"KlivSecret \xff").unreadable);
    assert!(!look(b"a: {{ .Values }} [").unreadable, "not ours");
    assert!(!look(b"\xff\xfe").unreadable);
}

#[test]
fn a_thousand_laughs_take_no_time() {
    let mut text = "x0: &x0 [KlivSecret]\n".to_owned();
    for i in 1..60 {
        text += &format!("x{i}: &x{i} [*x{0}, *x{0}, *x{0}]\n", i - 1);
    }
    assert_eq!(found(&text), []);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in prop::collection::vec(prop_oneof![
        Just("kind: KlivSecret\n".to_owned()), Just("apiVersion: secrets.kliv.dev/v1\n".into()),
        Just("spec: ".into()), Just("value: ".into()), Just("&a ".into()), Just("*a ".into()),
        Just("<<: ".into()), Just("{".into()), Just("}".into()), Just("[".into()), Just("]".into()),
        Just("---\n".into()), Just("- ".into()), Just("  ".into()), Just("? ".into()), ".{0,3}",
    ], 0..30)) {
        let _ = look(format!("# KlivSecret\n{}", text.concat()).as_bytes());
        let _ = look(format!("{{\"KlivSecret\":{}", text.concat()).as_bytes());
    }
}
