//! `streamsync demo`: real series from `demo/`, replayed through Kafka: a day of history, and live
//! points on top.

use std::time::Duration;

use anyhow::Result;

use crate::app::App;
use crate::config::{Config, Overrides, StreamConfig};
use crate::store::read::{ReadLimits, Reader};
use crate::terminal::shell;
use greeting::Greeting;
use replay::Replay;
use senders::{GATEWAY, SERIES};

mod greeting;
mod moments;
mod recording;
mod replay;
mod senders;
mod stored;

const CONFIGURATION: &str = include_str!("../demo/streams.toml");

/// The configuration plus the demo's streams, unless it has some of their names.
pub fn configure(mut config: Config) -> Result<Config> {
    let own = Config::from_text(CONFIGURATION, &Overrides::default())?;
    for stream in own.streams {
        if !config.streams.iter().any(|other| other.name == stream.name) {
            config.streams.push(stream);
        }
    }
    config.http.write.stream = config.http.write.stream.or(own.http.write.stream);
    Ok(config)
}

/// Sends forever; a failure ends the replay, not the program.
///
/// # Errors
/// The reader of what is stored cannot be made.
pub fn replay(app: &App, config: &Config, pace: Duration) -> Result<impl Future<Output = ()> + use<>> {
    let limits = ReadLimits {
        connections: 1,
        ..ReadLimits::default()
    };
    let own = config
        .streams
        .iter()
        .filter(|stream| [SERIES, GATEWAY].contains(&&*stream.name));
    let topic = |stream: &StreamConfig| (stream.name.clone(), stream.topic().to_owned());
    let replay = Replay {
        producer: app.producer.clone(),
        reader: Reader::new(app.database.clone(), limits)?,
        status: app.status.clone(),
        topics: own.map(topic).collect(),
        pace: pace.max(Duration::from_millis(1)),
        is_embedded: app.broker.is_embedded(),
    };
    Ok(async move {
        if let Err(error) = replay.run().await {
            tracing::error!(%error, "the demo producer stopped");
        }
    })
}

/// Prints addresses, and commands to paste.
pub fn greet(app: &App, config: &Config) {
    let greeting = Greeting {
        program: &shell::program(),
        url: &app.url(),
        kafka: app.broker.bootstrap_servers(),
        kafka_is_embedded: app.broker.is_embedded(),
        data: config.postgres.url.is_none().then_some(&config.data_dir.0),
        has_dashboard: cfg!(feature = "dashboard"),
    };
    println!("{}", greeting.text());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::stream_tests;

    #[test]
    fn a_stream_of_the_configuration_takes_the_place_of_the_demos() {
        let config = |text| Config::from_text(text, &Overrides::default()).unwrap();
        let names = |config: &Config| -> Vec<_> { config.streams.iter().map(|s| s.name.clone()).collect() };
        let alone = configure(Config::default()).unwrap();
        assert_eq!(names(&alone), ["demo", "demo-gateway"]);
        assert_eq!(alone.http.write.stream.as_deref(), Some("demo"));
        let own = "[[stream]]\nname = \"iot\"\n[[stream]]\nname = \"demo\"\n[http.write]\nstream = \"iot\"";
        let own = configure(config(own)).unwrap();
        assert_eq!(names(&own), ["iot", "demo", "demo-gateway"]);
        assert_eq!(own.streams[1].topic(), "demo");
        assert_eq!(own.http.write.stream.as_deref(), Some("iot"));
    }

    #[tokio::test]
    async fn the_records_of_the_gateway_become_what_their_tests_say() {
        let config = configure(Config::default()).unwrap();
        stream_tests::run(&config).await.unwrap();
    }
}
