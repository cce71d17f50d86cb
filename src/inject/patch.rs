//! The patch: entries of ours out, entries of ours in, nothing else.

use std::collections::BTreeMap;

use json_patch::jsonptr::{PointerBuf, Token};
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, TestOperation};
use serde_json::json;

use super::function::{Container, Function, Kind, Left};

/// The API server takes 10,000 operations in a patch.
const MOST: usize = 9_000;

/// Entries of ours, in order: the variable and its set.
pub(super) type Ours<'a> = BTreeMap<&'a str, &'a str>;

/// The patch that gives every container of `function` what `desired` says, in the
/// same order. It begins with tests of uid and resourceVersion, so that it fails on
/// any other state than the one it was made for. `None`: all is right.
pub(super) fn patch(function: &Function, desired: &[Ours<'_>]) -> Option<Patch> {
    let mut changes: Vec<_> = function
        .containers
        .iter()
        .zip(desired)
        .enumerate()
        .filter(|(_, (container, ours))| !is_right(container, ours))
        .flat_map(|(index, (container, ours))| change(index, container, ours))
        .collect();
    if changes.is_empty() {
        return None;
    }
    // Any beginning of it is a step on the way; the rest follows.
    changes.truncate(MOST);
    let mut operations = vec![
        test(["metadata", "uid"], &function.uid),
        test(["metadata", "resourceVersion"], &function.resource_version),
    ];
    operations.extend(changes);
    Some(Patch(operations))
}

fn is_right(container: &Container, ours: &Ours<'_>) -> bool {
    let env = container.env.as_deref().unwrap_or_default();
    let (first, rest) = env.split_at(ours.len().min(env.len()));
    first.len() == ours.len()
        && first.iter().zip(ours).all(|(entry, (name, set))| {
            entry.name == *name && matches!(&entry.kind, Kind::Ours(held) if held == set)
        })
        && rest.iter().all(|entry| entry.kind == Kind::User)
}

fn change(index: usize, container: &Container, ours: &Ours<'_>) -> Vec<PatchOperation> {
    let env = ["spec", "template", "spec", "containers"].map(Token::from);
    let env = PointerBuf::from_tokens(env.into_iter().chain([index.into(), "env".into()]));
    let at = |tail: &[Token<'static>]| {
        let mut path = env.clone();
        tail.iter().for_each(|token| path.push_back(token.clone()));
        path
    };
    let entries = container.env.as_deref().unwrap_or_default();
    let mut operations = Vec::new();
    for (i, entry) in entries.iter().enumerate().rev() {
        let path = match entry.kind {
            Kind::User => continue,
            Kind::Ours(_) => at(&[i.into()]),
            Kind::Mixed(Left::ValueFrom) => at(&[i.into(), "valueFrom".into()]),
            Kind::Mixed(Left::SecretKeyRef) => {
                at(&[i.into(), "valueFrom".into(), "secretKeyRef".into()])
            }
        };
        operations.push(PatchOperation::Remove(RemoveOperation { path }));
    }
    if container.env.is_none() {
        let add = AddOperation { path: env.clone(), value: json!([]) };
        operations.push(PatchOperation::Add(add));
    }
    for (i, (name, set)) in ours.iter().enumerate() {
        let reference = json!({ "secretKeyRef": { "name": set, "key": name } });
        let value = json!({ "name": name, "valueFrom": reference });
        operations.push(PatchOperation::Add(AddOperation { path: at(&[i.into()]), value }));
    }
    operations
}

fn test<const N: usize>(path: [&'static str; N], value: &str) -> PatchOperation {
    let path = PointerBuf::from_tokens(path);
    PatchOperation::Test(TestOperation { path, value: value.into() })
}
