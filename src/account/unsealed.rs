//! What manifests hold that is not sealed: for pre-commit and CI. Pure.
//!
//! Found in every document, list and map of a file, through anchors, aliases and merges, and
//! in texts that are manifests or patches themselves: Kustomize's `patch: |-`, an Argo
//! Application's `values: |`, a ConfigMap's files. A KlivSecret is told by its kind wherever
//! it stands, and by its group where that is written.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Document, Tree, documents};
use crate::api::is_well_formed;
use crate::api::names::GROUP;
use crate::seal::Sealed;

/// Something that is not sealed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsealed {
    /// Which document of the file, counted from 1.
    pub document: usize,
    /// The KlivSecret, as it calls itself: a text of whoever wrote the file.
    pub object: String,
    /// What is wrong.
    pub what: What,
}

/// What is not sealed, with the way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum What {
    /// `spec.value`.
    #[error("spec.value is not sealed")]
    Value,
    /// `spec.sealed` that isn't.
    #[error("spec.sealed is not a sealed value")]
    Sealed,
    /// A whole manifest in an annotation.
    #[error("an annotation holds \"value\"")]
    Annotation,
    /// A JSON patch that would write it.
    #[error("a patch holds the value for /spec/value")]
    Patch,
    /// A text in the file that names our kind.
    #[error("a text that holds it is neither YAML nor JSON, so nobody can say what is in it")]
    Text,
}

/// What was looked at.
#[derive(Default)]
pub struct Looked {
    /// How many KlivSecrets there were.
    pub secrets: usize,
    /// What they hold unsealed.
    pub unsealed: Vec<Unsealed>,
    /// It can't be read, and names our kind.
    pub unreadable: bool,
}

/// A manifest in a text in a text: nobody nests them deeper.
const DEEPEST: usize = 8;

/// Looks at a manifest, YAML or JSON.
#[must_use]
pub fn look(text: &[u8]) -> Looked {
    let mut looked = Looked::default();
    let text = decoded(text);
    if !is_worth_reading(&text) {
        return looked;
    }
    // kubectl takes no broken UTF-8 either.
    let is_broken = matches!(text, Cow::Owned(_)) && text.contains('\u{fffd}');
    match documents(&text).filter(|_| !is_broken) {
        Some(documents) => {
            for (at, document) in documents.iter().enumerate() {
                let mut search = Search { document: at + 1, looked: &mut looked };
                search.document(document, &Target::NONE, 0);
            }
        }
        None => looked.unreadable = text.contains(KIND),
    }
    looked
}

const KIND: &str = "KlivSecret";

/// PowerShell writes UTF-16, and kubectl reads it.
fn decoded(text: &[u8]) -> Cow<'_, str> {
    let unit = match text {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return String::from_utf8_lossy(text),
    };
    let units: Vec<u16> = text[2..].as_chunks().0.iter().map(|pair| unit(*pair)).collect();
    Cow::Owned(String::from_utf16_lossy(&units))
}

/// Whether one of ours can be in it: most files and texts have none, and are not parsed. With
/// an escape any word can be written otherwise.
fn is_worth_reading(text: &str) -> bool {
    let escapes = || {
        text.as_bytes()
            .windows(2)
            .any(|two| matches!(two, [b'\\', b'u' | b'U' | b'x' | b'/' | b'\n' | b'\r']))
    };
    text.contains(KIND) || text.contains("/spec") || escapes()
}

/// Whether a text that can't be read is a manifest of ours all the same, e.g. in a shell
/// script, rather than words about one.
fn declares(text: &str) -> bool {
    let before = text.match_indices(KIND).map(|(at, _)| &text[..at]);
    let mut before = before.map(|text| text.trim_end_matches(['\'', '"', '\\', ':', ' ']));
    before.any(|text| text.ends_with("kind"))
}

/// What a patch is for, where its surroundings say so.
#[derive(Clone)]
struct Target {
    kind: Option<String>,
    name: Option<String>,
}

impl Target {
    const NONE: Self = Self { kind: None, name: None };

    fn is_ours(&self) -> bool {
        self.kind.as_deref() == Some(KIND)
    }
}

struct Search<'a> {
    document: usize,
    looked: &'a mut Looked,
}

impl Search<'_> {
    fn document(&mut self, (tree, root): &Document, target: &Target, depth: usize) {
        let mut targets = BTreeMap::new();
        let mut annotations = BTreeSet::new();
        for node in tree.reachable(*root) {
            if let Some(text) = tree.text(node) {
                let target = targets.get(&node).unwrap_or(&Target::NONE);
                let counts = target.is_ours() || is_worth_reading(text);
                if counts && depth < DEEPEST && !annotations.contains(&node) {
                    self.text(text, target, depth);
                }
                continue;
            }
            let is_patched = node == *root && target.is_ours();
            if is_patched || tree.is_secret(node) {
                annotations.extend(self.secret(tree, node, target));
            }
            if target.kind.as_deref().is_none_or(|kind| kind == KIND) && tree.is_patch(node) {
                self.tell(target.name.as_deref(), What::Patch);
            }
            for inner in tree.fields(node, "target") {
                let text = |key| tree.texts(inner, key).next().map(str::to_owned);
                let target = Target { kind: text("kind"), name: text("name") };
                targets.extend(
                    tree.fields(node, "patch").into_iter().map(|patch| (patch, target.clone())),
                );
            }
        }
    }

    fn text(&mut self, text: &str, target: &Target, depth: usize) {
        match documents(text) {
            Some(documents) => {
                documents.iter().for_each(|inner| self.document(inner, target, depth + 1));
            }
            None if target.is_ours() || declares(text) => {
                self.tell(target.name.as_deref(), What::Text)
            }
            None => {}
        }
    }

    fn tell(&mut self, object: Option<&str>, what: What) {
        let object = object.unwrap_or("without a name").to_owned();
        self.looked.unsealed.push(Unsealed { document: self.document, object, what });
    }

    /// What a KlivSecret holds. Its annotations have been looked at then.
    fn secret(&mut self, tree: &Tree, node: usize, target: &Target) -> Vec<usize> {
        self.looked.secrets += 1;
        let specs = tree.fields(node, "spec");
        let metadata = tree.fields(node, "metadata");
        let name = metadata.iter().flat_map(|node| tree.texts(*node, "name")).next();
        let variable = || specs.iter().flat_map(|node| tree.texts(*node, "envVar")).next();
        let name = name.or(target.name.as_deref());
        let name = name.or_else(|| variable().filter(|name| is_well_formed(name)));

        let mut values = specs.iter().flat_map(|spec| tree.fields(*spec, "value"));
        if values.any(|value| !tree.is_empty(value)) {
            self.tell(name, What::Value);
        }
        let mut sealed = specs.iter().flat_map(|spec| tree.fields(*spec, "sealed"));
        let is_sealed = |text: &str| text.is_empty() || Sealed::parse(text).is_ok();
        if sealed.any(|node| !tree.text(node).is_some_and(is_sealed)) {
            self.tell(name, What::Sealed);
        }
        let annotations = metadata.iter().flat_map(|node| tree.fields(*node, "annotations"));
        let texts: Vec<_> = annotations.flat_map(|node| tree.reachable(node)).collect();
        let holds = |node| tree.text(node).is_some_and(|text| text.contains("\"value\""));
        if texts.iter().any(|node| holds(*node)) {
            self.tell(name, What::Annotation);
        }
        texts
    }
}

impl Tree {
    /// One of our kind: of our group, or of one that is not written or a template's.
    fn is_secret(&self, node: usize) -> bool {
        if !self.texts(node, "kind").any(|kind| kind == KIND) {
            return false;
        }
        let plain =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        let groups = || {
            let versions = self.texts(node, "apiVersion");
            versions.filter_map(|version| Some(version.split_once('/')?.0))
        };
        let is_anothers = || groups().any(|group| group.bytes().all(plain));
        groups().any(|group| group == GROUP)
            // RBAC and CRDs name kinds as well.
            || !is_anothers() && !self.fields(node, "spec").is_empty()
    }

    /// A step of a JSON patch (RFC 6902) that writes `spec.value`, or a whole spec with one.
    fn is_patch(&self, node: usize) -> bool {
        if self.fields(node, "op").is_empty() {
            return false;
        }
        let values = self.fields(node, "value");
        let mut paths = self.texts(node, "path");
        paths.any(|path| match path {
            "/spec/value" => values.iter().any(|value| !self.is_empty(*value)),
            "/spec" => values.iter().any(|spec| {
                let value = self.fields(*spec, "value");
                !self.fields(*spec, "envVar").is_empty() && value.iter().any(|v| !self.is_empty(*v))
            }),
            _ => false,
        })
    }

    fn is_empty(&self, node: usize) -> bool {
        self.text(node).is_some_and(str::is_empty)
    }
}
