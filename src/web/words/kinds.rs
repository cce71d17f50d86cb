//! What a value was recognised as.

use super::Language;
use crate::api::{Mode, Recognised};

/// E.g. `Stripe live secret key`, `hemlig nyckel från Stripe (skarp)`.
pub(crate) fn recognised(what: &Recognised, language: Language) -> String {
    match language {
        Language::English => what.to_string(),
        Language::Swedish => {
            let from = match what.provider {
                "" => String::new(),
                "PEM" => " (PEM)".to_owned(),
                provider if is_technology(what) => format!(" för {provider}"),
                provider => format!(" från {provider}"),
            };
            let mode = match what.mode {
                Mode::Live => " (skarp)",
                Mode::Test => " (test)",
                Mode::Unknown => "",
            };
            format!("{}{from}{mode}", kind(what.kind))
        }
    }
}

/// Whether the provider is a kind of server, not somebody who gives keys out.
fn is_technology(what: &Recognised) -> bool {
    matches!(what.kind, "database URL" | "URL")
}

/// A kind in Swedish. One that is not here yet keeps its English; a test finds it.
fn kind(english: &'static str) -> &'static str {
    let known = SWEDISH.iter().find(|(known, _)| *known == english);
    known.map_or(english, |(_, swedish)| swedish)
}

const SWEDISH: &[(&str, &str)] = &[
    ("API key", "API-nyckel"),
    ("API key SID", "SID för API-nyckel"),
    ("API token", "API-token"),
    ("JSON web token", "JSON Web Token"),
    ("OAuth access token", "OAuth-åtkomsttoken"),
    ("OAuth client secret", "OAuth-klienthemlighet"),
    ("SMTP key", "SMTP-nyckel"),
    ("URL", "adress"),
    ("access key id", "åtkomstnyckel-id"),
    ("access token", "åtkomsttoken"),
    ("account SID", "konto-SID"),
    ("admin API key", "API-nyckel för administratörer"),
    ("app installation token", "installationstoken för app"),
    ("app token", "app-token"),
    ("app user token", "användartoken för app"),
    ("auth token", "inloggningstoken"),
    ("bot token", "bot-token"),
    ("certificate", "certifikat"),
    ("client secret", "klienthemlighet"),
    ("database URL", "databasadress"),
    ("key", "nyckel"),
    ("key id", "nyckel-id"),
    ("personal access token", "personlig åtkomsttoken"),
    ("private key", "privat nyckel"),
    ("project API key", "API-nyckel för projekt"),
    ("publishable key", "publik nyckel"),
    ("refresh token", "förnyelsetoken"),
    ("restricted key", "begränsad nyckel"),
    ("secret key", "hemlig nyckel"),
    ("service account API key", "API-nyckel för tjänstekonto"),
    ("service account key", "nyckel för tjänstekonto"),
    ("temporary access key id", "tillfälligt åtkomstnyckel-id"),
    ("user token", "användartoken"),
    ("webhook URL", "webhook-adress"),
    ("webhook signing secret", "signeringshemlighet för webhook"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{recognisable, recognise};
    use crate::seal::Plaintext;

    #[test]
    fn every_kind_has_a_swedish_word() {
        for what in recognisable() {
            assert!(SWEDISH.iter().any(|(known, _)| *known == what.kind), "{what}");
        }
    }

    #[test]
    fn a_credential_is_called_as_people_call_it() {
        for (value, swedish) in [
            ("sk_live_1", "hemlig nyckel från Stripe (skarp)"),
            ("sandbox_1", "nyckel (test)"),
            ("postgres://a:b@c/d", "databasadress för PostgreSQL"),
            ("-----BEGIN CERTIFICATE-----", "certifikat (PEM)"),
        ] {
            let what = recognise(&Plaintext::new(value.into())).unwrap();
            assert_eq!(recognised(&what, Language::Swedish), swedish);
            assert_eq!(recognised(&what, Language::English), what.to_string());
        }
    }
}
