//! Import of an `.env` file. The browser reads it, shows what would become of each line and
//! seals what is chosen; here arrive names, environments and sealed values only.

use askama::Template;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::super::form::Sent;
use super::super::frame::{Frame, Page, Problem, Section, done_at};
use super::super::site::Site;
use super::super::visit::Visit;
use super::super::words::{Done, problem};
use super::sealing::Sealing;
use super::secret::may;
use super::secrets_rows::environments;
use crate::account::{
    Change, DryRun, How, Imported, Row, SealedAt, Target, Unfit, sealed_at_least,
};
use crate::api::names::MAX_SECRETS;
use crate::api::{KlivSecret, check_env_var, check_environment};

/// The page and its form.
pub(crate) fn routes() -> MethodRouter<Site> {
    get(page).post(post)
}

#[derive(Template)]
#[template(path = "import.html")]
pub(crate) struct Import {
    frame: Frame,
    account: String,
    /// Whether he may write here at all.
    may: bool,
    sealing: Option<Sealing>,
    environments: Vec<String>,
    /// For the script, as JSON.
    there: String,
}

#[derive(Template)]
#[template(path = "imported.html")]
struct NotAll {
    frame: Frame,
    account: String,
    written: usize,
    failed: Vec<Failed>,
}

/// A secret that was not written, and why.
struct Failed {
    object: String,
    why: String,
}

pub(crate) async fn page(
    visit: Visit,
    Path(account): Path<String>,
) -> Result<Page<Import>, Problem> {
    let caller = visit.caller(&account)?;
    let (secrets, rights, sealing) =
        tokio::join!(caller.list(false), may(&caller), Sealing::of(&caller, None, visit.now));
    let secrets = secrets?;
    Ok(Page(Import {
        frame: visit.frame(Section::Import, Some(&caller)),
        account,
        may: rights.create || rights.change,
        sealing,
        environments: environments(&secrets).0,
        there: there(&secrets, visit.now),
    }))
}

/// What the script has to know of the secrets that are there, for a data block: by object,
/// the variable, whether it waits for its value, its mask, and when a new value is to be
/// sealed.
fn there(secrets: &[KlivSecret], now: Timestamp) -> String {
    let secrets: serde_json::Map<String, Json> = secrets
        .iter()
        .map(|secret| {
            let mask = secret.status.as_ref().and_then(|status| status.masked_value.as_deref());
            let about = json!({
                "variable": secret.spec.env_var,
                "waits": secret.spec.sealed.is_none(),
                "mask": mask.unwrap_or_default(),
                "sealedAt": sealed_at_least(Some(secret), now).as_second(),
            });
            (secret.name_any(), about)
        })
        .collect();
    // Nothing in it ends the element that it stands in.
    Json::Object(secrets).to_string().replace('<', "\\u003c")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SentRow {
    variable: String,
    environment: Option<String>,
    sealed: String,
    sealed_at: String,
    overwrite: bool,
}

async fn post(visit: Visit, Path(account): Path<String>, sent: Sent) -> Result<Response, Problem> {
    // One field, since there is no end to rows.
    let rows = read(sent.only(&["rows"])?.text("rows"))?;
    let caller = visit.caller(&account)?;
    let key = caller.sealing_key().await?;
    let plan = caller.plan_import(rows).await?;
    plan.check(false).map_err(crate::account::Error::from)?;
    let mut failed: Vec<Failed> = plan
        .0
        .iter()
        .filter(|planned| planned.change == Change::Stays)
        .map(|planned| {
            let exists = Unfit::Exists(planned.target.variable.clone()).into();
            failed_one(&visit, &planned.target, exists)
        })
        .collect();
    let how = How { key: &key, now: visit.now, dry_run: DryRun::None };
    let mut written = 0;
    for Imported { target, written: result } in caller.import(plan, &how).await? {
        match result {
            Ok(_) => written += 1,
            Err(error) => failed.push(failed_one(&visit, &target, error)),
        }
    }
    if failed.is_empty() {
        return Ok(done_at(&format!("/accounts/{account}"), Done::Imported).into_response());
    }
    let frame = visit.frame(Section::Import, Some(&caller));
    Ok(Page(NotAll { frame, account, written, failed }).into_response())
}

/// What was sent, checked by the same gate as everything else. Quotes nothing of it.
fn read(rows: &str) -> Result<Vec<Row>, Problem> {
    let rows: Vec<SentRow> = serde_json::from_str(rows).map_err(|_| Problem::BadForm)?;
    if rows.is_empty() || rows.len() > MAX_SECRETS {
        return Err(Problem::BadForm);
    }
    rows.into_iter().map(read_one).collect()
}

fn read_one(row: SentRow) -> Result<Row, Problem> {
    check_env_var(&row.variable).map_err(|_| Problem::BadForm)?;
    row.environment.as_deref().map_or(Ok(()), check_environment).map_err(|_| Problem::BadForm)?;
    let value = SealedAt::read(&row.sealed, &row.sealed_at).map_err(|_| Problem::BadForm)?;
    Ok(Row {
        target: Target::new(row.variable, row.environment),
        value: value.into(),
        overwrite: row.overwrite,
    })
}

fn failed_one(visit: &Visit, target: &Target, error: crate::account::Error) -> Failed {
    let (title, detail) = problem::words(&error.into(), visit.language);
    Failed { object: target.object(), why: format!("{title}. {detail}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::KlivSecretSpec;

    fn read_text(rows: &Json) -> Result<Vec<Row>, Problem> {
        read(&rows.to_string())
    }

    fn row() -> Json {
        json!({
            "variable": "A_KEY", "environment": null, "overwrite": false,
            "sealed": format!("kliv1.{}.{}", "0".repeat(32), "A".repeat(160)),
            "sealedAt": "2026-11-29T10:00:00.123Z",
        })
    }

    #[test]
    fn only_names_environments_and_sealed_values_are_taken() {
        assert_eq!(read_text(&json!([row()])).map(|rows| rows.len()).ok(), Some(1));
        for (field, wrong) in [
            ("variable", json!("PATH")),
            ("variable", json!("A=s3cr3t")),
            ("environment", json!("Prod")),
            ("environment", json!("")),
            ("sealed", json!("s3cr3t")),
            ("sealedAt", json!("s3cr3t")),
            ("overwrite", json!("s3cr3t")),
            ("value", json!("s3cr3t")),
        ] {
            let mut row = row();
            row[field] = wrong;
            assert!(matches!(read_text(&json!([row])), Err(Problem::BadForm)), "{field}");
        }
        for rows in [json!([]), json!({}), json!("s3cr3t"), json!(vec![row(); MAX_SECRETS + 1])] {
            assert!(matches!(read_text(&rows), Err(Problem::BadForm)));
        }
    }

    #[test]
    fn what_is_there_can_not_end_the_block_that_it_stands_in() {
        let mut secret = KlivSecret::new(
            "a-key",
            KlivSecretSpec { env_var: "</script><b>".into(), ..KlivSecretSpec::default() },
        );
        secret.status = Some(serde_json::from_value(json!({ "maskedValue": "<!--" })).unwrap());
        let text = there(&[secret], Timestamp::UNIX_EPOCH);
        assert!(!text.contains('<'), "{text}");
        assert!(serde_json::from_str::<Json>(&text).unwrap()["a-key"]["waits"] == true);
    }

    #[test]
    fn a_whole_account_fits_into_what_may_be_sent() {
        let longest = 900 * 1024 * 3 / 2 + MAX_SECRETS * 512;
        assert!(longest < crate::web::limits::IMPORT);
    }
}
