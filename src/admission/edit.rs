//! The object under change: every change is made on the copy and noted for the patch.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation};
use serde_json::{Map, Value};

use super::review::{Object, wipe};

/// A KlivSecret while it is changed.
pub(super) struct Edit {
    pub(super) object: Object,
    operations: Vec<PatchOperation>,
}

impl Edit {
    pub(super) fn new(object: Object) -> Self {
        Self { object, operations: Vec::new() }
    }

    /// Notes the removal of a field that has been taken out of the object already.
    pub(super) fn taken(&mut self, path: &[&str]) {
        self.operations.push(PatchOperation::Remove(RemoveOperation { path: pointer(path) }));
    }

    /// Adds or replaces a field; its parent must be there.
    pub(super) fn set(&mut self, path: &[&str], value: Value) {
        let Some((Value::Object(fields), name)) = self.parent(path) else { return };
        if let Some(mut former) = fields.insert(name.to_owned(), value.clone()) {
            wipe(&mut former);
        }
        self.operations.push(PatchOperation::Add(AddOperation { path: pointer(path), value }));
    }

    /// Removes a field or an item of a list, if it is there.
    pub(super) fn remove(&mut self, path: &[&str]) {
        let former = match self.parent(path) {
            Some((Value::Object(fields), name)) => fields.remove(name),
            Some((Value::Array(items), index)) => index
                .parse()
                .ok()
                .filter(|index| *index < items.len())
                .map(|index: usize| items.remove(index)),
            _ => None,
        };
        if let Some(mut former) = former {
            wipe(&mut former);
            self.taken(path);
        }
    }

    pub(super) fn set_annotation(&mut self, key: &str, text: String) {
        if !self.object.0.pointer("/metadata/annotations").is_some_and(Value::is_object) {
            self.set(&["metadata", "annotations"], Value::Object(Map::new()));
        }
        self.set(&["metadata", "annotations", key], text.into());
    }

    pub(super) fn remove_annotation(&mut self, key: &str) {
        self.remove(&["metadata", "annotations", key]);
    }

    pub(super) fn into_patch(self) -> Patch {
        Patch(self.operations)
    }

    fn parent<'p>(&mut self, path: &[&'p str]) -> Option<(&mut Value, &'p str)> {
        let (last, parents) = path.split_last()?;
        let parent = parents.iter().try_fold(&mut self.object.0, |value, token| match value {
            Value::Object(fields) => fields.get_mut(*token),
            Value::Array(items) => items.get_mut(token.parse::<usize>().ok()?),
            _ => None,
        })?;
        Some((parent, last))
    }
}

fn pointer(path: &[&str]) -> PointerBuf {
    PointerBuf::from_tokens(path.iter().copied())
}
