//! The people's door: `kubectl kliv …`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kliv_secrets::cli::main()
}
