//! Files made from the code are as the code says.

use std::{fs, path::Path};

use kliv_secrets::{
    api::{KlivSecret, crds},
    runtime::crd_files,
};
use kube::CustomResourceExt;

#[test]
fn crds_on_disk_and_in_the_chart_are_what_the_types_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["crds", "charts/kliv-secrets/files/crds"] {
        if let Err(error) = crd_files::check(&root.join(folder)) {
            panic!("{error:#}");
        }
    }
}

#[test]
fn the_check_names_each_file_that_is_wrong_and_the_repair() {
    let folder = tempfile::tempdir().unwrap();
    crd_files::write(folder.path()).unwrap();
    crd_files::check(folder.path()).unwrap();

    fs::write(folder.path().join("klivsecrets.yaml"), "edited by hand").unwrap();
    fs::remove_file(folder.path().join("klivaccounts.yaml")).unwrap();
    fs::write(folder.path().join("leftover.yaml"), "").unwrap();
    let error = crd_files::check(folder.path()).unwrap_err().to_string();
    for expected in ["klivsecrets.yaml", "klivaccounts.yaml", "leftover.yaml", "Run `make gen`"] {
        assert!(error.contains(expected), "{error}");
    }
}

/// The writer folds long lines: no rule and no text may change by that.
#[test]
fn the_yaml_says_what_the_type_says_to_the_letter() {
    let files = crds::all().unwrap();
    let (_, yaml) = files.iter().find(|(name, _)| *name == "klivsecrets.yaml").unwrap();
    let read: serde_json::Value = serde_saphyr::from_str(yaml).unwrap();
    assert_eq!(read, serde_json::to_value(KlivSecret::crd()).unwrap());
}
