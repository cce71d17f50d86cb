//! Somebody, as the API server said who he is; and whether a server may speak as him.
//!
//! An API server that is asked to act as somebody acts as just who the headers say, so
//! nothing may get lost on the way to it: a name that a proxy or parser trims is another
//! name, and none at all is the server itself. What can't be said is refused.
//!
//! Refused, too, is whom only Kubernetes itself should be: users and groups of `system:`,
//! but for ServiceAccounts and for what everybody is a member of. No server's role needs them,
//! and who has broken into a session or has a token should not find a way to them.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use k8s_openapi::api::authentication::v1::UserInfo;
use serde::{Deserialize, Serialize};

use crate::api::names::MAX_USER_CHARS;
use crate::api::{is_dns_label, is_dns_subdomain};

/// Users and groups that are Kubernetes' own.
const SYSTEM: &str = "system:";
pub(crate) const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
const AUTHENTICATED: &str = "system:authenticated";
/// What an API server says of the credential, not of the person: the token's id, the pod it
/// was made for. Not passed on, since it is not with this credential that is asked.
const OF_CREDENTIAL: &str = "authentication.kubernetes.io/";

/// Somebody.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Person {
    /// His name at the API server.
    pub name: String,
    /// His unique id, where his authenticator knows one.
    pub uid: Option<String>,
    /// The groups he is in.
    pub groups: Vec<String>,
    /// What else his authenticator says of him.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// Why a server can't speak as somebody. It quotes nothing: who asks chooses it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfit {
    /// Without a name it would be the server itself that asks.
    #[error("has no name")]
    Nameless,
    /// It would not arrive as it is.
    #[error(
        "the name, the id, a group or something else has control characters, a space at an end, \
         or is empty or too long"
    )]
    Unspeakable,
    /// A part of Kubernetes.
    #[error("is a part of Kubernetes itself, not a person or a ServiceAccount")]
    System,
    /// In a group that nobody may act in through a server.
    #[error("is in a group of Kubernetes itself, such as system:masters")]
    SystemGroup,
    /// The API server would refuse it.
    #[error(
        "carries something (userInfo.extra) whose key can't be passed on: it must be a domain in \
         small letters, a slash and a name"
    )]
    Extra,
}

impl Person {
    /// Whom a review has named.
    ///
    /// # Errors
    /// The server can't speak as him.
    pub fn new(user: UserInfo) -> Result<Self, Unfit> {
        let extra = user.extra.unwrap_or_default().into_iter();
        let person = Self {
            name: user.username.unwrap_or_default(),
            uid: user.uid.filter(|uid| !uid.is_empty()),
            groups: user.groups.unwrap_or_default(),
            extra: extra.filter(|(key, _)| !key.starts_with(OF_CREDENTIAL)).collect(),
        };
        person.headers().map(|_| person)
    }

    /// What a request as him must carry.
    ///
    /// # Errors
    /// He is nobody that the server may speak as, or can't be told in headers.
    pub fn headers(&self) -> Result<HeaderMap, Unfit> {
        let mut headers = HeaderMap::new();
        if self.name.is_empty() {
            return Err(Unfit::Nameless);
        }
        headers.insert("impersonate-user", value(&self.name)?);
        if let Some(namespace) = self.service_account() {
            // Its name alone: all else the API server knows, and lets nobody say.
            let of_namespace = format!("{SERVICE_ACCOUNTS}:{namespace}");
            let its_own = [AUTHENTICATED, SERVICE_ACCOUNTS, &of_namespace];
            if !self.groups.iter().all(|group| its_own.contains(&group.as_str())) {
                return Err(Unfit::SystemGroup);
            }
            return if self.extra.is_empty() { Ok(headers) } else { Err(Unfit::Extra) };
        }
        if self.name.starts_with(SYSTEM) {
            return Err(Unfit::System);
        }
        if let Some(uid) = &self.uid {
            headers.insert("impersonate-uid", value(uid)?);
        }
        for group in &self.groups {
            // Everybody is in it, and the API server says so itself.
            if group == AUTHENTICATED {
                continue;
            }
            let kind_of =
                |known: &str| group.strip_prefix(known).is_some_and(|r| r.starts_with(':'));
            if group.starts_with(SYSTEM) && !kind_of(AUTHENTICATED) {
                return Err(Unfit::SystemGroup);
            }
            headers.append("impersonate-group", value(group)?);
        }
        for (key, values) in &self.extra {
            if values.is_empty() {
                return Err(Unfit::Unspeakable);
            }
            let name = extra_header(key).ok_or(Unfit::Extra)?;
            for text in values {
                headers.append(name.clone(), value(text)?);
            }
        }
        Ok(headers)
    }

    /// The namespace of a ServiceAccount.
    pub(crate) fn service_account(&self) -> Option<&str> {
        let (namespace, name) = self.name.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
        (is_dns_label(namespace) && is_dns_subdomain(name)).then_some(namespace)
    }

    /// Whether the API server, asked as him, calls him the same.
    pub(crate) fn is_seen_as(&self, user: &UserInfo) -> bool {
        let sorted = |groups: &[String]| {
            let mut all: Vec<_> =
                groups.iter().chain([&AUTHENTICATED.to_owned()]).cloned().collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        let of_its_kind = self.service_account().is_some();
        user.username.as_deref() == Some(&self.name)
            && (of_its_kind
                || user.uid.as_deref().unwrap_or_default()
                    == self.uid.as_deref().unwrap_or_default())
            && (sorted(user.groups.as_deref().unwrap_or_default()) == sorted(&self.groups))
            && user.extra.as_ref().map_or(self.extra.is_empty(), |extra| *extra == self.extra)
    }
}

/// A text as a header's value that arrives as it is.
fn value(text: &str) -> Result<HeaderValue, Unfit> {
    // Parsers drop space at either end.
    let whole = !text.is_empty()
        && text.chars().count() <= MAX_USER_CHARS
        && !text.chars().any(char::is_control)
        && text.trim() == text;
    let value = whole.then(|| HeaderValue::from_bytes(text.as_bytes()).ok()).flatten();
    let mut value = value.ok_or(Unfit::Unspeakable)?;
    // So that no trace of a request shows who asks for what.
    value.set_sensitive(true);
    Ok(value)
}

/// `impersonate-extra-…` of a key that the API server takes: a domain, a slash and a name.
/// It makes the header's name small and then undoes `%` escapes.
fn extra_header(key: &str) -> Option<HeaderName> {
    let (domain, name) = key.split_once('/')?;
    let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '.' | '_');
    if !is_dns_subdomain(domain) || name.is_empty() || !name.chars().all(|c| plain(c) || c == '/') {
        return None;
    }
    format!("impersonate-extra-{}", key.replace('/', "%2f")).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Person {
        let extra = [("example.org/team".to_owned(), vec!["a".to_owned(), "b".to_owned()])];
        Person {
            name: "oidc:alice@example.org".into(),
            uid: Some("7".into()),
            groups: vec!["oidc:devs".into(), AUTHENTICATED.into(), "oidc:Åre".into()],
            extra: extra.into(),
        }
    }

    fn named(name: &str) -> Person {
        Person { name: name.into(), ..Person::default() }
    }

    fn told(person: &Person) -> Vec<(String, String)> {
        let headers = person.headers().unwrap();
        let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
        headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    }

    #[test]
    fn a_person_is_told_whole() {
        let told = told(&alice());
        let expected = [
            ("impersonate-user", "oidc:alice@example.org"),
            ("impersonate-uid", "7"),
            ("impersonate-group", "oidc:devs"),
            ("impersonate-group", "oidc:Åre"),
            ("impersonate-extra-example.org%2fteam", "a"),
            ("impersonate-extra-example.org%2fteam", "b"),
        ];
        assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn of_a_service_account_its_name_is_told_and_no_more() {
        let groups = [SERVICE_ACCOUNTS, "system:serviceaccounts:shop", AUTHENTICATED];
        let mut robot = Person {
            uid: Some("7".into()),
            groups: groups.map(str::to_owned).to_vec(),
            ..named("system:serviceaccount:shop:robot")
        };
        let name = robot.name.clone();
        assert_eq!(told(&robot), [("impersonate-user".to_owned(), name)]);
        robot.groups.push("devs".into());
        assert_eq!(robot.headers().unwrap_err(), Unfit::SystemGroup);
        robot.groups = vec!["system:serviceaccounts:other".into()];
        assert_eq!(robot.headers().unwrap_err(), Unfit::SystemGroup);
        let restricted =
            Person { extra: alice().extra, ..named("system:serviceaccount:shop:robot") };
        assert_eq!(restricted.headers().unwrap_err(), Unfit::Extra);
    }

    #[test]
    fn what_would_arrive_as_something_else_is_refused() {
        let long = "a".repeat(MAX_USER_CHARS + 1);
        for text in [
            " alice",
            "alice ",
            "alice\t",
            "a\nimpersonate-group: system:masters",
            "a\0",
            &long,
            "\u{7f}",
            "\u{85}",
        ] {
            let groups = vec![text.to_owned()];
            let extra = [("example.org/team".to_owned(), vec![text.to_owned()])].into();
            for person in [
                named(text),
                Person { uid: Some(text.to_owned()), ..named("alice") },
                Person { groups, ..named("alice") },
                Person { extra, ..named("alice") },
            ] {
                assert_eq!(person.headers().unwrap_err(), Unfit::Unspeakable, "{person:?}");
            }
        }
        let empty = Person { groups: vec![String::new()], ..named("alice") };
        assert_eq!(empty.headers().unwrap_err(), Unfit::Unspeakable);
        let nothing = Person { extra: [("a.b/c".to_owned(), vec![])].into(), ..named("alice") };
        assert_eq!(nothing.headers().unwrap_err(), Unfit::Unspeakable);
    }

    #[test]
    fn nobody_is_not_the_server_itself() {
        assert_eq!(named("").headers().unwrap_err(), Unfit::Nameless);
        let info = UserInfo { groups: Some(vec!["devs".into()]), ..UserInfo::default() };
        assert_eq!(Person::new(info).unwrap_err(), Unfit::Nameless);
    }

    #[test]
    fn who_is_kubernetes_itself_is_refused() {
        for name in [
            "system:admin",
            "system:anonymous",
            "system:kube-controller-manager",
            "system:node:a",
            "system:serviceaccount:kube-system",
            "system:serviceaccount::robot",
            "system:serviceaccount:shop:robot:x",
            "system:serviceaccount:Shop:robot",
        ] {
            assert_eq!(named(name).headers().unwrap_err(), Unfit::System, "{name}");
        }
        for group in
            ["system:masters", "system:nodes", "system:unauthenticated", "system:serviceaccounts"]
        {
            let person = Person { groups: vec![group.into()], ..named("alice") };
            assert_eq!(person.headers().unwrap_err(), Unfit::SystemGroup, "{group}");
        }
        let of_its_kind = vec!["system:authenticated:oauth".to_owned()];
        assert!(Person { groups: of_its_kind, ..named("alice") }.headers().is_ok());
    }

    #[test]
    fn what_the_api_server_would_not_pass_on_is_refused() {
        for key in ["", "scopes", "/a", "example.org/", "Example.org/a", "example.org/A", "a.b/c d"]
        {
            let extra = [(key.to_owned(), vec!["a".to_owned()])].into();
            let person = Person { extra, ..named("alice") };
            assert_eq!(person.headers().unwrap_err(), Unfit::Extra, "{key}");
        }
    }

    #[test]
    fn what_is_said_of_the_credential_is_not_the_persons() {
        let info = UserInfo {
            username: Some("alice".into()),
            uid: Some(String::new()),
            groups: None,
            extra: Some(
                [("authentication.kubernetes.io/credential-id".to_owned(), vec!["JTI=1".into()])]
                    .into(),
            ),
        };
        assert_eq!(Person::new(info), Ok(named("alice")));
    }

    #[test]
    fn one_is_seen_as_the_same_or_as_another() {
        let seen = |person: &Person| UserInfo {
            username: Some(person.name.clone()),
            uid: person.uid.clone(),
            groups: Some(person.groups.iter().rev().cloned().collect()),
            extra: Some(person.extra.clone()),
        };
        assert!(alice().is_seen_as(&seen(&alice())));
        for other in [
            Person { name: "bob".into(), ..alice() },
            Person { uid: None, ..alice() },
            Person { groups: vec!["oidc:devs".into()], ..alice() },
            Person { extra: BTreeMap::new(), ..alice() },
        ] {
            assert!(!alice().is_seen_as(&seen(&other)), "{other:?}");
        }
    }
}
