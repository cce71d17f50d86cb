#![expect(clippy::disallowed_types, reason = "asks the API server, as the server itself")]
//! Sign-in with a pasted token: it is looked at once and forgotten.

use kube::Client;
use zeroize::Zeroizing;

use super::NotIn;
use crate::server::Person;
use crate::server::whose;
use crate::web::powers::powers;

/// The field of the form.
const FIELD: &str = "token=";

/// The token of a form. A body is bytes that are wiped; of a token only signs are taken that
/// a form sends as they are, so that there is no copy of it in between.
pub(super) fn of_form(body: &Zeroizing<Vec<u8>>) -> Option<Zeroizing<String>> {
    let text = std::str::from_utf8(body).ok()?;
    let mut fields = text.split('&').filter_map(|field| field.strip_prefix(FIELD));
    let (Some(token), None) = (fields.next(), fields.next()) else { return None };
    // Pasted with the end of a line, or a space.
    let token = trimmed(token);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    let fits = !token.is_empty() && token.bytes().all(plain);
    fits.then(|| Zeroizing::new(token.to_owned()))
}

/// Without white space at either end, as forms send it.
fn trimmed(mut token: &str) -> &str {
    const SPACE: [&str; 5] = ["+", "%20", "%0D", "%0A", "%09"];
    'again: loop {
        for space in SPACE {
            if let Some(rest) = token.strip_prefix(space).or_else(|| token.strip_suffix(space)) {
                token = rest;
                continue 'again;
            }
        }
        return token;
    }
}

/// Whose it is, where it may be used here.
pub(super) async fn person(
    client: &Client,
    token: Zeroizing<String>,
    operator_namespace: &str,
    allow_powerful: bool,
) -> Result<Person, NotIn> {
    let known = whose(client, token).await?;
    if !known.own_audience && !allow_powerful {
        let could = powers(client, &known.person, operator_namespace).await;
        if !could.map_err(|_| NotIn::Unanswered)?.is_empty() {
            return Err(NotIn::Powerful);
        }
    }
    Ok(known.person)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Option<String> {
        of_form(&Zeroizing::new(body.into())).map(|token| token.to_string())
    }

    #[test]
    fn a_token_is_taken_as_it_was_pasted() {
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln-_~1";
        for body in [
            format!("token={token}"),
            format!("token=+{token}%0D%0A"),
            format!("token=%20{token}%20&other=1"),
            format!("other=1&token={token}"),
        ] {
            assert_eq!(of(&body).as_deref(), Some(token), "{body}");
        }
    }

    #[test]
    fn what_is_no_token_is_not_asked_for() {
        for body in [
            "",
            "token",
            "token=",
            "token=+%0A",
            "token=a%20b",
            "token=a%22",
            "token=a=",
            "token=a\"",
            "token=\u{e5}",
            "token=a&token=b",
            "Token=a",
            "xtoken=a",
        ] {
            assert_eq!(of(body), None, "{body}");
        }
        assert!(of_form(&Zeroizing::new(b"token=\xff".to_vec())).is_none());
    }
}
