//! `[worker]`

use std::path::PathBuf;

use super::topic::topic;

topic! {
    /// The child process that reads whole documents (compaction, `verify`), so that none can take the server down.
    Worker in "worker" {
        /// The program that is started as `PROGRAM worker`. Without it: this one.
        program: Option<PathBuf> = None, Text("the path of a fieldbook binary");
        /// Address space of one child, in bytes. Beyond: the child ends, and the document is named in the log.
        memory_bytes: u64 = 1_073_741_824, Whole(67_108_864, 68_719_476_736);
        /// How long one job may take, in milliseconds.
        deadline_ms: u64 = 60_000, Whole(100, 3_600_000);
        /// How many children may run at the same time.
        concurrent: usize = 2, Whole(1, 256);
        /// Longest document that a child is given, in bytes.
        input_bytes: usize = 268_435_456, Whole(1_048_576, 4_294_967_296);
        /// Longest answer of a child, in bytes.
        output_bytes: usize = 268_435_456, Whole(1_048_576, 4_294_967_296);
    }
}
