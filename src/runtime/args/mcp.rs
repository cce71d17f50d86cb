//! The command line of the agents' server.

use std::path::PathBuf;

use clap::Args;

use super::ServerArgs;
use super::address::{issuer, origin};

/// Flags of `kliv-secrets mcp`.
#[derive(Args, Debug)]
pub struct McpArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flags' own docs are shown")]
    pub server: ServerArgs,

    /// Where clients reach it, e.g. `https://mcp.example.org`: requests for another host are
    /// refused. An account's endpoint is `URL/accounts/ACCOUNT/mcp`, and tokens are made out to
    /// that address, or to this URL for all accounts
    #[arg(long, env = "KLIV_PUBLIC_URL", value_parser = origin, value_name = "URL")]
    pub public_url: String,

    /// A file with the key under which it signs what comes back with a client, at least 32
    /// random bytes; all replicas need the same. Without it a key is made at each start, and
    /// what was asked before has to be asked again
    #[arg(long, env = "KLIV_STATE_KEY_FILE", value_name = "FILE")]
    pub state_key_file: Option<PathBuf>,

    /// Where people's web page is, e.g. `https://secrets.example.org`: links lead there. Without
    /// it agents are told the command that a person runs
    #[arg(long, env = "KLIV_WEB_URL", value_parser = origin, value_name = "URL")]
    pub web_url: Option<String>,

    /// Have the tool that takes a value which was pasted into a chat: it has passed through a
    /// model and through this server by then
    #[arg(long, env = "KLIV_CHAT_VALUES", default_value_t = false)]
    pub chat_values: bool,

    /// The OpenID Connect issuer whose access tokens (JWT) are taken when their audience is this
    /// server; the API server need not know it. Without it only tokens of the cluster are taken
    #[arg(long, env = "KLIV_OIDC_ISSUER", value_parser = issuer, value_name = "URL")]
    pub oidc_issuer: Option<String>,

    /// The claim of such a token that is the user's name
    #[arg(
        long,
        env = "KLIV_OIDC_USERNAME_CLAIM",
        default_value = "sub",
        requires = "oidc_issuer",
        value_name = "CLAIM"
    )]
    pub oidc_username_claim: String,

    /// What stands before that name. Without it, as with the API server: the issuer and `#`, but
    /// nothing before an `email`; `-` for nothing
    #[arg(
        long,
        env = "KLIV_OIDC_USERNAME_PREFIX",
        requires = "oidc_issuer",
        value_name = "PREFIX"
    )]
    pub oidc_username_prefix: Option<String>,

    /// The claim of such a token that names the user's groups; without it he is in none
    #[arg(long, env = "KLIV_OIDC_GROUPS_CLAIM", requires = "oidc_issuer", value_name = "CLAIM")]
    pub oidc_groups_claim: Option<String>,

    /// What stands before each group
    #[arg(
        long,
        env = "KLIV_OIDC_GROUPS_PREFIX",
        requires = "oidc_groups_claim",
        value_name = "PREFIX"
    )]
    pub oidc_groups_prefix: Option<String>,

    /// What clients are told to ask the issuer for when people sign in, separated by commas.
    /// Without it most ask for nothing, and then for no refresh token either
    #[arg(
        long,
        env = "KLIV_OIDC_SCOPES",
        requires = "oidc_issuer",
        value_parser = scope,
        value_delimiter = ',',
        value_name = "SCOPES"
    )]
    pub oidc_scopes: Vec<String>,

    /// Take only those of its tokens that say of themselves that they are access tokens (`typ:
    /// at+jwt`, RFC 9068). Not every issuer's do; its other tokens, e.g. ID tokens, are kept out
    /// by their audience alone then
    #[arg(
        long,
        env = "KLIV_OIDC_REQUIRE_AT_JWT",
        requires = "oidc_issuer",
        default_value_t = false
    )]
    pub oidc_require_at_jwt: bool,

    /// A file with the certificates that the issuer is trusted by, instead of the usual
    /// authorities'
    #[arg(long, env = "KLIV_OIDC_CA_FILE", requires = "oidc_issuer", value_name = "FILE")]
    pub oidc_ca_file: Option<PathBuf>,
}

/// A scope as RFC 6749 has it (appendix A.4): it stands in a header, between quotes.
fn scope(text: &str) -> Result<String, &'static str> {
    let legal = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    let is_one = !text.is_empty() && text.bytes().all(legal);
    is_one
        .then(|| text.to_owned())
        .ok_or("a scope is visible ASCII without quotes, backslashes and blanks")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    const URL: &str = "--public-url=https://mcp.example.org";
    const ISSUER: &str = "--oidc-issuer=https://id.example.org/realm/";

    fn mcp(flags: &[&str]) -> Result<McpArgs, clap::Error> {
        let line = ["kliv-secrets", "mcp"].iter().chain(flags);
        match Cli::try_parse_from(line)?.command {
            Command::Mcp(args) => Ok(*args),
            other => panic!("not the agents' server: {other:?}"),
        }
    }

    #[test]
    fn one_must_say_where_clients_reach_it_and_no_value_passes_unless_said() {
        assert!(mcp(&[]).is_err());
        let args = mcp(&[URL]).unwrap();
        assert_eq!(args.public_url, "https://mcp.example.org");
        assert!(!args.chat_values && args.web_url.is_none() && args.oidc_issuer.is_none());
        assert!(mcp(&[URL, "--chat-values"]).unwrap().chat_values);
    }

    #[test]
    fn links_lead_to_an_address_that_is_whole() {
        let args = mcp(&[URL, "--web-url=https://Secrets.example.org/"]).unwrap();
        assert_eq!(args.web_url.as_deref(), Some("https://secrets.example.org"));
        for wrong in ["secrets.example.org", "http://secrets.example.org", "https://a.b/c"] {
            assert!(mcp(&[URL, &format!("--web-url={wrong}")]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_said_of_an_issuers_tokens_needs_the_issuer() {
        for flag in [
            "--oidc-username-claim=email",
            "--oidc-username-prefix=-",
            "--oidc-groups-claim=groups",
            "--oidc-scopes=openid",
            "--oidc-ca-file=ca.crt",
            "--oidc-require-at-jwt",
        ] {
            assert!(mcp(&[URL, flag]).is_err(), "{flag}");
            assert!(mcp(&[URL, ISSUER, flag]).is_ok(), "{flag}");
        }
        assert!(mcp(&[URL, ISSUER, "--oidc-groups-prefix=a:"]).is_err());
        let args = mcp(&[URL, ISSUER, "--oidc-scopes=openid,https://a.example/use"]).unwrap();
        assert_eq!(args.oidc_scopes, ["openid", "https://a.example/use"]);
        for wrong in ["a b", "a\"", "a,,b", "\u{e5}", ""] {
            assert!(mcp(&[URL, ISSUER, &format!("--oidc-scopes={wrong}")]).is_err(), "{wrong}");
        }
        let args = mcp(&[URL, ISSUER]).unwrap();
        assert!(args.oidc_scopes.is_empty());
        assert_eq!(args.oidc_username_claim, "sub");
        assert_eq!(args.oidc_issuer.as_deref(), Some("https://id.example.org/realm/"));
    }
}
