//! The `fieldbook` binary.

fn main() {}
