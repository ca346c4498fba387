//! Shared scenes of the sync stories; the stories themselves are in `tests/`.

mod bystanders;
pub mod forge;
mod writer;

pub use bystanders::Bystanders;
pub use writer::Writer;
