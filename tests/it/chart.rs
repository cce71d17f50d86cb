//! The chart's generated files.

use std::path::{Path, PathBuf};

use kliv_secrets::api::cel_not_reserved;
use kliv_secrets::runtime::crd_files;

#[test]
fn the_charts_crds_are_those_of_the_types() {
    let folder = chart("files/crds");
    if std::env::var_os("KLIV_GEN").is_some() {
        crd_files::write(&folder).expect("writes");
    }
    crd_files::check(&folder).expect("`make gen` repairs it");
}

#[test]
fn the_confinement_policy_knows_the_reserved_names() {
    let file = chart("files/not-reserved.cel");
    let wanted = format!("{}\n", cel_not_reserved("e.name"));
    if std::env::var_os("KLIV_GEN").is_some() {
        std::fs::write(&file, &wanted).expect("writes");
    }
    let stored = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(stored == wanted, "{} is not as the code says: run `make gen`", file.display());
}

fn chart(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/kliv-secrets").join(path)
}
