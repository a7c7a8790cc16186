//! The commands of the program: two that keep running, and those for the terminal.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::config::{Config, Overrides};
use crate::offline::words::counted;
use crate::telemetry::logs::{self, LogFormat};
use crate::terminal::shell;
use crate::{client, demo, graphql, offline, terminal};

mod documents;
mod pages;

/// Kafka time-series into Postgres, served as GraphQL history and live subscriptions.
#[derive(Debug, Parser)]
#[command(name = "streamsync", version, max_term_width = pages::WIDTH)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The arguments of a command that reads the configuration.
#[derive(Args, Debug)]
struct With<A: Args> {
    #[command(flatten)]
    own: A,
    #[command(flatten, next_help_heading = pages::SETTINGS)]
    settings: Settings,
}

#[derive(Args, Debug)]
struct Settings {
    #[command(flatten)]
    overrides: Overrides,
    /// How to write logs
    #[arg(long, env = "STREAMSYNC_LOG", value_enum)]
    log: Option<LogFormat>,
}

#[derive(Args, Debug)]
struct Nothing {}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the pipeline and the API
    Serve(With<Nothing>),
    /// Run everything, with recorded series replayed through Kafka
    Demo(With<DemoArgs>),
    /// Report all mistakes of the configuration, or try a sample
    Check(With<CheckArgs>),
    /// Guess the configuration of a stream from a sample of records
    Infer(With<offline::infer::InferArgs>),
    /// Ask the server on this machine whether it is alive
    Health(With<Nothing>),
    /// Check what the configuration names, with remedies
    Doctor(With<offline::doctor::DoctorArgs>),
    /// Run the [[stream.test]] of the configuration
    Test(With<Nothing>),
    /// Show what would become of records in Kafka; stores nothing
    DryRun(With<offline::dry_run::DryRunArgs>),
    /// Follow a stream's records between the stages; stores nothing
    Tap(With<offline::dry_run::TapArgs>),
    /// Bring the database's tables up to date
    Migrate(With<Nothing>),
    /// Ask a running server for latest values or history
    Query(terminal::QueryArgs),
    /// Follow live points of a running server
    Tail(terminal::TailArgs),
    /// Write points or history of a running server to a file
    Export(terminal::ExportArgs),
    /// Resume a paused stream of a running server
    Resume(terminal::ResumeArgs),
    /// Have all nodes read their configuration again
    Reload(terminal::ReloadArgs),
    /// Send the records of a file or of standard input to Kafka
    Produce(With<offline::ProduceArgs>),
    /// Read a topic again from an offset or a time (server stopped)
    Rewind(With<offline::RewindArgs>),
    /// Delete series with all their points
    DeleteSeries(With<offline::DeleteArgs>),
    /// Make, list, revoke and rotate API keys
    Keys(With<offline::keys::KeysArgs>),
    /// Show who did what
    Audit(With<offline::audit::AuditArgs>),
    /// Archive days that are due, or a range of days
    Archive(With<offline::archive::ArchiveArgs>),
    /// Restore days from the archive
    Restore(With<offline::archive::RestoreArgs>),
    /// Print the GraphQL schema
    Schema,
    /// Print what makes a shell complete commands and options
    Completions(documents::CompletionsArgs),
    /// Print the manual page, or write the pages of all commands
    Man(documents::ManArgs),
}

#[derive(Args, Debug)]
struct DemoArgs {
    /// How often each series sends its next value
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = humantime::parse_duration)]
    pace: Duration,
}

#[derive(Args, Debug)]
struct CheckArgs {
    /// Show what becomes of each record of this file, or of - for standard input
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// The stream whose records these are [default: the only one]
    #[arg(long, value_name = "NAME", requires = "sample")]
    stream: Option<String>,
}

impl<A: Args> With<A> {
    fn load(&self) -> Result<Config> {
        let config = Config::load(&self.settings.overrides)?;
        logs::init(self.settings.log.unwrap_or(config.log), LOG_FILTER);
        Ok(config)
    }
}

/// The command line as it is read and as its help shows it.
fn command() -> clap::Command {
    pages::dressed(Cli::command())
}

/// Does what the command line says; ends the process where it cannot be read.
pub fn run() -> Result<()> {
    let read = Cli::from_arg_matches(&command().get_matches());
    match &read.unwrap_or_else(|error| error.exit()).command {
        Command::Serve(with) => in_system(serve(with.load()?, &with.settings.overrides)),
        Command::Demo(with) => in_system(run_demo(with.load()?, &with.settings.overrides, with.own.pace)),
        Command::Check(with) => match &with.own.sample {
            Some(sample) => {
                let (config, stream) = (with.load()?, with.own.stream.as_deref());
                in_system(offline::sample_check::run(&config, stream, sample))
            }
            None => check(&with.load()?),
        },
        Command::Infer(with) => in_system(offline::infer::run(&with.own, || with.load())),
        Command::Health(with) => in_system(health(&Config::of_running(&with.settings.overrides)?)),
        Command::Doctor(with) => offline::doctor::run(&with.settings.overrides, &with.own),
        Command::Test(with) => in_system(async { offline::stream_tests::run(&with.load()?).await }),
        Command::DryRun(with) => in_system(offline::dry_run::dry_run(with.load()?, &with.own)),
        Command::Tap(with) => in_system(offline::dry_run::tap(with.load()?, &with.own)),
        Command::Migrate(with) => in_system(offline::migrate(&with.load()?)),
        Command::Query(args) => in_system(terminal::query(args)),
        Command::Tail(args) => in_system(terminal::tail(args)),
        Command::Export(args) => in_system(terminal::export(args)),
        Command::Resume(args) => in_system(terminal::resume(args)),
        Command::Reload(args) => in_system(terminal::reload(args)),
        Command::Produce(with) => in_system(offline::produce(with.load()?, &with.own)),
        Command::Rewind(with) => in_system(offline::rewind(with.load()?, &with.own)),
        Command::Keys(with) => in_system(offline::keys::keys(&with.load()?, &with.own)),
        Command::Audit(with) => in_system(offline::audit::audit(&with.load()?, &with.own)),
        Command::Archive(with) => in_system(offline::archive::archive(&with.load()?, &with.own)),
        Command::Restore(with) => in_system(offline::archive::restore(&with.load()?, &with.own)),
        Command::DeleteSeries(with) => in_system(offline::delete_series(&with.load()?, &with.own)),
        Command::Schema => {
            print!("{}", graphql::sdl());
            Ok(())
        }
        Command::Completions(args) => documents::completions(command(), args),
        Command::Man(args) => documents::man(command(), args),
    }
}

/// An error with its causes. Many name their cause themselves; it is not repeated.
pub fn explained(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The program's information, and only problems of libraries.
const LOG_FILTER: &str = "warn,streamsync=info,audit=info,librdkafka=error";

/// Signals this close together are one.
const SAME_SIGNAL: Duration = Duration::from_secs(1);

fn in_system<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    actix::System::new().block_on(work)
}

async fn serve(config: Config, overrides: &Overrides) -> Result<()> {
    if config.streams.is_empty() {
        bail!(
            "no [[stream]] is configured: write a streamsync.toml (see streamsync.example.toml), or try `{} demo`",
            shell::program()
        );
    }
    let mut app = App::start(&config).await?;
    app.reload_on_hangup(&config, overrides)?;
    tracing::info!(address = %app.address, url = app.url(), kafka = app.broker.bootstrap_servers(), "serving");
    until_stopped(app).await
}

async fn run_demo(config: Config, overrides: &Overrides, pace: Duration) -> Result<()> {
    let config = demo::configure(config)?;
    let mut app = App::start(&config).await?;
    app.reload_on_hangup(&config, overrides)?;
    demo::greet(&app, &config);
    let replay = actix::spawn(demo::replay(&app, &config, pace)?);
    let ended = until_stopped(app).await;
    replay.abort();
    ended
}

/// Runs until a signal or a failure that no restart can mend. A second signal ends at once.
async fn until_stopped(mut app: App) -> Result<()> {
    let first = signalled()?;
    let failure = tokio::select! {
        () = first => None,
        why = app.failed() => Some(why),
    };
    tracing::info!("shutting down; a second signal exits at once");
    let insisted = async {
        // A shell and `timeout` signal the process and its group; both signals count as the first.
        tokio::time::sleep(SAME_SIGNAL).await;
        match signalled() {
            Ok(again) => again.await,
            Err(_) => std::future::pending().await,
        }
    };
    let graceful = tokio::select! {
        graceful = app.stop() => graceful,
        () = insisted => false,
    };
    match failure {
        Some(why) => bail!("the pipeline failed: {why}"),
        None if graceful => Ok(()),
        None => bail!("stopped with records that are not stored yet; they are read again at the next start"),
    }
}

/// Ready at the first signal after this call.
fn signalled() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn health(config: &Config) -> Result<()> {
    let http = &config.http;
    match http.operations_listen {
        Some(address) => client::health(address, false).await,
        None => client::health(http.listen, http.tls.is_some()).await,
    }
}

fn check(config: &Config) -> Result<()> {
    let kafka = config.kafka.brokers.as_deref().unwrap_or("embedded broker");
    let postgres = match config.postgres.url {
        Some(_) => "as configured",
        None => "private, in the data directory",
    };
    let latest = match config.redis.url {
        Some(_) => "redis",
        None => "in this process",
    };
    println!("the configuration is valid");
    println!("  kafka     {kafka}");
    println!("  postgres  {postgres}");
    println!("  latest    {latest}");
    let tls = config.http.tls.as_ref().map_or("", |_| " (HTTPS)");
    println!("  listen    {}{tls}", config.http.listen);
    println!("  archive   {}", config.archive.url.as_deref().unwrap_or("none"));
    match &config.auth {
        Some(auth) => println!("  access    {}", counted(auth.roles.len(), "role")),
        None => println!("  access    everybody may do everything"),
    }
    if config.streams.is_empty() {
        println!("  stream    none: `demo` brings its own, `serve` needs at least one [[stream]]");
    }
    for stream in &config.streams {
        let (name, topic) = (&stream.name, stream.topic());
        let partitions = counted(stream.partitions as usize, "partition");
        println!("  stream    {name} from topic {topic} ({partitions})");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_that_an_error_names_itself_is_told_once() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let error = anyhow::Error::new(denied()).context("cannot read x: permission denied");
        assert_eq!(explained(&error), "cannot read x: permission denied");
        let error = anyhow::Error::new(denied()).context("cannot read x");
        assert_eq!(explained(&error), "cannot read x: permission denied");
        assert_eq!(
            explained(&anyhow!("broker away").context("after 0 records")),
            "after 0 records: broker away"
        );
    }
}
