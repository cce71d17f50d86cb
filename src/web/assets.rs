//! The embedded files. Their address has a hash of all of them, so that browsers may keep
//! them for good, and modules find one another by their names.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::rules;

/// Name and content. To add one: its line here.
const FILES: &[(&str, &[u8])] = &[
    ("style.css", include_bytes!("assets/style.css")),
    ("copy.js", include_bytes!("assets/copy.js")),
    ("live.js", include_bytes!("assets/live.js")),
    ("search.js", include_bytes!("assets/search.js")),
    ("undo.js", include_bytes!("assets/undo.js")),
    ("icon.svg", include_bytes!("assets/icon.svg")),
    ("dotenv.js", include_bytes!("assets/dotenv.js")),
    ("form.js", include_bytes!("assets/form.js")),
    ("handin.js", include_bytes!("assets/handin.js")),
    ("import.js", include_bytes!("assets/import.js")),
    ("rules.js", include_bytes!("assets/rules.js")),
    ("said.js", include_bytes!("assets/said.js")),
    ("seal.js", include_bytes!("assets/seal.js")),
    ("vendor/hpke.js", include_bytes!("assets/vendor/hpke.js")),
    ("vendor/LICENSE.hpke", include_bytes!("assets/vendor/LICENSE.hpke")),
];

/// Name and content of one.
type File = (&'static str, Cow<'static, [u8]>);

/// Those, and what is made of Rust's own tables.
static ALL: LazyLock<Vec<File>> = LazyLock::new(|| {
    let files = FILES.iter().map(|(name, content)| (*name, Cow::Borrowed(*content)));
    files.chain([("tables.js", Cow::Owned(rules::module().into_bytes()))]).collect()
});

static EDITION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, content) in &*ALL {
        hash.update(name.as_bytes());
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(content);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// Where a file is.
pub(super) fn address(name: &str) -> String {
    format!("/assets/{}/{name}", *EDITION)
}

/// A file, or that there is none. One of another edition is not served: a page that is
/// still open would mix scripts of both.
pub(super) async fn serve(Path((edition, name)): Path<(String, String)>) -> Response {
    let found = ALL.iter().find(|(known, _)| *known == name);
    match found.filter(|_| edition == *EDITION) {
        None => StatusCode::NOT_FOUND.into_response(),
        Some((name, content)) => {
            let kind = [(header::CONTENT_TYPE, media_type(name))];
            let keep = [(header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (kind, keep, content.clone()).into_response()
        }
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("hpke") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
