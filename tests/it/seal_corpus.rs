//! The fuzz targets' corpus, replayed on stable.

use std::path::Path;

use kliv_secrets::seal;

#[path = "../../fuzz/src/checks.rs"]
#[expect(unreachable_pub, reason = "public in the fuzz targets' own crate")]
mod checks;

#[test]
fn what_fuzzing_started_from_holds() {
    for (folder, check) in [("sealed", checks::sealed as fn(&[u8]) -> bool), ("keys", checks::keys)]
    {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(folder);
        let mut read = 0;
        let mut refused = 0;
        for entry in std::fs::read_dir(&folder).expect("a corpus") {
            let data = std::fs::read(entry.expect("an entry").path()).expect("a file");
            if check(&data) { read += 1 } else { refused += 1 }
        }
        assert!(read >= 3 && refused >= 3, "{} is too poor: {read}, {refused}", folder.display());
    }
}
