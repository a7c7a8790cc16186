//! Reads the command line, calls [`streamsync::cli`] and turns its outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use streamsync::cli::Cli;

fn main() -> ExitCode {
    // What the crash tests plan in FAILPOINTS; in effect until it is dropped.
    #[cfg(feature = "failpoints")]
    let _planned = fail::FailScenario::setup();
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("streamsync: {error:#}");
            ExitCode::FAILURE
        }
    }
}
