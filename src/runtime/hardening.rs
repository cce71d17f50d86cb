//! What the process forbids itself before it touches a value: no core dump holds its
//! memory, and, on Linux, no process of the same user can attach to it.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Turns core dumps off, for this process and what it might start.
///
/// # Errors
/// The operating system refused; then the process must not go on.
pub fn no_core_dumps() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // Elsewhere there is no such switch: a limit of 0 is all that can be said.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn leaves_neither_a_core_limit_nor_a_dumpable_process() {
        no_core_dumps().unwrap();
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
