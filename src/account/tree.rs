//! The nodes of YAML and JSON documents, for whoever searches them. Pure.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, options};
use serde_json::Value;

/// Nodes by number, so that an alias costs nothing and a chain of them does not explode.
#[derive(Default)]
pub(super) struct Tree(Vec<Node>);

pub(super) enum Node {
    Text(String),
    List(Vec<usize>),
    Map(Vec<(String, usize)>),
}

pub(super) type Document = (Tree, usize);

impl Tree {
    fn add(&mut self, node: Node) -> usize {
        self.0.push(node);
        self.0.len() - 1
    }

    /// Each node once.
    pub(super) fn reachable(&self, root: usize) -> Vec<usize> {
        let (mut seen, mut open, mut order) = (vec![false; self.0.len()], vec![root], Vec::new());
        while let Some(node) = open.pop() {
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            order.push(node);
            match &self.0[node] {
                Node::Text(_) => {}
                Node::List(items) => open.extend(items.iter().rev()),
                Node::Map(fields) => open.extend(fields.iter().rev().map(|(_, value)| value)),
            }
        }
        order
    }

    /// All values that a field of a map may have, its own and merged ones.
    pub(super) fn fields(&self, node: usize, key: &str) -> Vec<usize> {
        let (mut found, mut open, mut seen) = (Vec::new(), vec![node], Vec::new());
        while let Some(node) = open.pop() {
            if seen.contains(&node) {
                continue;
            }
            seen.push(node);
            match &self.0[node] {
                Node::Map(fields) => {
                    found.extend(fields.iter().filter(|(k, _)| k == key).map(|(_, value)| *value));
                    open.extend(fields.iter().filter(|(k, _)| k == "<<").map(|(_, value)| *value));
                }
                Node::List(items) if seen.len() > 1 => open.extend(items),
                _ => {}
            }
        }
        found
    }

    pub(super) fn text(&self, node: usize) -> Option<&str> {
        match &self.0[node] {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn texts(&self, node: usize, key: &str) -> impl Iterator<Item = &str> {
        self.fields(node, key).into_iter().filter_map(|node| self.text(node))
    }
}

/// The documents of a text; none where it is neither YAML nor JSON.
pub(super) fn documents(text: &str) -> Option<Vec<Document>> {
    json(text).or_else(|| yaml(text))
}

/// JSON documents, one after the other; none where it is something else.
fn json(text: &str) -> Option<Vec<Document>> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    documents
        .map(|value| {
            let mut tree = Tree::default();
            let root = plant(&mut tree, value.ok()?);
            Some((tree, root))
        })
        .collect()
}

fn plant(tree: &mut Tree, value: Value) -> usize {
    let node = match value {
        Value::Null => Node::Text(String::new()),
        Value::Bool(truth) => Node::Text(truth.to_string()),
        Value::Number(number) => Node::Text(number.to_string()),
        Value::String(text) => Node::Text(text),
        Value::Array(items) => {
            Node::List(items.into_iter().map(|item| plant(tree, item)).collect())
        }
        Value::Object(fields) => {
            Node::Map(fields.into_iter().map(|(key, value)| (key, plant(tree, value))).collect())
        }
    };
    tree.add(node)
}

/// YAML documents; none where it is something else.
fn yaml(text: &str) -> Option<Vec<Document>> {
    let options = options! { emit_comments: false };
    let mut documents = Vec::new();
    let mut tree = Tree::default();
    let mut anchors = BTreeMap::new();
    // What is open: its node, and a map's key that waits for its value.
    let mut open: Vec<(usize, Option<String>)> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str_with_options(text, options) {
        let (node, anchor, opens) = match event.ok()?.0 {
            Event::DocumentEnd => {
                if let Some(root) = root.take() {
                    documents.push((std::mem::take(&mut tree), root));
                }
                anchors.clear();
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop()?;
                continue;
            }
            Event::Scalar(text, style, anchor, _) => {
                let is_plain = style == granit_parser::ScalarStyle::Plain;
                let is_null = is_plain && matches!(&*text, "~" | "null" | "Null" | "NULL");
                let text = if is_null { String::new() } else { text.into_owned() };
                (tree.add(Node::Text(text)), anchor, false)
            }
            Event::MappingStart(_, anchor, ..) => (tree.add(Node::Map(Vec::new())), anchor, true),
            Event::SequenceStart(_, anchor, ..) => (tree.add(Node::List(Vec::new())), anchor, true),
            Event::Alias(id) => (*anchors.get(&id)?, 0, false),
            _ => continue,
        };
        if anchor != 0 {
            anchors.insert(anchor, node);
        }
        let key = tree.text(node).map(str::to_owned);
        match open.last_mut() {
            None => root = Some(node),
            Some((parent, waits)) => match &mut tree.0[*parent] {
                Node::List(items) => items.push(node),
                Node::Map(fields) => match waits.take() {
                    Some(key) => fields.push((key, node)),
                    // A key that is no text has a name that is none of ours.
                    None => *waits = Some(key.unwrap_or_default()),
                },
                Node::Text(_) => return None,
            },
        }
        if opens {
            open.push((node, None));
        }
    }
    Some(documents)
}
