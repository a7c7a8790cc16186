//! The arguments of `query`, `tail`, `resume` and `export`, and their requests to the server.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::client;
use crate::data::{Aggregate, MatchOp, Micros};

const HISTORY: &str = "query($selector: SeriesSelector!, $from: DateTime!, $step: Step, $timeZone: String,
    $aggregate: [Aggregate!], $percentiles: [Float!], $groupBy: [String!], $across: Across, $fill: Fill,
    $fillValue: Float, $maxPoints: Int) {
  history(selector: $selector, from: $from, step: $step, timeZone: $timeZone, aggregate: $aggregate,
    percentiles: $percentiles, groupBy: $groupBy, across: $across, fill: $fill, fillValue: $fillValue,
    maxPoints: $maxPoints) { OF points { ts value } } }";

const LATEST: &str = "query($selector: SeriesSelector!) {
  latest(selector: $selector) { series { key } ts value } }";

const RESUME: &str = "mutation($stream: String!) { resumeStream(stream: $stream) { wasPaused } }";

const RELOAD: &str = "mutation { reloadConfiguration { streams atRestart } }";

#[derive(Args, Debug)]
pub struct ReloadArgs {
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
pub struct Server {
    /// Where StreamSync listens
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "STREAMSYNC_URL")]
    url: String,
}

/// Which series: those that match every condition.
#[derive(Args, Debug)]
pub struct Which {
    /// The metric's exact name
    #[arg(long)]
    metric: Option<String>,
    /// A condition on a label: name=value, name!=value, name=~regex or name!~regex; may be repeated
    #[arg(long = "label", value_name = "CONDITION")]
    labels: Vec<String>,
}

#[derive(Args, Debug)]
pub struct QueryArgs {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    which: Which,
    /// How far back; if omitted, the latest value of each series
    #[arg(long, value_parser = humantime::parse_duration)]
    last: Option<Duration>,
    #[command(flatten)]
    buckets: Buckets,
    /// A GraphQL text to send instead
    #[arg(conflicts_with_all = ["metric", "labels", "last", "Buckets"])]
    graphql: Option<String>,
    /// The variables of that text, as a JSON object
    #[arg(long, requires = "graphql")]
    variables: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: client::query::Format,
}

/// Aggregates instead of the stored points.
#[derive(Args, Debug)]
struct Buckets {
    /// Buckets of this length: 10s, 5m, or of the calendar: 1d, 1w, 1mo, 1y
    #[arg(long, requires = "last")]
    step: Option<String>,
    /// The time zone of days and longer, such as Europe/Berlin
    #[arg(long, requires = "step")]
    time_zone: Option<String>,
    /// avg (the default), min, max, sum, count, first, last, stddev, rate, increase, delta, p50, p99.9, …
    #[arg(long, requires = "last", value_parser = aggregate)]
    aggregate: Option<Aggregate>,
    /// Series with equal values of this label become one line; may be repeated
    #[arg(long, requires = "last", value_name = "LABEL")]
    group_by: Option<Vec<String>>,
    /// How they are combined: avg (the default), sum, min, max or count
    #[arg(long, requires = "group_by")]
    across: Option<String>,
    /// The value of buckets without points: null, previous, linear or a number
    #[arg(long, requires = "last")]
    fill: Option<String>,
    /// The maximum number of points per series, or of buckets
    #[arg(long, requires = "last")]
    max_points: Option<u32>,
}

fn aggregate(name: &str) -> Result<Aggregate, String> {
    Aggregate::from_name(name).ok_or_else(|| "not the name of an aggregate".to_owned())
}

impl Buckets {
    fn variables(&self) -> Value {
        let (named, percentile) = match self.aggregate {
            Some(Aggregate::Percentile(percentile)) => (None, Some([percentile])),
            Some(named) => (Some([named.to_string().to_uppercase()]), None),
            None => (None, None),
        };
        let number: Option<f64> = self.fill.as_deref().and_then(|fill| fill.parse().ok());
        let fill = match number {
            Some(_) => Some("VALUE".to_owned()),
            None => self.fill.as_ref().map(|fill| fill.to_uppercase()),
        };
        json!({
            "step": self.step, "timeZone": self.time_zone, "aggregate": named, "percentiles": percentile,
            "groupBy": self.group_by, "across": self.across.as_ref().map(|across| across.to_uppercase()),
            "fill": fill, "fillValue": number, "maxPoints": self.max_points,
        })
    }
}

#[derive(Args, Debug)]
pub struct TailArgs {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    options: client::tail::Options,
}

#[derive(Args, Debug)]
pub struct ResumeArgs {
    #[command(flatten)]
    server: Server,
    /// The stream's name
    #[arg(long)]
    stream: String,
}

#[derive(Args, Debug)]
pub struct ExportArgs {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    which: Which,
    /// The start: RFC 3339, or seconds since 1970
    #[arg(long)]
    from: String,
    /// The end, exclusive; now if omitted
    #[arg(long)]
    to: Option<String>,
    /// json, ndjson, csv, arrow or parquet; by the ending of --out if omitted
    #[arg(long)]
    format: Option<String>,
    /// Times in a text as iso, s, ms or us
    #[arg(long)]
    ts: Option<String>,
    /// Aggregates over buckets of this width instead of the stored points
    #[arg(long)]
    step: Option<String>,
    /// The time zone of steps of days, weeks and months
    #[arg(long, requires = "step")]
    timezone: Option<String>,
    /// avg, min, max, sum, count, first, last, stddev, increase, rate, delta, p99; may be repeated
    #[arg(long, requires = "step", value_delimiter = ',')]
    aggregate: Vec<String>,
    /// The file; it is created when the export is complete; standard output if omitted or -
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Which {
    fn selector(&self) -> Result<Value> {
        let labels = self
            .labels
            .iter()
            .map(|text| condition(text))
            .collect::<Result<Vec<_>>>()?;
        Ok(json!({"metric": self.metric, "labels": labels}))
    }
}

fn condition(text: &str) -> Result<Value> {
    let (name, op, value) = MatchOp::split(text).with_context(|| {
        format!("--label {text}: write name=value, name!=value, name=~regex or name!~regex")
    })?;
    let op = match op {
        MatchOp::Equal => "EQUAL",
        MatchOp::NotEqual => "NOT_EQUAL",
        MatchOp::Matches => "MATCHES",
        MatchOp::NotMatches => "NOT_MATCHES",
        MatchOp::StartsWith => "STARTS_WITH",
    };
    Ok(json!({"name": name, "op": op, "value": value}))
}

pub async fn query(args: &QueryArgs) -> Result<()> {
    let (text, variables) = match (&args.graphql, args.last) {
        (Some(text), _) => (text.clone(), args.variables.clone()),
        (None, Some(last)) => {
            let mut variables = args.buckets.variables();
            variables["selector"] = args.which.selector()?;
            variables["from"] = json!(Micros::now().minus(last).to_string());
            let of = args.buckets.group_by.as_ref().map_or("series", |_| "group");
            let text = HISTORY.replace("OF", &format!("{of} {{ key }}"));
            (text, Some(variables.to_string()))
        }
        (None, None) => {
            let variables = json!({"selector": args.which.selector()?});
            (LATEST.to_owned(), Some(variables.to_string()))
        }
    };
    let out = &mut io::stdout().lock();
    client::query(&args.server.url, &text, variables.as_deref(), args.format, out).await
}

pub async fn resume(args: &ResumeArgs) -> Result<()> {
    let variables = json!({"stream": args.stream}).to_string();
    let (format, mut answer) = (client::query::Format::Json, Vec::new());
    client::query(&args.server.url, RESUME, Some(&variables), format, &mut answer).await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    let stream = &args.stream;
    match answer["resumeStream"]["wasPaused"].as_bool() {
        Some(true) => println!("stream {stream} is read again"),
        _ => println!("stream {stream} was not paused"),
    }
    Ok(())
}

pub async fn reload(args: &ReloadArgs) -> Result<()> {
    let (format, mut answer) = (client::query::Format::Json, Vec::new());
    client::query(&args.server.url, RELOAD, None, format, &mut answer).await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    let names = |field: &str| {
        let names = answer["reloadConfiguration"][field].as_array();
        let names = names.into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect::<Vec<_>>().join(", ")
    };
    match names("streams") {
        none if none.is_empty() => println!("no stream has changed"),
        streams => println!("changed: {streams}"),
    }
    let later = names("atRestart");
    if !later.is_empty() {
        println!("changed at the next start: {later}");
    }
    Ok(())
}

pub async fn tail(args: &TailArgs) -> Result<()> {
    let tail = client::Tail {
        url: &args.server.url,
        selector: args.which.selector()?,
        options: &args.options,
    };
    let say = |news: &str| eprintln!("{news}");
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let cursor = client::tail(&tail, &mut io::stdout().lock(), say, stop).await?;
    if let Some(cursor) = cursor.filter(|_| io::stderr().is_terminal()) {
        eprintln!("continue with --after {cursor}");
    }
    Ok(())
}

pub async fn export(args: &ExportArgs) -> Result<()> {
    let file = args.out.clone().filter(|path| path != Path::new("-"));
    let mut parameters = vec![("from", args.from.clone())];
    parameters.extend(args.which.labels.iter().map(|label| ("label", label.clone())));
    parameters.extend(args.aggregate.iter().map(|name| ("aggregate", name.clone())));
    let optional = [
        ("metric", &args.which.metric),
        ("to", &args.to),
        ("ts", &args.ts),
        ("step", &args.step),
        ("timezone", &args.timezone),
    ];
    let given = optional.map(|(name, value)| value.clone().map(|value| (name, value)));
    parameters.extend(given.into_iter().flatten());
    let ending = || by_ending(file.as_deref()?);
    let format = args.format.clone().or_else(|| ending().map(str::to_owned));
    parameters.push(("format", format.unwrap_or_else(|| "csv".to_owned())));
    let export = client::Export {
        url: args.server.url.clone(),
        resource: if args.step.is_some() { "history" } else { "points" },
        parameters,
        progress: file.is_some() && io::stderr().is_terminal(),
        file,
    };
    let bytes = client::export(&export).await?;
    if let Some(file) = &export.file {
        eprintln!("{} bytes in {}", bytes, file.display());
    }
    Ok(())
}

fn by_ending(file: &Path) -> Option<&'static str> {
    Some(match file.extension()?.to_str()? {
        "json" => "json",
        "ndjson" | "jsonl" => "ndjson",
        "arrow" | "arrows" => "arrow",
        "parquet" => "parquet",
        _ => return None,
    })
}
