//! `kubectl kliv` on a terminal: what it asks, what it shows, and what it leaves behind.

use std::time::Duration;

use kliv_secrets::api::KlivSecret;
use kliv_secrets::runtime::clock;
use serde_json::json;
use unicode_width::UnicodeWidthStr as _;

use crate::account::{Account, function, kubectl_kliv, secret, secret_with};
use crate::harness::{Left, Terminal};
use crate::operator::Operator;

/// No screen may ever show it.
const CANARY: &str = "sk_live_c4n4ryc4n4ryc4n4ryXYZ";
/// Within half the time for which the program waits for more.
const PIECES: Duration = Duration::from_millis(50);
const ERASE_LINE: &str = "\r\u{1b}[K";

async fn account(name: &str) -> Account<'static> {
    Account::new(Operator::shared().await, name).await
}

/// `kubectl kliv` on a terminal of 100 columns.
fn kliv(account: &Account<'_>, args: &[&str]) -> Terminal {
    kliv_on(account, 100, args)
}

fn kliv_on(account: &Account<'_>, columns: u16, args: &[&str]) -> Terminal {
    let args = [args, &["-n", &account.namespace]].concat();
    Terminal::start(kubectl_kliv(account.cluster, &args), columns)
}

#[track_caller]
fn ends_well(terminal: Terminal) -> String {
    let Left { code, shown, echoes } = terminal.ends();
    assert_eq!(code, 0, "{shown}");
    assert!(echoes && !shown.contains(CANARY), "{shown}");
    shown
}

#[track_caller]
fn ends_with(code: i32, terminal: Terminal) -> String {
    let left = terminal.ends();
    assert_eq!(left.code, code, "{}", left.shown);
    assert!(left.echoes && !left.shown.contains(CANARY), "{}", left.shown);
    left.shown
}

async fn there(account: &Account<'_>, name: &str) -> Option<KlivSecret> {
    account.api().get_opt(name).await.expect("an answer")
}

#[tokio::test]
async fn a_value_that_is_typed_is_not_shown_and_the_progress_is() {
    let account = account("tty-set").await;
    account.create(&function("mail")).await;
    let mut terminal = kliv(&account, &["set", "STRIPE_API_KEY"]);
    terminal.shows(&format!("value of STRIPE_API_KEY in {} (hidden): ", account.namespace));
    assert!(!terminal.echoes(), "what is typed is hidden");

    terminal.types("wrong\u{15}");
    terminal.types(&format!("{CANARY}\r"));

    terminal.shows("recognised: Stripe live secret key");
    terminal.shows("stripe-api-key created");
    terminal.shows(&format!("{ERASE_LINE}waiting for the operator"));
    let shown = ends_well(terminal);
    // The line of progress is gone when the last word is said.
    assert!(shown.ends_with(&format!("{ERASE_LINE}live on 1 of 1 function\r\n")), "{shown:?}");
    account.gets("mail", &[("STRIPE_API_KEY", CANARY)]).await;
}

#[tokio::test]
async fn ctrl_c_at_the_hidden_prompt_gives_the_terminal_back_and_writes_nothing() {
    let account = account("tty-ctrl-c").await;
    for (verb, asks) in [
        (&["set", "API_TOKEN"][..], "value of API_TOKEN"),
        (&["seal", "API_TOKEN"], "value of API_TOKEN"),
    ] {
        let mut terminal = kliv(&account, verb);
        terminal.shows(asks);
        terminal.shows("(hidden): ");
        terminal.types(&format!("{CANARY}\u{3}"));
        let shown = ends_with(130, terminal);
        assert!(shown.ends_with("error: interrupted; nothing was written\r\n"), "{shown:?}");
    }
    assert!(there(&account, "api-token").await.is_none());
    // At a question that is shown, the signal does it.
    account.put(&secret("API_TOKEN", "one")).await;
    let mut terminal = kliv(&account, &["delete", "API_TOKEN"]);
    terminal.shows("[y/N] ");
    terminal.types("\u{3}");
    ends_with(130, terminal);
    assert!(there(&account, "api-token").await.is_some());
}

#[tokio::test]
async fn several_lines_at_the_hidden_prompt_are_refused_and_do_not_reach_the_shell() {
    let account = account("tty-paste").await;
    let mut terminal = kliv(&account, &["set", "API_TOKEN"]);
    terminal.shows("(hidden): ");
    terminal.types(&format!("{CANARY}\nrm -rf {CANARY}\n"));
    let shown = ends_with(1, terminal);
    assert!(shown.contains("several lines: give it with --from-file"), "{shown}");

    // Piece by piece, as a slow line brings it; not so slow that it looks like a whole.
    let terminal = loop {
        let mut terminal = kliv(&account, &["set", "API_TOKEN"]);
        terminal.shows("(hidden): ");
        let begun = clock::monotonic();
        for line in ["-----BEGIN KEY-----", CANARY, "-----END KEY-----"] {
            terminal.types(&format!("{line}\r"));
        }
        if begun.elapsed() < PIECES {
            break terminal;
        }
        terminal.hangs_up();
    };
    let shown = ends_with(1, terminal);
    assert!(shown.contains("several lines"), "{shown}");
    let mut terminal = kliv(&account, &["set", "API_TOKEN"]);
    terminal.shows("(hidden): ");
    terminal.types("-----BEGIN KEY-----\r");
    let shown = ends_with(1, terminal);
    assert!(shown.contains("the first line of a key only"), "{shown}");
    assert!(there(&account, "api-token").await.is_none());
}

#[tokio::test]
async fn somebody_who_can_answer_is_asked_where_a_value_is_odd() {
    let account = account("tty-odd").await;
    for (answer, is_written) in [("\r", false), ("n\r", false), ("y\r", true)] {
        let mut terminal = kliv(&account, &["set", "API_TOKEN"]);
        terminal.shows("(hidden): ");
        terminal.types(&format!("\"{CANARY}\"\r"));
        terminal.shows("\u{1b}[33;1mWarning:\u{1b}[0m ");
        terminal.shows("Write it all the same? [y/N] ");
        assert!(terminal.echoes(), "an answer is shown");
        terminal.types(answer);
        match is_written {
            true => assert!(ends_well(terminal).contains("api-token created")),
            false => assert!(ends_with(1, terminal).contains("error: nothing was done")),
        }
        assert_eq!(there(&account, "api-token").await.is_some(), is_written, "{answer:?}");
    }
    let mut terminal = kliv(&account, &["set", "OTHER_TOKEN", "--yes"]);
    terminal.shows("(hidden): ");
    terminal.types(&format!("\"{CANARY}\"\r"));
    assert!(!ends_well(terminal).contains("[y/N]"));
}

#[tokio::test]
async fn delete_asks_and_takes_only_yes_for_it() {
    let account = account("tty-delete").await;
    account.create(&function("mail")).await;
    account.put(&secret("API_TOKEN", "one")).await;
    let question =
        format!("Delete klivsecret.secrets.kliv.dev/api-token in {}? [y/N] ", account.namespace);
    for (answer, code) in [("no\r", 1), ("Yes\r", 0)] {
        let mut terminal = kliv(&account, &["delete", "API_TOKEN"]);
        terminal.shows("superseded set still holds the value");
        terminal.shows(&question);
        terminal.types(answer);
        ends_with(code, terminal);
        assert_eq!(there(&account, "api-token").await.is_some(), code != 0);
    }
    account.put(&secret("API_TOKEN", "two")).await;
    let shown = ends_well(kliv(&account, &["delete", "API_TOKEN", "-y", "--no-wait"]));
    assert!(!shown.contains("[y/N]") && shown.contains("api-token deleted"), "{shown}");
}

#[tokio::test]
async fn import_shows_what_would_change_then_asks() {
    let account = account("tty-import").await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("some.env");
    std::fs::write(&file, format!("A_TOKEN={CANARY}\nB_TOKEN={CANARY}b\n")).expect("a file");
    let file = file.to_str().expect("text");
    for (answer, code) in [("n\r", 1), ("y\r", 0)] {
        let mut terminal = kliv(&account, &["import", file]);
        terminal.shows("sk_l****yXYZ");
        terminal.shows("(2 new, 0 answered, 0 replaced)? [y/N] ");
        terminal.types(answer);
        ends_with(code, terminal);
        assert_eq!(there(&account, "b-token").await.is_some(), code == 0);
    }
}

#[tokio::test]
async fn a_watched_list_shows_each_change_in_a_row() {
    let account = account("tty-watch").await;
    account.put(&secret("FIRST_TOKEN", "first-value-0123456789")).await;
    let mut terminal = kliv(&account, &["list", "-w"]);
    terminal.shows("NAME");
    terminal.shows("FIRST_TOKEN");
    terminal.shows("firs****6789");

    account.put(&secret("FIRST_TOKEN", "second-value-9876543210")).await;
    terminal.shows("FIRST_TOKEN");
    terminal.shows("seco****3210");
    account.put(&secret("SECOND_TOKEN", "one")).await;
    terminal.shows("SECOND_TOKEN");
    terminal.shows("live");

    terminal.types("\u{3}");
    let shown = ends_with(130, terminal);
    assert_eq!(shown.matches("NAME").count(), 1, "{shown}");
}

/// A function, and secrets that are due for a new value.
async fn has_expired(account: &Account<'_>, names: &[&str]) {
    account.create(&function("api")).await;
    for name in names {
        let spec = json!({
            "envVar": name, "value": "old", "expirationTime": "2020-01-01T00:00:00Z",
        });
        account.put(&secret_with(spec)).await;
    }
}

#[tokio::test]
async fn rotate_due_walks_through_what_is_due_and_asks_for_each() {
    let account = account("tty-due").await;
    has_expired(&account, &["ENDED_A", "ENDED_B", "ENDED_C"]).await;
    account.put(&secret("GOOD_TOKEN", "good")).await;
    let mut terminal = kliv(&account, &["rotate", "--due"]);
    for name in ["ended-a", "ended-b", "ended-c"] {
        terminal.shows(name);
    }
    for (name, answer) in [("ended-a", "n\r"), ("ended-b", "y\r"), ("ended-c", "y\r")] {
        terminal.shows(&format!("A new value for {name} now? [y/N] "));
        terminal.types(answer);
        if answer == "y\r" {
            terminal.shows(&format!("new value of {name}"));
            terminal.shows("(hidden): ");
            terminal.types(&format!("{CANARY}{name}\r"));
            terminal.shows(&format!("{name} rotated"));
        }
    }
    let shown = ends_well(terminal);
    assert!(shown.ends_with("live on 1 of 1 function\r\n"), "{shown:?}");
    assert!(!shown.contains("good-token"), "{shown}");
    let (b, c) = (format!("{CANARY}ended-b"), format!("{CANARY}ended-c"));
    let wanted = [("ENDED_A", "old"), ("ENDED_B", &b), ("ENDED_C", &c), ("GOOD_TOKEN", "good")];
    account.gets("api", &wanted).await;
}

#[tokio::test]
async fn rotate_due_goes_on_after_a_slip_and_waits_for_what_was_written() {
    let account = account("tty-slip").await;
    has_expired(&account, &["ENDED_A", "ENDED_B"]).await;
    let mut terminal = kliv(&account, &["rotate", "--due"]);
    for (typed, told) in [("", "error: ended-a: the value is empty"), (CANARY, "ended-b rotated")] {
        terminal.shows("now? [y/N] ");
        terminal.types("y\r");
        terminal.shows("(hidden): ");
        terminal.types(&format!("{typed}\r"));
        terminal.shows(told);
    }
    let shown = ends_with(1, terminal);
    assert!(shown.ends_with("live on 1 of 1 function\r\n1 rotated, 1 not\r\n"), "{shown:?}");
    account.gets("api", &[("ENDED_A", "old"), ("ENDED_B", CANARY)]).await;
}

#[tokio::test]
async fn rotate_due_that_is_interrupted_says_what_was_rotated_and_waits_for_it() {
    let account = account("tty-due-ctrl-c").await;
    has_expired(&account, &["ENDED_A", "ENDED_B"]).await;
    let mut terminal = kliv(&account, &["rotate", "--due"]);
    for (name, typed) in [("ended-a", "\r"), ("ended-b", "\u{3}")] {
        terminal.shows(&format!("A new value for {name} now? [y/N] "));
        terminal.types("y\r");
        terminal.shows("(hidden): ");
        terminal.types(&format!("{CANARY}{typed}"));
    }
    let shown = ends_with(130, terminal);
    let end = "live on 1 of 1 function\r\nerror: interrupted: 1 rotated, the others not\r\n";
    assert!(shown.ends_with(end), "{shown:?}");
    account.gets("api", &[("ENDED_A", CANARY), ("ENDED_B", "old")]).await;
}

#[tokio::test]
async fn a_table_fits_the_terminal_and_what_names_a_secret_stays_whole() {
    let account = account("tty-narrow").await;
    let user = "somebody-with-a-long-name@a-long-domain.example.org";
    let put = ["apply", "-f", "-", "--as", user, "--as-group=system:masters"];
    let spec = json!({ "envVar": "PAYMENT_PROVIDER_KEY", "value": "long-value-0123456789" });
    account.kubectl(&put, &secret_with(spec)).success();
    account.published("payment-provider-key").await;
    for columns in [38, 60, 72, 90, 200] {
        let shown = ends_well(kliv_on(&account, columns, &["list"]));
        let width = shown.lines().map(|line| line.width()).max().unwrap_or_default();
        assert!(width <= usize::from(columns), "{columns}:\n{shown}");
        assert!(shown.contains("PAYMENT_PROVIDER_KEY") && shown.contains("long****6789"));
        assert_eq!(shown.contains(user), columns == 200, "{columns}:\n{shown}");
    }
}

#[tokio::test]
async fn colours_are_for_those_who_want_them() {
    let account = account("tty-colour").await;
    let args = ["set", "API_TOKEN", "--dry-run=client", "-n", &account.namespace];
    for (colour, variable) in [(true, None), (true, Some("")), (false, Some("1"))] {
        let mut command = kubectl_kliv(account.cluster, &args);
        if let Some(value) = variable {
            command.env("NO_COLOR", value);
        }
        let mut terminal = Terminal::start(command, 100);
        terminal.shows("(hidden): ");
        terminal.types(&format!("\"{CANARY}\"\r"));
        let shown = ends_well(terminal);
        assert!(shown.contains("Warning:"), "{shown}");
        assert_eq!(shown.contains("\u{1b}["), colour, "{variable:?}: {shown:?}");
    }
}
