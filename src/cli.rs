//! The commands of the program: two that keep running, and those for the terminal.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::config::{Config, Overrides};
use crate::telemetry::logs::{self, LogFormat};
use crate::{client, demo, graphql, offline, terminal};

/// Kafka time-series into Postgres, served as GraphQL history and live subscriptions.
///
/// Settings: a flag overrides its environment variable, the variable streamsync.toml, the file the
/// default.
#[derive(Debug, Parser)]
#[command(name = "streamsync", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    overrides: Overrides,
    /// How to write logs
    #[arg(long, env = "STREAMSYNC_LOG", global = true, value_enum)]
    log: Option<LogFormat>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the pipeline and the API
    Serve,
    /// Run everything, with recorded series replayed through Kafka
    Demo(DemoArgs),
    /// Check the configuration and report all mistakes, or show what becomes of a sample
    Check(CheckArgs),
    /// Guess the configuration of a stream from a sample of its records
    Infer(offline::infer::InferArgs),
    /// Ask the server of this configuration, on this machine, whether it is alive
    Health,
    /// Check that everything the configuration names is there and well, with remedies
    Doctor(offline::doctor::DoctorArgs),
    /// Check what becomes of the records of [[stream.test]]
    Test,
    /// Show what would become of records that are in Kafka, without storing anything
    DryRun(offline::dry_run::DryRunArgs),
    /// Follow a stream's records between the stages, without storing anything
    Tap(offline::dry_run::TapArgs),
    /// Bring the database's tables up to date
    Migrate,
    /// Print the GraphQL schema
    Schema,
    /// Ask a running server for history
    Query(terminal::QueryArgs),
    /// Follow live points of a running server
    Tail(terminal::TailArgs),
    /// Write points or history of a running server to a file
    Export(terminal::ExportArgs),
    /// Resume a paused stream of a running server
    Resume(terminal::ResumeArgs),
    /// Have the nodes of a running server read their configuration again
    Reload(terminal::ReloadArgs),
    /// Send the points of a file or of standard input through Kafka
    Produce(offline::ProduceArgs),
    /// Read a stream's topic again from an offset or a time (the server must not be running)
    Rewind(offline::RewindArgs),
    /// Delete series with all their points
    DeleteSeries(offline::DeleteArgs),
    /// Make, list, revoke and rotate API keys
    Keys(offline::keys::KeysArgs),
    /// Show who did what
    Audit(offline::audit::AuditArgs),
    /// Archive days that are due, or a range of days
    Archive(offline::archive::ArchiveArgs),
    /// Restore days from the archive
    Restore(offline::archive::RestoreArgs),
}

#[derive(Args, Debug)]
struct DemoArgs {
    /// How often each series sends its next value
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pace: Duration,
}

#[derive(Args, Debug)]
struct CheckArgs {
    /// Show what becomes of each record of this file, or of - for standard input
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// The stream whose records these are [default: the only one]
    #[arg(long, requires = "sample")]
    stream: Option<String>,
}

impl Cli {
    pub fn run(self) -> Result<()> {
        let load = || {
            let config = Config::load(&self.overrides)?;
            logs::init(self.log.unwrap_or(config.log), LOG_FILTER);
            Ok::<_, anyhow::Error>(config)
        };
        match &self.command {
            Command::Serve => in_system(serve(load()?, &self.overrides)),
            Command::Demo(args) => in_system(run_demo(load()?, &self.overrides, args.pace)),
            Command::Check(args) => match &args.sample {
                Some(sample) => {
                    let config = load()?;
                    in_system(offline::sample_check::run(
                        &config,
                        args.stream.as_deref(),
                        sample,
                    ))
                }
                None => check(&load()?),
            },
            Command::Infer(args) => in_system(offline::infer::run(args, load)),
            Command::Health => in_system(health(&Config::of_running(&self.overrides)?)),
            Command::Doctor(args) => offline::doctor::run(&self.overrides, args),
            Command::Test => in_system(async { offline::stream_tests::run(&load()?).await }),
            Command::DryRun(args) => in_system(offline::dry_run::dry_run(load()?, args)),
            Command::Tap(args) => in_system(offline::dry_run::tap(load()?, args)),
            Command::Migrate => in_system(offline::migrate(&load()?)),
            Command::Schema => {
                print!("{}", graphql::sdl());
                Ok(())
            }
            Command::Query(args) => in_system(terminal::query(args)),
            Command::Tail(args) => in_system(terminal::tail(args)),
            Command::Export(args) => in_system(terminal::export(args)),
            Command::Resume(args) => in_system(terminal::resume(args)),
            Command::Reload(args) => in_system(terminal::reload(args)),
            Command::Produce(args) => in_system(offline::produce(load()?, args)),
            Command::Rewind(args) => in_system(offline::rewind(load()?, args)),
            Command::Keys(args) => in_system(offline::keys::keys(&load()?, args)),
            Command::Audit(args) => in_system(offline::audit::audit(&load()?, args)),
            Command::Archive(args) => in_system(offline::archive::archive(&load()?, args)),
            Command::Restore(args) => in_system(offline::archive::restore(&load()?, args)),
            Command::DeleteSeries(args) => in_system(offline::delete_series(&load()?, args)),
        }
    }
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
            "no [[stream]] is configured: write a streamsync.toml (see streamsync.example.toml), or try `streamsync demo`"
        );
    }
    let mut app = App::start(&config).await?;
    app.reload_on_hangup(&config, overrides)?;
    tracing::info!(address = %app.address, url = app.url(), kafka = app.broker.bootstrap_servers(), "serving");
    until_stopped(app).await
}

async fn run_demo(config: Config, overrides: &Overrides, pace: Duration) -> Result<()> {
    let config = demo::configure(config);
    let mut app = App::start(&config).await?;
    app.reload_on_hangup(&config, overrides)?;
    demo::greet(&app);
    let replay = actix::spawn(demo::replay(app.producer.clone(), pace));
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
        Some(auth) => println!("  access    {} roles", auth.roles.len()),
        None => println!("  access    everybody may do everything"),
    }
    if config.streams.is_empty() {
        println!("  stream    none: `demo` brings its own, `serve` needs at least one [[stream]]");
    }
    for stream in &config.streams {
        let (name, topic, partitions) = (&stream.name, stream.topic(), stream.partitions);
        println!("  stream    {name} from topic {topic} ({partitions} partitions)");
    }
    Ok(())
}
