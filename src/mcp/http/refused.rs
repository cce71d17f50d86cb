//! Why a request does not reach a tool, in words that quote nothing of it.

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};

use super::metadata;
use super::who::Stranger;
use crate::account::Namespace;
use crate::server::Unknown;

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// It is meant for another host: by a name that leads here, say.
    Host,
    /// A web page made a browser ask.
    Origin,
    /// There is nothing.
    NoSuchPlace,
    /// Another method than the one there is.
    Method(&'static str),
    /// Something stands after a `?`, a token perhaps, which then is in logs everywhere.
    Query,
    /// Who calls is not known.
    Stranger(Stranger),
    /// The session is another's, was changed, or has ended.
    Session,
    /// Too often.
    TooOften(Duration),
    /// Too many calls of the same person are under way.
    TooMany,
    /// Too much of all is under way.
    Busy,
    /// A message that is too large.
    TooLarge,
    /// A message that did not arrive in time.
    Late,
    /// No message.
    NotJson,
}

impl Refused {
    /// One word, for numbers.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Origin => "origin",
            Self::NoSuchPlace => "place",
            Self::Method(_) => "method",
            Self::Query => "query",
            Self::Stranger(Stranger::NoToken) => "no_token",
            Self::Stranger(Stranger::NotBearer) => "not_bearer",
            Self::Stranger(Stranger::Unknown(unknown)) => match unknown {
                Unknown::Token => "token",
                Unknown::Elsewhere => "audience",
                Unknown::Powerful => "powerful",
                Unknown::Over => "over",
                Unknown::Person(_) => "unfit",
                Unknown::NotAllowed(_) => "not_allowed",
                Unknown::Unanswered(_) => "unanswered",
                Unknown::NoKeys => "no_keys",
            },
            Self::Session => "session",
            Self::TooOften(_) => "rate",
            Self::TooMany => "calls",
            Self::Busy => "busy",
            Self::TooLarge => "size",
            Self::Late => "late",
            Self::NotJson => "message",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::NoSuchPlace | Self::Session => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Query | Self::NotJson => StatusCode::BAD_REQUEST,
            Self::Stranger(Stranger::Unknown(unknown)) => match unknown {
                Unknown::Person(_) | Unknown::NotAllowed(_) => StatusCode::FORBIDDEN,
                Unknown::Unanswered(_) | Unknown::NoKeys => StatusCode::SERVICE_UNAVAILABLE,
                Unknown::Token | Unknown::Elsewhere | Unknown::Powerful | Unknown::Over => {
                    StatusCode::UNAUTHORIZED
                }
            },
            Self::Stranger(_) => StatusCode::UNAUTHORIZED,
            Self::TooOften(_) | Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Host => "This server is reached by another address: the one in its --public-url.",
            Self::Origin => "Web pages of other sites can't use this server.",
            Self::NoSuchPlace => {
                "There is nothing here. An account's endpoint is /accounts/ACCOUNT/mcp."
            }
            Self::Method(_) => "This method is not served here.",
            Self::Query => {
                "Nothing may stand after a `?`. A token belongs into the Authorization header; one \
                 that stood in an address is in logs: replace it."
            }
            Self::Stranger(Stranger::NoToken) => "A token is missing: Authorization: Bearer TOKEN.",
            Self::Stranger(Stranger::NotBearer) => {
                "The Authorization header holds no bearer token, or there are two."
            }
            Self::Stranger(Stranger::Unknown(unknown)) => match unknown {
                Unknown::Token => {
                    "Nobody is known by this token here: it is over, made up, or was issued for \
                     somebody else than this account's endpoint; one of the API server is never \
                     taken."
                }
                Unknown::Elsewhere => {
                    "This token was issued for somebody else. Get one whose audience is this \
                     endpoint; this server never takes one of the API server."
                }
                Unknown::Powerful => {
                    "This token is good for the API server, too. Get one whose audience is this \
                     endpoint alone."
                }
                Unknown::Over => "This token is over, or not good yet.",
                Unknown::Person(_) => "This server can't act as whoever has this token.",
                Unknown::NotAllowed(_) => {
                    "This server lacks the right to act as whoever has this token; its log says \
                     which."
                }
                Unknown::Unanswered(_) => "The cluster does not answer; try again.",
                Unknown::NoKeys => "The token's issuer does not answer; try again.",
            },
            Self::Session => "This session has ended, or is another's: begin anew.",
            Self::TooOften(_) => "Too many requests; try again later.",
            Self::TooMany => "Too many calls are under way; try again later.",
            Self::Busy => "The server has all that it can do; try again later.",
            Self::TooLarge => "The message is too large.",
            Self::Late => "The message did not arrive in time.",
            Self::NotJson => "Send one JSON-RPC message as JSON.",
        }
    }

    /// The answer to a request about an account, or about none. `scopes` are what a client asks
    /// the issuer for.
    pub(super) fn answer(
        &self,
        origin: &str,
        account: Option<&Namespace>,
        scopes: &[String],
    ) -> Response {
        let mut response = (self.status(), format!("{}\n", self.words())).into_response();
        let headers = response.headers_mut();
        match self {
            Self::Method(allowed) => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
            }
            Self::TooOften(wait) => {
                let seconds = wait.as_secs().saturating_add(1);
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::TooMany
            | Self::Busy
            | Self::Stranger(Stranger::Unknown(Unknown::Unanswered(_))) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(10_u64));
            }
            Self::Stranger(Stranger::Unknown(Unknown::NoKeys)) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(30_u64));
            }
            Self::Stranger(stranger) if self.status() == StatusCode::UNAUTHORIZED => {
                let challenge = account.and_then(|account| {
                    let place = metadata::address(origin, account);
                    let error = match stranger {
                        Stranger::NoToken => String::new(),
                        _ => format!(
                            r#", error="invalid_token", error_description="{}""#,
                            self.words()
                        ),
                    };
                    let scope = match scopes {
                        [] => String::new(),
                        some => format!(r#", scope="{}""#, some.join(" ")),
                    };
                    let challenge = format!(r#"Bearer resource_metadata="{place}"{scope}{error}"#);
                    HeaderValue::try_from(challenge).ok()
                });
                headers.extend(challenge.map(|value| (header::WWW_AUTHENTICATE, value)));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_without_a_good_token_is_told_where_to_get_one() {
        let account = Namespace::try_from("shop").unwrap();
        let challenge = |stranger| {
            let refused = Refused::Stranger(stranger);
            let answer = refused.answer("https://a.example", Some(&account), &[]);
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
            answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned()
        };
        let place = "Bearer resource_metadata=\"https://a.example/.well-known/\
                     oauth-protected-resource/accounts/shop/mcp\"";
        assert_eq!(challenge(Stranger::NoToken), place);
        for unknown in [Unknown::Token, Unknown::Elsewhere, Unknown::Powerful, Unknown::Over] {
            let said = challenge(Stranger::Unknown(unknown));
            let more = said.strip_prefix(place).unwrap();
            assert!(more.starts_with(", error=\"invalid_token\", error_description=\""), "{more}");
            assert_eq!(more.matches('"').count(), 4, "{more}");
        }
        let scopes = ["openid", "use"].map(str::to_owned);
        let refused = Refused::Stranger(Stranger::NoToken);
        let answer = refused.answer("https://a.example", Some(&account), &scopes);
        let said = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert_eq!(said.strip_prefix(place), Some(", scope=\"openid use\""));
    }

    #[test]
    fn who_is_to_come_again_is_told_when() {
        for refused in [
            Refused::TooOften(Duration::from_millis(1)),
            Refused::TooMany,
            Refused::Stranger(Stranger::Unknown(Unknown::NoKeys)),
            Refused::Stranger(Stranger::Unknown(Unknown::Unanswered("why".into()))),
        ] {
            let answer = refused.answer("https://a.example", None, &[]);
            assert!(answer.headers().contains_key(header::RETRY_AFTER), "{refused:?}");
        }
    }
}
