//! What measurements and micro-benchmarks share: halls, and holds in them, without HTTP and without a disk.

pub mod hall;
pub mod sale;
