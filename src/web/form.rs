//! Forms as people send them. Strict: what a page has no field for is refused, and so is
//! anything that could be a value in the clear. Nothing of a form is ever quoted.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;

use super::frame::Problem;

/// How a field would be called that holds a value in the clear.
const IN_THE_CLEAR: [&str; 4] = ["value", "password", "secret", "plaintext"];

/// What was sent, not looked at yet.
pub(super) struct Sent(Vec<(String, String)>);

/// The fields of a form.
pub(super) struct Fields(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let sent = Form::from_request(request, state).await;
        // Its own words would quote what was sent.
        let Form(pairs) = sent.map_err(|refused: FormRejection| match refused.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
            _ => Problem::BadForm,
        })?;
        Ok(Self(pairs))
    }
}

impl Sent {
    /// The fields of a form that has these, each at most once.
    pub(super) fn only(self, known: &[&str]) -> Result<Fields, Problem> {
        if self.0.iter().any(|(name, _)| IN_THE_CLEAR.contains(&name.as_str())) {
            return Err(Problem::InTheClear);
        }
        let mut fields = BTreeMap::new();
        for (name, text) in self.0 {
            let is_known = known.contains(&name.as_str());
            if !is_known || fields.insert(name, text).is_some() {
                return Err(Problem::BadForm);
            }
        }
        Ok(Fields(fields))
    }
}

impl Fields {
    /// A field's text, without white space around it; absent is the same as empty.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |text| text.trim())
    }

    /// A text of several lines, as Unix ends them.
    pub(super) fn lines(&self, name: &str) -> String {
        self.text(name).replace("\r\n", "\n")
    }

    /// Whether a box was ticked.
    pub(super) fn is_ticked(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            "" => Ok(false),
            "yes" => Ok(true),
            _ => Err(Problem::BadForm),
        }
    }
}

#[cfg(test)]
impl Fields {
    /// As they would have been sent.
    pub(super) fn of(fields: &[(&str, &str)]) -> Self {
        Self(fields.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::DefaultBodyLimit;
    use axum::http::header::CONTENT_TYPE;

    use super::*;

    async fn sent(kind: &str, body: impl Into<Body>) -> Result<Sent, Problem> {
        let request = Request::post("/").header(CONTENT_TYPE, kind).body(body.into()).unwrap();
        Sent::from_request(request, &()).await
    }

    async fn read(body: &str) -> Result<Fields, Problem> {
        sent("application/x-www-form-urlencoded", body.to_owned()).await?.only(&["name", "sealed"])
    }

    #[tokio::test]
    async fn a_form_has_its_fields_and_no_others_each_once() {
        let fields = read("name=+A%20KEY%0d%0aB+").await.ok().unwrap();
        assert_eq!((fields.text("name"), fields.text("sealed")), ("A KEY\r\nB", ""));
        assert_eq!(fields.lines("name"), "A KEY\nB");
        for body in ["nome=A", "name=A&x=", "name=A&name=B", "name=A&name=A", "=A", "NAME=A"] {
            assert!(matches!(read(body).await, Err(Problem::BadForm)), "{body}");
        }
    }

    #[tokio::test]
    async fn a_value_in_the_clear_is_told_as_such() {
        for body in ["value=x", "name=A&password=x", "secret=", "x=1&plaintext=2"] {
            assert!(matches!(read(body).await, Err(Problem::InTheClear)), "{body}");
        }
    }

    #[tokio::test]
    async fn what_is_no_form_or_too_large_is_refused() {
        for kind in ["application/json", "multipart/form-data", "text/plain", ""] {
            assert!(matches!(sent(kind, "name=A").await, Err(Problem::BadForm)), "{kind}");
        }
        let kind = "application/x-www-form-urlencoded";
        for (size, fits) in [(64, true), (65, false)] {
            let body = Body::from(format!("name={}", "x".repeat(size - "name=".len())));
            let mut request = Request::post("/").header(CONTENT_TYPE, kind).body(body).unwrap();
            DefaultBodyLimit::max(64).apply(&mut request);
            match Sent::from_request(request, &()).await {
                Ok(_) => assert!(fits),
                Err(problem) => assert!(!fits && matches!(problem, Problem::TooLarge)),
            }
        }
    }

    #[tokio::test]
    async fn a_box_is_ticked_or_not() {
        let fields = read("name=yes").await.ok().unwrap();
        assert!(matches!(
            (fields.is_ticked("name"), fields.is_ticked("sealed")),
            (Ok(true), Ok(false))
        ));
        let odd = read("name=on").await.ok().unwrap();
        assert!(odd.is_ticked("name").is_err());
    }
}
