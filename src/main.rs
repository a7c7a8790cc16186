//! Reads the command line, calls [`streamsync::cli`] and turns its outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use streamsync::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("streamsync: {error:#}");
            ExitCode::FAILURE
        }
    }
}
