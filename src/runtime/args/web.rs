//! The command line of the web server.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::address::{issuer, origin};
use super::{ServerArgs, interval};

/// Flags of `kliv-secrets web`.
#[derive(Args, Debug)]
pub struct WebArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flags' own docs are shown")]
    pub server: ServerArgs,

    /// Where people reach it, e.g. `https://secrets.example.org`: requests for another host
    /// are refused, and the identity provider sends people back there
    #[arg(long, env = "KLIV_PUBLIC_URL", value_parser = origin, value_name = "URL")]
    pub public_url: String,

    /// A file with the key under which sessions are encrypted, at least 32 random bytes; all
    /// replicas need the same. Without it a key is made at each start, and people sign in
    /// again after one
    #[arg(long, env = "KLIV_SESSION_KEY_FILE", value_name = "FILE")]
    pub session_key_file: Option<PathBuf>,

    /// After how long people sign in again
    #[arg(long, default_value = "8h", env = "KLIV_SESSION_LIFETIME", value_parser = interval)]
    pub session_lifetime: Duration,

    /// The OpenID Connect provider by which people sign in: its issuer, letter for letter as
    /// the API server knows it. Without it they sign in with a token alone
    #[arg(
        long,
        env = "KLIV_OIDC_ISSUER",
        value_parser = issuer,
        requires = "oidc_client_id",
        value_name = "URL"
    )]
    pub oidc_issuer: Option<String>,

    /// Who the web server is there; the API server must take tokens of this audience
    #[arg(long, env = "KLIV_OIDC_CLIENT_ID", requires = "oidc_issuer", value_name = "ID")]
    pub oidc_client_id: Option<String>,

    /// A file with the client's secret, where it has one
    #[arg(
        long,
        env = "KLIV_OIDC_CLIENT_SECRET_FILE",
        requires = "oidc_issuer",
        value_name = "FILE"
    )]
    pub oidc_client_secret_file: Option<PathBuf>,

    /// What is asked of the provider beside `openid`: whatever brings name and groups into
    /// the ID token as the API server reads them
    #[arg(
        long,
        env = "KLIV_OIDC_SCOPES",
        value_delimiter = ',',
        default_value = "profile,email",
        value_name = "SCOPES"
    )]
    pub oidc_scopes: Vec<String>,

    /// A file with the certificates that the provider is trusted by, instead of the usual
    /// authorities'
    #[arg(long, env = "KLIV_OIDC_CA_FILE", requires = "oidc_issuer", value_name = "FILE")]
    pub oidc_ca_file: Option<PathBuf>,

    /// Take pasted tokens, too, that could do more than the web server is for: read Secrets,
    /// run or enter pods, act as others. Whoever has taken over the server then has them
    #[arg(long, env = "KLIV_ALLOW_POWERFUL_TOKENS", default_value_t = false)]
    pub allow_powerful_tokens: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    const URL: &str = "--public-url=https://s.example.org";

    fn web(flags: &[&str]) -> Result<WebArgs, clap::Error> {
        let line = ["kliv-secrets", "web"].iter().chain(flags);
        match Cli::try_parse_from(line)?.command {
            Command::Web(args) => Ok(*args),
            other => panic!("not the web server: {other:?}"),
        }
    }

    #[test]
    fn one_must_say_where_people_reach_it() {
        assert!(web(&[]).is_err());
        let args = web(&[URL]).unwrap();
        assert_eq!(args.session_lifetime, Duration::from_secs(8 * 3600));
        assert_eq!(args.oidc_scopes, ["profile", "email"]);
        assert!(!args.allow_powerful_tokens);
    }

    #[test]
    fn a_public_address_is_what_browsers_call_an_origin() {
        for (given, read) in [
            ("https://Secrets.Example.org/", "https://secrets.example.org"),
            ("https://secrets.example.org:443", "https://secrets.example.org"),
            ("https://secrets.example.org:8443", "https://secrets.example.org:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("https://[::1]:8443/", "https://[::1]:8443"),
        ] {
            let flag = format!("--public-url={given}");
            assert_eq!(web(&[&flag]).unwrap().public_url, read);
        }
        for wrong in [
            "",
            "secrets.example.org",
            "http://secrets.example.org",
            "https://secrets.example.org/kliv",
            "https://secrets.example.org/?a",
            "https://a@secrets.example.org",
            "ftp://localhost",
            "https://",
        ] {
            let flag = format!("--public-url={wrong}");
            let error = web(&[&flag]).unwrap_err().to_string();
            assert!(error.contains("such as https://secrets.example.org"), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn proxies_are_named_by_blocks_of_addresses() {
        let args = web(&[URL, "--proxy-from=192.0.2.0/24,2001:db8::7"]).unwrap();
        let blocks: Vec<String> = args.server.proxy_from.iter().map(ToString::to_string).collect();
        assert_eq!(blocks, ["192.0.2.0/24", "2001:db8::7/128"]);
        for wrong in ["proxy.example.org", "192.0.2.0/33"] {
            let error = web(&[URL, &format!("--proxy-from={wrong}")]).unwrap_err().to_string();
            assert!(error.contains("such as 192.0.2.0/24"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_provider_and_who_one_is_there_belong_together() {
        let (issuer, id) = ("--oidc-issuer=https://id.example.org/realm/", "--oidc-client-id=a");
        assert!(web(&[URL, issuer]).is_err() && web(&[URL, id]).is_err());
        let args = web(&[URL, issuer, id, "--oidc-scopes=groups,email"]).unwrap();
        assert_eq!(args.oidc_issuer.as_deref(), Some("https://id.example.org/realm/"));
        assert_eq!(args.oidc_scopes, ["groups", "email"]);
        assert!(web(&[URL, id, "--oidc-issuer=http://id.example.org"]).is_err());
        assert!(web(&[URL, "--oidc-ca-file=ca.crt"]).is_err());
    }
}
