//! Shared scenes of the sync stories; the stories themselves are in `tests/`.
