//! The machine door: `kliv-secrets controller | webhook | crds`.

fn main() {}
