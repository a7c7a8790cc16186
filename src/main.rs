//! Reads the command line, calls [`streamsync::cli`] and turns its outcome into an exit code.

use std::process::ExitCode;

use streamsync::cli;

/// Its background threads give back what clients have left behind (ADR 34).
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // What the crash tests plan in FAILPOINTS; in effect until it is dropped.
    #[cfg(feature = "failpoints")]
    let _planned = fail::FailScenario::setup();
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("streamsync: {}", cli::explained(&error));
            ExitCode::FAILURE
        }
    }
}
