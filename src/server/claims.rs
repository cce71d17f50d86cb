//! Who somebody is, as the claims of a verified token say it: by the same rules as the API
//! server's own flags of these names.

use k8s_openapi::api::authentication::v1::UserInfo;
use serde_json::{Map, Value};

use super::person::{Person, Unfit};
use super::review::Unknown;

/// Which claims name somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimNames {
    /// The user's name, e.g. `sub`.
    pub username: String,
    /// What stands before it. None: the issuer and `#`, but nothing before an `email`; `-` is
    /// nothing.
    pub username_prefix: Option<String>,
    /// The groups; none where nobody is in any.
    pub groups: Option<String>,
    /// What stands before each of them.
    pub groups_prefix: Option<String>,
}

impl ClaimNames {
    /// Who it is.
    ///
    /// # Errors
    /// The claims do not say it, or nobody may act as him here.
    pub(super) fn person(
        &self,
        issuer: &str,
        claims: &Map<String, Value>,
    ) -> Result<Person, Unknown> {
        let name = match claims.get(&self.username) {
            Some(Value::String(name)) if !name.is_empty() => name,
            _ => return Err(Unfit::Nameless.into()),
        };
        // An address that nobody has looked at may be anybody's.
        let verified = claims.get("email_verified").is_none_or(|said| *said == Value::Bool(true));
        if self.username == EMAIL && !verified {
            return Err(Unfit::Nameless.into());
        }
        let name = format!("{}{name}", self.before_name(issuer));
        // The cluster alone says who is a ServiceAccount.
        if name.starts_with("system:") {
            return Err(Unfit::System.into());
        }
        let groups = self.groups(claims).ok_or(Unfit::Unspeakable)?;
        let user = UserInfo { username: Some(name), groups: Some(groups), ..UserInfo::default() };
        Ok(Person::new(user)?)
    }

    fn before_name(&self, issuer: &str) -> String {
        match self.username_prefix.as_deref() {
            Some("-") => String::new(),
            None | Some("") if self.username == EMAIL => String::new(),
            None | Some("") => format!("{issuer}#"),
            Some(prefix) => prefix.to_owned(),
        }
    }

    /// None where the claim is neither a text nor a list of texts.
    fn groups(&self, claims: &Map<String, Value>) -> Option<Vec<String>> {
        let said = self.groups.as_ref().and_then(|name| claims.get(name));
        let said: Vec<&str> = match said {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().map(Value::as_str).collect::<Option<_>>()?,
            Some(_) => return None,
        };
        let prefix = self.groups_prefix.as_deref().unwrap_or_default();
        Some(said.into_iter().map(|group| format!("{prefix}{group}")).collect())
    }
}

const EMAIL: &str = "email";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example.org";

    fn names(username: &str, prefix: Option<&str>) -> ClaimNames {
        ClaimNames {
            username: username.into(),
            username_prefix: prefix.map(str::to_owned),
            groups: Some("groups".into()),
            groups_prefix: Some("oidc:".into()),
        }
    }

    fn person(names: &ClaimNames, claims: Value) -> Result<Person, Unknown> {
        names.person(ISSUER, claims.as_object().unwrap())
    }

    #[test]
    fn a_name_has_the_issuer_before_it_unless_another_prefix_or_none_is_wanted() {
        let claims = json!({ "sub": "anna", "email": "anna@example.org" });
        for (claim, prefix, name) in [
            ("sub", None, "https://id.example.org#anna"),
            ("sub", Some(""), "https://id.example.org#anna"),
            ("sub", Some("-"), "anna"),
            ("sub", Some("oidc:"), "oidc:anna"),
            ("email", None, "anna@example.org"),
            ("email", Some("oidc:"), "oidc:anna@example.org"),
        ] {
            let known = person(&names(claim, prefix), claims.clone()).unwrap();
            assert_eq!(known.name, name, "{claim} {prefix:?}");
            assert!(known.groups.is_empty() && known.uid.is_none() && known.extra.is_empty());
        }
    }

    #[test]
    fn groups_are_one_or_many_and_nothing_else() {
        let with = |groups: Value| {
            person(&names("sub", None), json!({ "sub": "a", "groups": groups }))
                .map(|person| person.groups)
        };
        assert_eq!(with(json!("dev")), Ok(vec!["oidc:dev".to_owned()]));
        assert_eq!(with(json!(["dev", "shop"])).unwrap(), ["oidc:dev", "oidc:shop"]);
        assert_eq!(with(json!(null)), Ok(vec![]));
        for wrong in [json!(1), json!({ "dev": true }), json!(["dev", 1])] {
            assert_eq!(with(wrong), Err(Unknown::Person(Unfit::Unspeakable)));
        }
        let none = ClaimNames { groups: None, ..names("sub", None) };
        let claims = json!({ "sub": "a", "groups": ["dev"] });
        assert!(person(&none, claims).unwrap().groups.is_empty());
    }

    #[test]
    fn who_has_no_name_or_no_verified_address_is_nobody() {
        let nameless = Err(Unknown::Person(Unfit::Nameless));
        for claims in [json!({}), json!({ "sub": "" }), json!({ "sub": 7 }), json!({ "sub": null })]
        {
            assert_eq!(person(&names("sub", None), claims), nameless);
        }
        for said in [json!(false), json!("true"), json!(null)] {
            let claims = json!({ "email": "a@b.example", "email_verified": said });
            assert_eq!(person(&names("email", None), claims), nameless);
        }
    }

    #[test]
    fn no_issuer_makes_anybody_a_part_of_kubernetes() {
        let bare = ClaimNames { groups_prefix: None, ..names("sub", Some("-")) };
        for name in ["system:admin", "system:serviceaccount:shop:robot"] {
            let refused = person(&bare, json!({ "sub": name }));
            assert_eq!(refused, Err(Unknown::Person(Unfit::System)), "{name}");
        }
        let masters = person(&bare, json!({ "sub": "anna", "groups": ["system:masters"] }));
        assert_eq!(masters, Err(Unknown::Person(Unfit::SystemGroup)));
    }
}
