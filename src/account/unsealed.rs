//! What manifests hold that is not sealed: for pre-commit and CI. Pure.
//!
//! Found in every document, list and map of a file, through anchors, aliases and merges; a
//! KlivSecret is told by its kind and group wherever it stands.

use super::tree::{Tree, documents};
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

/// Looks at a manifest, YAML or JSON.
#[must_use]
pub fn look(text: &[u8]) -> Looked {
    let mut looked = Looked::default();
    let mentions = text.windows(10).any(|window| window == b"KlivSecret");
    if !mentions {
        return looked;
    }
    let Some(documents) = std::str::from_utf8(text).ok().and_then(documents) else {
        looked.unreadable = true;
        return looked;
    };
    for (at, (tree, root)) in documents.iter().enumerate() {
        for node in tree.reachable(*root) {
            tree.judge(node, at + 1, &mut looked);
        }
    }
    looked
}

impl Tree {
    fn judge(&self, node: usize, document: usize, looked: &mut Looked) {
        let group =
            |version: &str| version.split_once('/').is_some_and(|(group, _)| group == GROUP);
        if !self.texts(node, "kind").any(|kind| kind == "KlivSecret")
            || !self.texts(node, "apiVersion").any(group)
        {
            return;
        }
        looked.secrets += 1;
        let specs = self.fields(node, "spec");
        let metadata = self.fields(node, "metadata");
        let name = metadata.iter().flat_map(|node| self.texts(*node, "name")).next();
        let variable = || specs.iter().flat_map(|node| self.texts(*node, "envVar")).next();
        let name = name.or_else(|| variable().filter(|name| is_well_formed(name)));
        let object = name.unwrap_or("without a name").to_owned();
        let mut tell =
            |what| looked.unsealed.push(Unsealed { document, object: object.clone(), what });

        let values = specs.iter().flat_map(|spec| self.fields(*spec, "value"));
        if values.into_iter().any(|value| self.text(value).is_none_or(|text| !text.is_empty())) {
            tell(What::Value);
        }
        let mut sealed = specs.iter().flat_map(|spec| self.fields(*spec, "sealed"));
        let is_sealed = |text: &str| text.is_empty() || Sealed::parse(text).is_ok();
        if sealed.any(|node| !self.text(node).is_some_and(is_sealed)) {
            tell(What::Sealed);
        }
        let annotations = metadata.iter().flat_map(|node| self.fields(*node, "annotations"));
        let mut texts = annotations.flat_map(|node| self.reachable(node));
        if texts.any(|node| self.text(node).is_some_and(|text| text.contains("\"value\""))) {
            tell(What::Annotation);
        }
    }
}
