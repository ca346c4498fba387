//! An unmodified samod client against the server: see `tests/`.
