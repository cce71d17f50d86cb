//! The language that somebody chooses, signed in or not; the browser remembers it.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::super::form::Sent;
use super::super::frame::Problem;
use super::super::site::{Door, Site};
use super::super::visit::LANGUAGE_COOKIE;
use super::super::words::Language;

/// A year, seconds.
const REMEMBERED: u32 = 365 * 24 * 3600;

pub(crate) async fn choose(State(site): State<Site>, sent: Sent) -> Result<Response, Problem> {
    let fields = sent.only(&["language", "to"])?;
    let language = Language::parse(fields.text("language")).ok_or(Problem::BadForm)?;
    let secure = if matches!(site.door, Door::Local { .. }) { "" } else { "; Secure" };
    let cookie = format!(
        "{LANGUAGE_COOKIE}={}; Path=/; Max-Age={REMEMBERED}; HttpOnly; SameSite=Lax{secure}",
        language.tag()
    );
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(ours(fields.text("to")))).into_response())
}

/// A path of ours, or the first page: nobody is sent to another site from here.
fn ours(to: &str) -> &str {
    let is_path = to.starts_with('/') && !to.starts_with("//");
    // Browsers take a backslash for a slash.
    let is_plain = to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_path && is_plain { to } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_on_where_one_was_and_nowhere_else() {
        for path in ["/", "/accounts/acme?q=a%20b&sort=name", "/health"] {
            assert_eq!(ours(path), path);
        }
        for elsewhere in [
            "",
            "accounts",
            "//evil.example/",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: a=b",
            "/\t/evil.example",
            "/å",
        ] {
            assert_eq!(ours(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
