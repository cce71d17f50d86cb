//! A page that is open stays as the server has it, and what is typed into its search is never
//! sent. Needs Node and Chromium, and no cluster.

use std::path::Path;
use std::process::Command;

use crate::harness::run;

#[test]
fn a_live_page_takes_what_changes_and_its_search_sends_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let mut command = Command::new(folder.join("run.sh"));
    command.arg("live.test.mjs");
    let told = run(command, "").success();
    assert!(told.contains("fail 0"), "{told}");
}
