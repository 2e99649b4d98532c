//! The program in which bugs can be planted.

use std::path::{Path, PathBuf};

/// Where `./test` puts it.
const PLANTED: &str = "target/fullhouse-planted";

/// The program with the bugs; which one is planted says `FULLHOUSE_PLANTED_BUG`.
pub fn program_with_bugs() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(PLANTED);
    assert!(program.exists(), "{PLANTED} is not there: `cargo build --features planted-bugs && cp target/debug/fullhouse {PLANTED}`");
    program
}
