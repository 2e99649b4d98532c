//! Fullhouse sells numbered seats: one binary, its subcommands, and the wiring of its parts.
//!
//! # Layout
//!
//! * [`cli`]: what can be typed
//! * [`serve`]: the server, from settings to shutdown
//! * [`address`]: addresses as they may be shown
//! * [`store`]: which log there is
//! * [`demo`]: the example hall and its simulated shoppers
//! * [`forget`]: cuts the link between a subject and a person
//! * [`export`]: writes the log in a format that others read
//! * [`history`]: prints what happened, and the seats as they were
//! * [`verify`]: replays the log and checks the promises
//! * [`rehearse`]: the opening of a sale, rehearsed against a running server
//! * [`verify_draw`]: checks the drawn order of a waiting room
//! * [`verify_receipt`]: verifies what a customer keeps
//! * [`checkpoint_key`]: the key that the log is signed with
//! * [`rebuild`]: builds a view anew
//! * [`promise`]: what is promised, as reports name it
//! * [`progress`]: how far a long job is
//! * [`openapi`]: the description of the HTTP interface
//! * [`telemetry`]: logs and metrics
//!
//! This is the only place that reads the environment.

mod address;
mod checkpoint_key;
mod cli;
mod demo;
mod export;
mod forget;
mod history;
mod openapi;
mod progress;
mod promise;
mod rebuild;
mod rehearse;
mod serve;
mod store;
mod telemetry;
mod token;
mod verify;
mod verify_draw;
mod verify_receipt;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use cli::{Cli, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The program could not do what it was asked. Wrong usage has 2 too; 1 is kept for promises that `verify` or `rehearse` found broken.
const EXIT_FAILED: u8 = 2;

/// Prints a result. Whoever reads it may have read enough: `fullhouse verify | head`.
fn print_result(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("the result can't be written"),
    }
}

/// The text of a file, or of standard input when none is named.
fn read_text(file: Option<&Path>) -> anyhow::Result<String> {
    match file {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display())),
        None => std::io::read_to_string(std::io::stdin()).context("standard input can't be read"),
    }
}

fn main() -> ExitCode {
    #[cfg(feature = "planted-bugs")]
    plant_bug();
    let result = match Cli::read().into_subcommand() {
        Subcommand::Serve(settings) => serve::main(settings).map(|()| ExitCode::SUCCESS),
        Subcommand::Migrate(settings) => store::migrate(&settings).map(|()| ExitCode::SUCCESS),
        Subcommand::Token(settings) => token::main(&settings).map(|()| ExitCode::SUCCESS),
        Subcommand::Verify(settings) => verify::main(&settings),
        Subcommand::Rehearse(settings) => rehearse::main(&settings),
        Subcommand::VerifyDraw(settings) => verify_draw::main(&settings),
        Subcommand::Export(settings) => export::main(&settings).map(|()| ExitCode::SUCCESS),
        Subcommand::History(settings) => history::main(&settings).map(|()| ExitCode::SUCCESS),
        Subcommand::Seats(settings) => history::seats(&settings).map(|()| ExitCode::SUCCESS),
        Subcommand::VerifyReceipt(settings) => verify_receipt::main(&settings),
        Subcommand::CheckpointKey(settings) => checkpoint_key::main(&settings).map(|()| ExitCode::SUCCESS),
        Subcommand::Forget(settings) => forget::main(&settings).map(|()| ExitCode::SUCCESS),
        Subcommand::Rebuild(settings) => rebuild::main(&settings).map(|()| ExitCode::SUCCESS),
        Subcommand::Openapi => openapi::main().map(|()| ExitCode::SUCCESS),
        Subcommand::Completions { shell } => {
            cli::print_completions(shell);
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("fullhouse: {error:#}");
        ExitCode::from(EXIT_FAILED)
    })
}

/// For the tests of the tests: a program that breaks a promise.
#[cfg(feature = "planted-bugs")]
fn plant_bug() {
    use fullhouse_domain::planted::{Bug, plant};
    if let Ok(name) = std::env::var("FULLHOUSE_PLANTED_BUG") {
        plant(Bug::parse(&name).expect("there is such a bug"));
    }
}
