//! What a delivered change costs the server.
fn main() {}
