//! The pages of one secret, of deleting it, of the audit trail and of health, as
//! `kubectl kliv ui` serves them: asked for as a browser asks.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use kliv_secrets::api::{KlivAuditEvent, KlivSecret};
use kliv_secrets::audit;
use kube::api::{Api, DeleteParams};
use serde_json::json;

use crate::account::{Account, function, function_with, kubectl_kliv, secret, secret_with};
use crate::harness::{eventually, run};
use crate::operator::{CONTROLLER, Operator};

/// One person's page, open in one browser.
struct Ui {
    process: Child,
    host: String,
    cookie: String,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Ui {
    /// Opens it in an account, as the admin or as somebody else.
    fn open(account: &Account<'_>, flags: &[&str]) -> Self {
        let args = [&["ui", "--no-browser", "-n", &account.namespace], flags].concat();
        let mut command = kubectl_kliv(account.cluster, &args);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("it runs");
        let mut link = String::new();
        let mut out = BufReader::new(process.stdout.take().expect("piped"));
        out.read_line(&mut link).expect("a link");
        let rest = link.trim().strip_prefix("http://").expect("a link of http");
        let (host, path) = rest.split_once('/').expect("a path");
        let mut ui = Self { process, host: host.to_owned(), cookie: String::new() };
        let answer = ui.ask("GET", &format!("/{path}"), "", "");
        let cookie = answer.header("set-cookie").expect("a session");
        ui.cookie = cookie.split(';').next().expect("a pair").to_owned();
        ui
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "Accept-Language: en\r\n")
    }

    fn get_swedish(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "Accept-Language: sv-SE\r\n")
    }

    /// As a form of a page of ours sends it.
    fn post(&self, path: &str, form: &str) -> Answer {
        let head = format!(
            "Accept-Language: en\r\nOrigin: http://{}\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            self.host,
            form.len()
        );
        self.ask("POST", path, form, &head)
    }

    fn ask(&self, method: &str, path: &str, body: &str, head: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.host).expect("a connection");
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nCookie: {}\r\n{head}\r\n{body}",
            self.host, self.cookie
        );
        stream.write_all(request.as_bytes()).expect("is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a code");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Looks again until the page says it.
    async fn shows(&self, path: &str, words: &str) -> Answer {
        eventually(&format!("{path} shows {words:?}"), async || {
            let answer = self.get(path);
            answer.body.contains(words).then_some(answer)
        })
        .await
    }
}

impl Drop for Ui {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    #[track_caller]
    fn page(self) -> String {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }
}

impl Account<'_> {
    fn web(&self, path: &str) -> String {
        format!("/accounts/{}{path}", self.namespace)
    }

    /// A secret as a form saw it.
    async fn seen(&self, object: &str) -> String {
        let metadata = self.api::<KlivSecret>().get(object).await.expect("the secret").metadata;
        format!("{}.{}", metadata.uid.expect("a uid"), metadata.generation.expect("one"))
    }
}

#[tokio::test]
async fn a_page_tells_what_is_known_of_a_secret_and_that_it_is_live() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "web-one").await;
    account.create(&function("mail")).await;
    account
        .put(&secret_with(json!({
            "envVar": "API_TOKEN", "value": "token-for-everyone-0123456789",
            "description": "<script>alert(1)</script>\u{202e}", "rotateAfterDays": 90,
        })))
        .await;
    let ui = Ui::open(&account, &[]);
    let path = account.web("/secrets/api-token");

    let page = ui.shows(&path, "live on 1 of 1 function").await.page();

    for fact in ["toke****6789", "every 90 days", "via kubectl", "<code>mail</code>", "History"] {
        assert!(page.contains(fact), "{fact}: {page}");
    }
    for code in ["Deno.env.get(", "process.env.API_TOKEN", "os.environ["] {
        assert!(page.contains(code), "{code}");
    }
    assert!(page.contains("&#60;script&#62;alert(1)") && !page.contains("<script>alert"));
    assert!(page.contains("\\u{202e}") && !page.contains('\u{202e}'));
    ui.shows(&path, "runs with the current value").await;
    let swedish = ui.get_swedish(&path).page();
    assert!(swedish.contains("<html lang=\"sv\">") && swedish.contains("i bruk i 1 av 1 funktion"));
    let yaml = ui.get(&format!("{path}/sealed.yaml"));
    assert_eq!(yaml.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(yaml.header("content-disposition").expect("a file").contains("api-token.yaml"));
    let spec = account.published("api-token").await.spec;
    assert!(yaml.body.contains(spec.sealed.as_deref().expect("sealed")), "{}", yaml.body);
    account
        .cluster
        .kubectl_reading(&yaml.body, &["apply", "--dry-run=server", "-f", "-"])
        .success();
    for missing in ["/secrets/absent-token", "/secrets/No%20Name", "/secrets/api_token"] {
        assert_eq!(ui.get(&account.web(missing)).status, 404, "{missing}");
    }
}

#[tokio::test]
async fn a_former_value_comes_back_unless_somebody_else_was_quicker() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "web-back").await;
    account.create(&function("mail")).await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.put(&secret("API_TOKEN", "two")).await;
    let ui = Ui::open(&account, &[]);
    let path = account.web("/secrets/api-token");
    let page = ui.get(&path).page();
    let seen = page.split("name=\"seen\" value=\"").nth(1).expect("a form");
    let seen = seen.split('"').next().expect("its end");

    let done = ui.post(&format!("{path}/rollback"), &format!("version=1&seen={seen}"));

    assert_eq!(done.status, 303, "{}", done.body);
    let to = done.header("location").expect("a page");
    assert!(ui.get(to).page().contains("The former value comes back."));
    account.gets("mail", &[("API_TOKEN", "one")]).await;
    let status = account.published("api-token").await.status.expect("a status");
    assert_eq!((status.version, status.via.as_deref()), (Some(3), Some("web")));
    let late = ui.post(&format!("{path}/rollback"), &format!("version=2&seen={seen}"));
    assert_eq!(late.status, 409);
    assert!(late.body.contains("Somebody else was quicker"), "{}", late.body);
    let seen = account.seen("api-token").await;
    for (form, status) in [
        ("version=2".to_owned(), 409),
        (format!("version=9&seen={seen}"), 409),
        (format!("version=x&seen={seen}"), 400),
        (format!("version=2&seen={seen}&value=c4n4ry"), 400),
    ] {
        let refused = ui.post(&format!("{path}/rollback"), &form);
        assert_eq!(refused.status, status, "{form}: {}", refused.body);
    }
    account.gets("mail", &[("API_TOKEN", "one")]).await;
}

#[tokio::test]
async fn deleting_names_who_loses_it_and_takes_the_name_typed_by_hand() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "web-delete").await;
    account.create(&function("mail")).await;
    account.create(&function_with("pay", &[("requires", "API_TOKEN")])).await;
    account.create(&function_with("idle", &[("inject", "none")])).await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.gets("pay", &[("API_TOKEN", "one")]).await;
    account.gets("mail", &[("API_TOKEN", "one")]).await;
    let ui = Ui::open(&account, &[]);
    let path = account.web("/secrets/api-token/delete");

    let page = ui.get(&path).page();
    assert!(page.contains("<code>mail</code>") && page.contains("<code>pay</code>"), "{page}");
    assert!(!page.contains("<code>idle</code>"), "{page}");
    assert_eq!(page.matches("says that it can&#39;t do without it").count(), 1, "{page}");
    for typed in ["name=", "name=OTHER_TOKEN", "name=%3Cscript%3E"] {
        let refused = ui.post(&path, typed);
        assert_eq!(refused.status, 422, "{typed}");
        assert!(refused.body.contains("That is not its name"), "{typed}");
        assert!(!refused.body.contains("OTHER_TOKEN"), "what was typed is not repeated");
    }
    account.published("api-token").await;
    assert_eq!(ui.post(&path, "name=API_TOKEN").status, 409, "it does not say what was seen");
    let seen = account.seen("api-token").await;
    let done = ui.post(&path, &format!("name=API_TOKEN&seen={seen}"));

    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(done.header("location"), Some(account.web("?done=deleted").as_str()));
    account.gets("pay", &[]).await;
    assert_eq!(ui.get(&account.web("/secrets/api-token")).status, 404);
}

#[tokio::test]
async fn the_trail_tells_who_did_what_and_whether_it_is_whole() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "web-audit").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.put(&secret("OTHER_TOKEN", "two")).await;
    account.put(&secret("API_TOKEN", "three")).await;
    let ui = Ui::open(&account, &[]);
    let path = account.web("/audit");

    ui.shows(&path, "updated").await;
    let page = ui.shows(&path, "The trail is whole").await.page();
    assert!(page.contains("kubernetes-admin") || page.contains("via kubectl"), "{page}");
    let filtered = ui.get(&format!("{path}?secret=OTHER_TOKEN&action=Created")).page();
    assert_eq!(filtered.matches("<tr id=\"event-").count(), 1, "{filtered}");
    assert!(ui.get_swedish(&path).page().contains("Loggen är hel"));
    let export = eventually("the export is as the terminal's", async || {
        let export = ui.get(&format!("{path}/export"));
        let args = ["audit", "export", "-n", &account.namespace];
        let told = run(kubectl_kliv(account.cluster, &args), "").success();
        (export.body == told).then_some(export)
    })
    .await;
    assert!(export.header("content-disposition").expect("a file").contains("audit.jsonl"));
    // The policy lets nobody else.
    let controller = account.cluster.as_user(CONTROLLER, &["system:masters"]);
    let events: Api<KlivAuditEvent> = Api::namespaced(controller, &account.namespace);
    events.delete(&audit::name(2), &DeleteParams::default()).await.expect("is gone");

    let page = ui.shows(&path, "The trail is broken: 1 finding").await.page();

    assert!(page.contains("event 2 was removed"), "{page}");
    assert!(ui.get_swedish(&path).page().contains("händelse 2 har tagits bort"));
}

#[tokio::test]
async fn who_may_only_read_sees_no_controls_and_forged_forms_change_nothing() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "web-read").await;
    account.create(&function("mail")).await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.put(&secret("API_TOKEN", "two")).await;
    account.grant("kliv-secrets-viewer", "vera").await;
    let ui = Ui::open(&account, &["--as", "vera", "--as-group", "system:authenticated"]);
    let path = account.web("/secrets/api-token");

    let page = ui.shows(&path, "live on 1 of 1 function").await.page();

    assert!(!page.contains("/rollback\"") && !page.contains("/delete\""), "{page}");
    assert!(page.contains("kliv-secrets-editor"), "{page}");
    assert!(page.contains("you can&#39;t see: that takes the right to list"), "{page}");
    assert_eq!(ui.get(&format!("{path}/delete")).status, 403);
    for (act, form) in [("rollback", "version=1"), ("delete", "name=API_TOKEN")] {
        let seen = account.seen("api-token").await;
        let refused = ui.post(&format!("{path}/{act}"), &format!("{form}&seen={seen}"));
        assert_eq!(refused.status, 403, "{act}: {}", refused.body);
        assert!(refused.body.contains("You have no right to that"), "{}", refused.body);
    }
    let status = account.published("api-token").await.status.expect("a status");
    assert_eq!(status.version, Some(2));
    let other = Account::new(operator, "web-other").await;
    for foreign in ["/secrets/api-token", "/audit", "/audit/export"] {
        assert_eq!(ui.get(&other.web(foreign)).status, 403, "{foreign}");
    }
    let health = ui.get("/health").page();
    assert!(health.contains("can&#39;t be seen by you"), "{health}");
    assert!(!health.contains("do not work") && !health.contains("does not work"), "{health}");
}

#[tokio::test]
async fn health_tells_an_administrator_what_works_in_both_languages() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "web-health").await;
    let ui = Ui::open(&account, &[]);

    let english = ui.get("/health").page();
    let swedish = ui.get_swedish("/health").page();

    for fact in ["a controller leads", "a made-up value came back sealed", " more days", " act<"] {
        assert!(english.contains(fact), "{fact}: {english}");
    }
    for fact in ["en controller leder", "ett påhittat värde kom tillbaka förseglat", " är i kraft<"]
    {
        assert!(swedish.contains(fact), "{fact}: {swedish}");
    }
    // This cluster has no pods: the parts run beside it.
    assert!(swedish.contains("Deployment kliv-secrets-webhook i namnrymden"), "{swedish}");
    let odd = ui.get("/health?account=kliv-secrets-system").page();
    assert!(odd.contains("That is no account"), "{odd}");
}

#[tokio::test]
async fn a_change_is_told_as_an_event_that_browsers_dispatch() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "web-live").await;
    account.put(&secret("API_TOKEN", "one")).await;
    let ui = Ui::open(&account, &[]);
    let mut stream = TcpStream::connect(&ui.host).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(240))).expect("a limit");
    let path = account.web("/events");
    let head = format!("Host: {}\r\nCookie: {}\r\n", ui.host, ui.cookie);
    write!(stream, "GET {path} HTTP/1.1\r\n{head}\r\n").expect("is sent");
    let mut lines = BufReader::new(stream).lines().map(|line| line.expect("a line in time"));
    assert!(lines.by_ref().any(|line| line.contains("text/event-stream")), "the head comes first");

    account.apply(&secret("API_TOKEN", "two"));

    assert!(lines.by_ref().any(|line| line == "event: changed"));
    let data = lines.next().expect("more");
    assert!(data.starts_with("data: ") && data.len() > 6, "{data:?}: without, none is dispatched");
}
