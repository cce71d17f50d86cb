//! Files made from the code are as the code says.

use std::{fs, path::Path};

use kliv_secrets::{api::crds, runtime::crd_files};

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
    for ((file, yaml), (_, wanted)) in crds::all().unwrap().iter().zip(crds::values().unwrap()) {
        let read: serde_json::Value = serde_saphyr::from_str(yaml).unwrap();
        assert!(read == wanted, "{file}");
    }
}
