//! The arguments of `query` and `tail`, and what they ask the server for.

use std::io::{self, IsTerminal};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::client;
use crate::data::{MatchOp, Micros};

const HISTORY: &str = "query($selector: SeriesSelector!, $from: DateTime!, $step: Duration) {
  history(selector: $selector, from: $from, step: $step) { series { key } points { ts value } } }";

const LATEST: &str = "query($selector: SeriesSelector!) {
  latest(selector: $selector) { series { key } ts value } }";

#[derive(Args, Debug)]
pub struct Server {
    /// Where StreamSync listens
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "STREAMSYNC_URL")]
    url: String,
}

/// Which series: all that fit every condition.
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
    /// How far back; without it only the latest value of each series
    #[arg(long, value_parser = humantime::parse_duration)]
    last: Option<Duration>,
    /// Mean values over buckets of this width instead of the stored points
    #[arg(long, requires = "last")]
    step: Option<String>,
    /// A GraphQL text to send instead
    #[arg(conflicts_with_all = ["metric", "labels", "last", "step"])]
    graphql: Option<String>,
    /// The variables of that text, as a JSON object
    #[arg(long, requires = "graphql")]
    variables: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: client::query::Format,
}

#[derive(Args, Debug)]
pub struct TailArgs {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    which: Which,
    /// Begin with what is stored of this span, such as 15m
    #[arg(long)]
    backfill: Option<String>,
    /// Continue behind this cursor
    #[arg(long, conflicts_with = "backfill")]
    after: Option<String>,
    /// Only the newest point of each series in this time, such as 250ms
    #[arg(long)]
    every: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: client::tail::LineFormat,
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
    };
    Ok(json!({"name": name, "op": op, "value": value}))
}

pub async fn query(args: &QueryArgs) -> Result<()> {
    let (text, variables) = match (&args.graphql, args.last) {
        (Some(text), _) => (text.as_str(), args.variables.clone()),
        (None, Some(last)) => {
            let from = Micros::now().minus(last).to_string();
            let variables = json!({"selector": args.which.selector()?, "from": from, "step": args.step});
            (HISTORY, Some(variables.to_string()))
        }
        (None, None) => (
            LATEST,
            Some(json!({"selector": args.which.selector()?}).to_string()),
        ),
    };
    let query = client::Query {
        url: args.server.url.clone(),
        text: text.to_owned(),
        variables,
        operation: None,
        format: args.format,
        timeout: Duration::from_secs(60),
    };
    client::query(&query, &mut io::stdout().lock()).await
}

pub async fn tail(args: &TailArgs) -> Result<()> {
    let tail = client::Tail {
        url: args.server.url.clone(),
        selector: args.which.selector()?,
        after: args.after.clone(),
        backfill: args.backfill.clone(),
        every: args.every.clone(),
        format: args.format,
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
