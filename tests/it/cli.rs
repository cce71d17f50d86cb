//! What `kubectl kliv` says without a cluster: help, and what it says of a wrong command
//! line. `tests/cmd/` holds it, one file a verb; `TRYCMD=overwrite cargo test --test it cli`
//! writes it anew.

#[test]
fn help_and_errors_of_every_verb_read_as_in_their_transcripts() {
    let cases = trycmd::TestCases::new();
    cases.case("tests/cmd/*.trycmd");
    cases.env("KUBECONFIG", "/nowhere/kubeconfig").env("COLUMNS", "100");
    cases.env("KUBERNETES_SERVICE_HOST", "").env("HOME", "/nowhere");
}

#[test]
fn every_verb_has_a_transcript() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_kubectl-kliv"))
        .arg("--help")
        .output()
        .expect("runs");
    let help = String::from_utf8(help.stdout).expect("text");
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let verbs: Vec<&str> = verbs
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("    "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.contains(&"set"), "{help}");
    for verb in verbs {
        let file = format!("{}/tests/cmd/{verb}.trycmd", env!("CARGO_MANIFEST_DIR"));
        assert!(std::path::Path::new(&file).exists(), "{file} is missing");
    }
}
