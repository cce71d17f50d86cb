//! What the chart repeats of the code is as the code says.

use std::path::Path;

use kliv_secrets::api::cel_not_reserved;

/// With `KLIV_GEN` set it writes the file first, as `make gen` does.
#[test]
fn the_confinement_policy_knows_the_reserved_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("charts/kliv-secrets/files/not-reserved.cel");
    let wanted = format!("{}\n", cel_not_reserved("e.name"));
    if std::env::var_os("KLIV_GEN").is_some() {
        std::fs::write(&file, &wanted).expect("writes");
    }
    let stored = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(stored == wanted, "{} is not as the code says: run `make gen`", file.display());
}
