//! `streamsync demo`: real series from `demo/`, replayed through Kafka with present timestamps.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::config::{Config, StreamConfig};
use crate::sources::demo::Replay;
use crate::sources::{DemoSeries, Producer};

const STREAM: &str = "demo";
const TOPIC: &str = "streamsync.demo";

macro_rules! recordings {
    ($($key:literal: $file:literal,)*) => {
        [$(($key, include_str!(concat!("../demo/", $file, ".csv")))),*]
    };
}

/// Series key and recording; see `demo/README.md` for their source and licence.
const RECORDINGS: [(&str, &str); 7] = recordings! {
    r#"ec2_cpu_utilization{instance="24ae8d"}"#: "ec2_cpu_utilization_24ae8d",
    r#"ec2_cpu_utilization{instance="53ea38"}"#: "ec2_cpu_utilization_53ea38",
    r#"ec2_network_in_bytes{instance="a2eb1cd9",region="us-east-1"}"#: "iio_us-east-1_i-a2eb1cd9_NetworkIn",
    r#"elb_request_count{balancer="8c0756"}"#: "elb_request_count_8c0756",
    r#"ad_cost_per_click{exchange="2"}"#: "exchange-2_cpc_results",
    r#"ad_cost_per_mille{exchange="2"}"#: "exchange-2_cpm_results",
    r#"key_hold{host="workstation"}"#: "rogue_agent_key_hold",
};

/// The configuration plus the demo's stream, unless it has one of that name.
pub fn configure(mut config: Config) -> Config {
    if !config.streams.iter().any(|stream| stream.name == STREAM) {
        config.streams.push(StreamConfig {
            name: STREAM.to_owned(),
            topic: Some(TOPIC.to_owned()),
            partitions: 4,
            ..StreamConfig::default()
        });
    }
    config
}

/// Sends forever; a failure ends the replay, not the program.
pub async fn replay(producer: Arc<Producer>, pace: Duration) {
    let replay = Replay {
        stream: STREAM.to_owned(),
        topic: TOPIC.to_owned(),
        pace,
    };
    let ended = async {
        let series = RECORDINGS.iter().map(|(key, csv)| DemoSeries::parse(key, csv));
        let series = series.collect::<Result<Vec<_>, _>>()?;
        Ok::<(), anyhow::Error>(replay.run(&producer, &series).await?)
    };
    if let Err(error) = ended.await {
        tracing::error!(%error, "the demo producer stopped");
    }
}

/// The program's name as it was called, so that pasted commands work without PATH.
fn program() -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let called = std::env::args().next();
    let called = called.filter(|called| !called.is_empty() && called.chars().all(is_plain));
    called.unwrap_or_else(|| "streamsync".to_owned())
}

/// Prints addresses, and commands to paste.
pub fn greet(app: &App) {
    let (kafka, url) = (app.broker.bootstrap_servers(), app.url());
    let kind = match app.broker.is_embedded() {
        true => "embedded: in memory, a few MiB per partition, lost at exit",
        false => "Apache Kafka",
    };
    println!(
        r#"
StreamSync replays {n} recorded series through Kafka.

{dashboard}  GraphQL   {url}/graphql   (WebSocket: {ws}/graphql)
  health    {url}/livez     {url}/readyz
  metrics   {url}/metrics
  Kafka     {kafka}   ({kind})

Ask for history:

  curl -s {url}/graphql -H 'content-type: application/json' \
    -d '{{"query":"{{ latest(selector: {{}}) {{ series {{ key }} ts value }} }}"}}'

  {program} query --url {url} --metric ec2_cpu_utilization --last 5m

Follow live:

  {program} tail --url {url} --metric ec2_cpu_utilization

Read the topic itself:

  kcat -b {kafka} -t {TOPIC} -C -o end

Ctrl-C stops everything."#,
        program = program(),
        n = RECORDINGS.len(),
        ws = url.replacen("http", "ws", 1),
        dashboard = match cfg!(feature = "dashboard") {
            true => format!("  dashboard {url}/\n"),
            false => String::new(),
        },
    );
}
