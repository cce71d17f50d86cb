//! What the server says of itself as a protected resource (RFC 9728): where a client gets a
//! token that is issued for it.

use serde::Serialize;

use crate::account::Namespace;

/// How the path of an account's metadata begins; the path of the resource follows.
pub(super) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The endpoint of an account, letter for letter as tokens name it.
pub(super) fn resource(origin: &str, account: &Namespace) -> String {
    format!("{origin}/accounts/{account}/mcp")
}

/// Where its metadata is.
pub(super) fn address(origin: &str, account: &Namespace) -> String {
    format!("{origin}{WELL_KNOWN}/accounts/{account}/mcp")
}

/// The metadata of an account's endpoint.
#[derive(Serialize)]
pub(super) struct Metadata<'a> {
    resource: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_servers: Option<[&'a str; 1]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scopes_supported: &'a [String],
    bearer_methods_supported: [&'static str; 1],
    resource_name: String,
}

impl<'a> Metadata<'a> {
    /// `scopes` are what a client asks the issuer for.
    pub(super) fn new(
        origin: &str,
        account: &Namespace,
        issuer: Option<&'a str>,
        scopes: &'a [String],
    ) -> Self {
        Self {
            resource: resource(origin, account),
            authorization_servers: issuer.map(|issuer| [issuer]),
            scopes_supported: scopes,
            bearer_methods_supported: ["header"],
            resource_name: format!("kliv-secrets, account {account}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_client_reads_for_whom_and_from_whom_to_get_a_token() {
        let account = Namespace::try_from("shop").unwrap();
        let origin = "https://mcp.example.org";
        let mut expected = json!({
            "resource": "https://mcp.example.org/accounts/shop/mcp",
            "authorization_servers": ["https://id.example.org/realm"],
            "scopes_supported": ["openid", "use"],
            "bearer_methods_supported": ["header"],
            "resource_name": "kliv-secrets, account shop",
        });
        let issuer = Some("https://id.example.org/realm");
        let scopes = ["openid", "use"].map(str::to_owned);
        let said = |issuer, scopes| {
            serde_json::to_value(Metadata::new(origin, &account, issuer, scopes)).unwrap()
        };
        assert_eq!(said(issuer, &scopes), expected);
        for left_out in ["authorization_servers", "scopes_supported"] {
            expected.as_object_mut().unwrap().remove(left_out);
        }
        assert_eq!(said(None, &[]), expected);
        let place =
            "https://mcp.example.org/.well-known/oauth-protected-resource/accounts/shop/mcp";
        assert_eq!(address(origin, &account), place);
    }
}
