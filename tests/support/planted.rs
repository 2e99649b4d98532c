//! The program in which bugs can be planted.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `./test` puts it.
const PLANTED: &str = "target/fullhouse-planted";

/// The program with the bugs; which one is planted says `FULLHOUSE_PLANTED_BUG`.
pub fn program_with_bugs() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(PLANTED);
    assert!(program.exists(), "{PLANTED} is not there: `cargo build --features planted-bugs && cp target/debug/fullhouse {PLANTED}`");
    // One without bugs does not look at the variable, and would pass every test.
    let asked = Command::new(&program).arg("openapi").env("FULLHOUSE_PLANTED_BUG", "none of these").output().unwrap();
    assert!(!asked.status.success(), "{PLANTED} has no bugs in it: it was built without `--features planted-bugs`");
    program
}
