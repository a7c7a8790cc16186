//! The commands that work on Kafka and Postgres directly, without a running server.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::time::{Instant, sleep, timeout};

use crate::client::{self, times};
use crate::config::{Config, StreamConfig};
use crate::data::audit::Action;
use crate::data::{Header, LabelMatcher, MatchOp, Micros, Selector, Viewer, headers};
use crate::demo;
use crate::embedded_kafka;
use crate::sources::{Broker, Outgoing, Pace, Producer, TopicSpec, ensure_topics, reach, resolve_time};
use crate::store::connect::DatabaseUrl;
use crate::store::embedded::{Embedded, Joined};
use crate::store::{PATIENCE, admin, migrate};
use crate::telemetry::Status;
use crate::transform::Label;

use words::{count, counted};

pub mod archive;
pub mod keys;
pub mod audit;
pub mod doctor;
pub mod dry_run;
pub mod infer;
mod outcome;
pub mod recorded;
pub mod sample_check;
mod sample_file;
pub mod stream_tests;
pub mod words;

/// A broker that is just starting is waited for.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(500);
/// For the topic to be there.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

#[derive(Args, Debug)]
pub struct ProduceArgs {
    /// The stream to send to [default: that of http.write, or the only one]
    #[arg(long)]
    stream: Option<String>,
    /// x.csv or x.ndjson [default: NDJSON from standard input]
    #[arg(long)]
    file: Option<PathBuf>,
    /// The format [default: by the file's ending]
    #[arg(long, value_enum)]
    format: Option<client::produce::InputFormat>,
    /// Fields whose values make the Kafka key; records that name a metric have their series' key
    #[arg(long = "key", value_name = "FIELD", value_delimiter = ',')]
    key_fields: Vec<String>,
}

#[derive(Args, Debug)]
pub struct RewindArgs {
    /// The stream whose topic to read again
    #[arg(long)]
    stream: String,
    /// An offset, for every partition, or a time: 2026-11-28, 2026-11-28T17:44, RFC 3339
    #[arg(long)]
    to: String,
}

#[derive(Args, Debug)]
pub struct DeleteArgs {
    /// The metric whose series to delete
    #[arg(long)]
    metric: Option<String>,
    /// A label the series must carry, as name=value; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<String>,
    /// Delete without asking
    #[arg(long)]
    yes: bool,
}

/// Where in a topic to begin.
enum Place {
    Offset(i64),
    Time(Micros),
}

impl Place {
    fn parse(text: &str) -> Result<Self> {
        match text.parse() {
            Ok(offset) if offset >= 0 => Ok(Self::Offset(offset)),
            Ok(_) => bail!("offsets are not negative"),
            Err(_) => times::parse_utc(text).map(Self::Time),
        }
    }
}

/// The Postgres of the configuration. Where none is set it is the private one: that of a server
/// which runs on the data directory, else one that runs until this is dropped.
struct Store {
    url: DatabaseUrl,
    _private: Option<Joined>,
}

impl Store {
    fn of(config: &Config) -> Result<Self> {
        if let Some(url) = &config.postgres.url {
            return Ok(Self {
                url: url.parse()?,
                _private: None,
            });
        }
        let joined = Embedded::join(&config.data_dir.0)?;
        let url = match &joined {
            Joined::Running(url) => url.clone(),
            Joined::Started(embedded) => embedded.url(),
        };
        Ok(Self {
            url: url.parse()?,
            _private: Some(joined),
        })
    }
}

pub async fn migrate(config: &Config) -> Result<()> {
    let store = Store::of(config)?;
    let applied = migrate::migrate(&store.url).await?;
    match applied.len() {
        0 => println!("the tables are up to date"),
        n => println!("applied {}: {}", counted(n, "migration"), applied.join(", ")),
    }
    Ok(())
}

/// Reads the topic again from `--to` on: a new epoch of each of its partitions.
pub async fn rewind(config: Config, args: &RewindArgs) -> Result<()> {
    let stream = stream_named(&config, Some(&args.stream))?;
    let topic = stream.topic();
    let rewound = match Place::parse(&args.to).context("--to is an offset or a time")? {
        // Of every partition that was read: a topic may have more than were configured.
        Place::Offset(offset) => {
            admin::rewind(&Store::of(&config)?.url, topic, |_| Some(offset), PATIENCE).await?
        }
        Place::Time(time) => {
            let (_, broker) = running_kafka(config.clone()).await?;
            let offsets = resolve_time(&broker, topic, time)?;
            let store = Store::of(&config)?;
            let offset = |partition| offsets.get(&partition).copied();
            admin::rewind(&store.url, topic, offset, PATIENCE).await?
        }
    };
    for (partition, offset) in rewound {
        println!("{topic}/{partition} will be read from offset {offset}");
    }
    Ok(())
}

pub async fn delete_series(config: &Config, args: &DeleteArgs) -> Result<()> {
    if args.metric.is_none() && args.labels.is_empty() {
        bail!("say which series: --metric, --label name=value, or both");
    }
    if !args.yes {
        bail!("this permanently deletes series and all their points; add --yes");
    }
    let labels = args
        .labels
        .iter()
        .map(|pair| {
            let (name, value) = pair
                .split_once('=')
                .with_context(|| format!("--label {pair}: write name=value"))?;
            Ok(LabelMatcher::new(
                name.to_owned(),
                MatchOp::Equal,
                value.to_owned(),
            )?)
        })
        .collect::<Result<_>>()?;
    let selector = Selector {
        metric: args.metric.clone(),
        labels,
    };
    let store = Store::of(config)?;
    let deleted = admin::delete_series(&store.url, &Viewer::operator().select(selector)).await?;
    let what = format!(
        "{}{{{}}}",
        args.metric.as_deref().unwrap_or_default(),
        args.labels.join(",")
    );
    let counts = [("series", deleted.series), ("points", deleted.points)];
    recorded::record(&store.url, Action::DeleteSeries, &what, &counts).await;
    println!(
        "deleted {} series and {}",
        count(deleted.series as usize),
        counted(deleted.points as usize, "point")
    );
    Ok(())
}

pub async fn produce(config: Config, args: &ProduceArgs) -> Result<()> {
    let is_embedded = config.kafka.brokers.is_none();
    let (config, broker) = running_kafka(config).await?;
    let named = args.stream.as_deref().or(config.http.write.stream.as_deref());
    let stream = stream_named(&config, named)?;
    let topic = TopicSpec::new(stream.topic(), stream.partitions);
    let status = Status::default();
    match timeout(ANSWER_WITHIN, ensure_topics(&broker, &[topic], &status)).await {
        Ok(there) => there?,
        Err(_) => bail!(
            "gave up after {} s: {}",
            ANSWER_WITHIN.as_secs(),
            status.snapshot().missing().join("; ")
        ),
    }
    let producer = Producer::new(&broker, crate::app::PRODUCE_PATIENCE)?;
    let headers = [Header {
        name: headers::STREAM.to_owned(),
        value: stream.name.clone().into_bytes(),
    }];
    let what = client::Produce {
        file: args.file.clone(),
        format: args.format,
        key_fields: args.key_fields.clone(),
        label_fields: stream
            .labels
            .iter()
            .filter_map(Label::reads)
            .map(str::to_owned)
            .collect(),
        number_fields: stream.number_fields(),
        progress: std::io::stderr().is_terminal(),
    };
    let mut pace = match is_embedded {
        true => Some(Pace::new(&broker, &config.kafka.group_id, stream.topic())?),
        false => None,
    };
    let to = || format!("Kafka at {}", broker.bootstrap_servers());
    let produced = client::produce(&what, async |records| {
        let mut sending = producer.begin();
        for record in &records {
            let outgoing = Outgoing {
                topic: stream.topic(),
                key: record.key.as_deref(),
                payload: Some(&record.payload),
                headers: &headers,
                timestamp: None,
            };
            sending.add(outgoing).await.with_context(to)?;
        }
        let places = sending.placed().await.with_context(to)?;
        for (placed, record) in places.into_iter().zip(&records) {
            if let Some(pace) = &mut pace {
                pace.sent(placed, record.payload.len());
            }
        }
        if let Some(pace) = &mut pace {
            pace.wait().await?;
        }
        Ok(())
    })
    .await?;
    eprintln!(
        "{} to {} in {:.1} s",
        counted(produced.records as usize, "record"),
        stream.topic(),
        produced.elapsed.as_secs_f64()
    );
    Ok(())
}

fn stream_named<'c>(config: &'c Config, name: Option<&str>) -> Result<&'c StreamConfig> {
    let known = || {
        let names: Vec<_> = config.streams.iter().map(|s| s.name.as_str()).collect();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    match (name, config.streams.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => bail!("say which stream with --stream; configured: {}", known()),
        (Some(name), streams) => streams
            .iter()
            .find(|stream| stream.name == name)
            .with_context(|| format!("no stream '{name}'; configured: {}", known())),
    }
}

/// The broker to send to, once it takes connections: the configured one, or the embedded one of a
/// `demo` or `serve` that runs on the same data directory. The demo's stream comes with the demo.
async fn running_kafka(mut config: Config) -> Result<(Config, Broker)> {
    if config.kafka.brokers.is_none() {
        config.kafka.brokers = Some(embedded_kafka::find(&config.data_dir.0)?);
        // The embedded broker knows no logins.
        config.kafka.properties.clear();
        if config.streams.is_empty() {
            config = demo::configure(config)?;
        }
    }
    let broker = crate::app::broker(&config)?;
    let deadline = Instant::now() + CONNECT_WITHIN;
    let mut told = false;
    while let Some(why) = reach::trouble(&broker).await {
        if Instant::now() >= deadline {
            bail!("{why}");
        }
        if !told {
            eprintln!("{why}; trying for {} s", CONNECT_WITHIN.as_secs());
            told = true;
        }
        sleep(RETRY).await;
    }
    Ok((config, broker))
}
