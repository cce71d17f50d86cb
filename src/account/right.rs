//! Which right somebody lacks, as the API server tells it. Pure.

use std::fmt;

/// A right that the caller does not have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Right {
    /// What it is, where that could be understood.
    pub asked: Option<Box<Asked>>,
    words: String,
}

/// What was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The verb, e.g. `list`.
    pub verb: String,
    /// The resource, e.g. `klivsecrets`; a subresource after a slash.
    pub resource: String,
    /// The namespace; none where it was for all of them.
    pub namespace: Option<String>,
}

impl Right {
    /// Understands `User "…" cannot get resource "…" in API group "…" in the namespace "…"`.
    #[must_use]
    pub fn of(words: &str) -> Self {
        Self { asked: asked(words).map(Box::new), words: words.to_owned() }
    }

    /// Whether this is what was asked for.
    #[must_use]
    pub fn is(&self, verb: &str, resource: &str) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.verb == verb && asked.resource == resource)
    }
}

fn asked(words: &str) -> Option<Asked> {
    // A user's name comes first, and may hold anything but what ends it.
    let (_, rest) = words.split_once("\" cannot ")?;
    let (verb, rest) = rest.split_once(" resource \"")?;
    let (resource, rest) = rest.split_once("\" in API group \"")?;
    let (_, rest) = rest.split_once('"')?;
    let namespace = rest.strip_prefix(" in the namespace \"").and_then(|r| r.split_once('"'));
    Some(Asked {
        verb: verb.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.map(|(namespace, _)| namespace.to_owned()),
    })
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_that_is_missing_is_told_as_what_it_is() {
        let words = "User \"anna\" cannot list resource \"klivsecrets\" in API group \
                     \"secrets.kliv.dev\" in the namespace \"acme\"";
        let right = Right::of(words);
        assert_eq!(right.to_string(), words);
        let asked = right.asked.clone().unwrap();
        assert_eq!(asked.namespace.as_deref(), Some("acme"));
        assert!(right.is("list", "klivsecrets") && !right.is("get", "klivsecrets"));
        let everywhere = words.replace("in the namespace \"acme\"", "at the cluster scope");
        assert_eq!(Right::of(&everywhere).asked.unwrap().namespace, None);
        assert_eq!(Right::of("User \"anna\" cannot get path \"/metrics\"").asked, None);
    }
}
