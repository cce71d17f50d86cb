//! What must hold for every input.

pub use kliv_secrets::account::bundle;
pub use kliv_secrets::seal;

pub mod checks;
pub mod files;
