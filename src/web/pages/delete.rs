//! Deleting a secret: who loses it, and its name typed to confirm.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::form::Sent;
use super::super::frame::{Frame, Page, Problem, Section, done_at};
use super::super::shown;
use super::super::visit::Visit;
use super::super::words::Done;
use super::super::words::delete::Delete as Words;
use super::secret::{find, is_as_seen, may};
use crate::account::{self, Caller, DryRun, Error, Right, User};
use crate::api::KlivSecret;

#[derive(Template)]
#[template(path = "delete.html")]
pub(crate) struct DeletePage {
    frame: Frame,
    account: String,
    object: String,
    variable: String,
    environment: Option<String>,
    /// None where he may not look.
    losers: Option<Vec<User>>,
    falls_back: bool,
    seen: String,
    is_wrong: bool,
}

impl DeletePage {
    fn t(&self) -> &'static Words {
        &self.frame.t.delete
    }

    async fn of(
        visit: &Visit,
        caller: &Caller,
        secret: &KlivSecret,
        is_wrong: bool,
    ) -> Result<Self, Problem> {
        if !may(caller).await.delete {
            return Err(Error::Forbidden(Right::of("")).into());
        }
        let (users, secrets) = tokio::join!(caller.users(secret), caller.list(false));
        let losers = users.ok().map(|users| users.into_iter().map(shown_user).collect());
        let spec = &secret.spec;
        Ok(Self {
            frame: visit.frame(Section::Secrets, Some(caller)),
            account: caller.namespace.to_string(),
            object: secret.metadata.name.clone().unwrap_or_default(),
            variable: shown::line(&spec.env_var),
            environment: spec.environment.as_deref().map(shown::line),
            losers,
            falls_back: falls_back(secret, &secrets.unwrap_or_default()),
            seen: shown::seen(secret),
            is_wrong,
        })
    }
}

fn shown_user(user: User) -> User {
    User { function: shown::line(&user.function), ..user }
}

/// Whether functions get another value instead: of every environment, where this one is of
/// one alone.
fn falls_back(secret: &KlivSecret, secrets: &[KlivSecret]) -> bool {
    let is_namesake = |other: &KlivSecret| other.spec.env_var == secret.spec.env_var;
    secret.spec.environment.is_some()
        && secrets.iter().any(|other| is_namesake(other) && account::falls_back(other))
}

pub(crate) async fn page(
    visit: Visit,
    Path((account, object)): Path<(String, String)>,
) -> Result<Page<DeletePage>, Problem> {
    let caller = visit.caller(&account)?;
    let secret = find(&caller, &object).await?;
    Ok(Page(DeletePage::of(&visit, &caller, &secret, false).await?))
}

pub(crate) async fn delete(
    visit: Visit,
    Path((account, object)): Path<(String, String)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let fields = sent.only(&["name", "seen"])?;
    let caller = visit.caller(&account)?;
    let secret = find(&caller, &object).await?;
    if !names(&secret, fields.text("name")) {
        let page = DeletePage::of(&visit, &caller, &secret, true).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response());
    }
    is_as_seen(&secret, fields.text("seen"))?;
    caller.delete(&secret, DryRun::None).await?;
    Ok(done_at(&format!("/accounts/{account}"), Done::Deleted).into_response())
}

/// Whether that is its name: the variable's, or the object's.
fn names(secret: &KlivSecret, typed: &str) -> bool {
    typed == secret.spec.env_var || secret.metadata.name.as_deref() == Some(typed)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn secret(spec: Value) -> KlivSecret {
        let name = spec["environment"].as_str().map_or("a-key".into(), |e| format!("a-key.{e}"));
        let secret = json!({
            "metadata": { "name": name }, "spec": spec, "status": { "version": 1 },
        });
        serde_json::from_value(secret).unwrap()
    }

    #[test]
    fn only_its_own_name_confirms() {
        let secret = secret(json!({ "envVar": "A_KEY", "environment": "test" }));
        for typed in ["A_KEY", "a-key.test"] {
            assert!(names(&secret, typed), "{typed}");
        }
        for typed in ["", "a_key", "A_KEY_2", "a-key"] {
            assert!(!names(&secret, typed), "{typed}");
        }
    }

    #[test]
    fn functions_of_an_environment_fall_back_to_the_value_without_one() {
        let of_all = secret(json!({ "envVar": "A_KEY" }));
        let of_test = secret(json!({ "envVar": "A_KEY", "environment": "test" }));
        let both = [of_all.clone(), of_test.clone()];
        assert!(falls_back(&of_test, &both));
        assert!(!falls_back(&of_all, &both));
        assert!(!falls_back(&of_test, &both[1..]));
    }
}
