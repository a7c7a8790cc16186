//! Recorded series, replayed in a loop with present timestamps: what `streamsync demo` produces.
//!
//! Reads CSV texts and sends records to Kafka at an adjustable pace, like any other producer. They have
//! the form that needs no mapping (`metric`, `labels`, `ts`, `value`).

use std::time::Duration;

use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::producer::{Outgoing, ProduceError, Producer};
use crate::data::headers;
use crate::data::{Header, Micros, Series};

/// One recorded series.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoSeries {
    pub series: Series,
    pub values: Vec<f64>,
}

#[derive(Debug, thiserror::Error)]
pub enum BadDemoSeries {
    #[error("'{0}' is not a series name such as cpu{{host=\"a\"}}")]
    Name(String),
    #[error("{name}: line {line} is not a timestamp and a finite value")]
    Line { name: String, line: u64 },
    #[error("{0} has no values")]
    Empty(String),
}

/// Where a replay goes and how fast.
#[derive(Clone, Debug)]
pub struct Replay {
    pub stream: String,
    pub topic: String,
    /// Every series sends its next value once in this time.
    pub pace: Duration,
}

impl DemoSeries {
    /// `name` is a series key (`metric` or `metric{label="value"}`); `csv` has the columns
    /// `timestamp,value` under that heading. The recorded timestamps only give the order.
    pub fn parse(name: &str, csv: &str) -> Result<Self, BadDemoSeries> {
        let series = parse_key(name).ok_or_else(|| BadDemoSeries::Name(name.to_owned()))?;
        let mut values = Vec::new();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        for (row, line) in reader.records().zip(2..) {
            let value = row
                .ok()
                .and_then(|row| row.get(1)?.trim().parse::<f64>().ok())
                .filter(|value| value.is_finite());
            let name = || name.to_owned();
            values.push(value.ok_or_else(|| BadDemoSeries::Line { name: name(), line })?);
        }
        if values.is_empty() {
            return Err(BadDemoSeries::Empty(name.to_owned()));
        }
        Ok(Self { series, values })
    }
}

impl Replay {
    /// Sends until it is dropped, or until an error that is not a delay. If Kafka or ingestion delays a
    /// round, the next ones are late and keep their distance.
    pub async fn run(&self, producer: &Producer, series: &[DemoSeries]) -> Result<(), ProduceError> {
        let headers = [Header {
            name: headers::STREAM.to_owned(),
            value: self.stream.clone().into_bytes(),
        }];
        let mut ticks = interval(self.pace.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for round in 0_usize.. {
            ticks.tick().await;
            match self.round(producer, series, &headers, round).await {
                Ok(()) => {}
                Err(error @ (ProduceError::TimedOut | ProduceError::Lagging(_))) => {
                    tracing::warn!(%error, "the demo producer waits");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn round(
        &self,
        producer: &Producer,
        series: &[DemoSeries],
        headers: &[Header],
        round: usize,
    ) -> Result<(), ProduceError> {
        let now = Micros::now();
        let mut sending = producer.begin();
        for one in series {
            let Some(value) = one.values.get(round % one.values.len().max(1)) else {
                continue;
            };
            let payload = payload(&one.series, now, *value);
            let record = Outgoing {
                topic: &self.topic,
                key: Some(one.series.key.as_bytes()),
                payload: Some(payload.as_bytes()),
                headers,
                timestamp: Some(now),
            };
            sending.add(record).await?;
        }
        sending.placed().await.map_err(|unsent| unsent.why)?;
        Ok(())
    }
}

fn payload(series: &Series, ts: Micros, value: f64) -> String {
    let labels: serde_json::Map<String, serde_json::Value> = series
        .labels
        .iter()
        .map(|(name, value)| (name.to_string(), json!(value)))
        .collect();
    json!({
        "metric": series.metric,
        "labels": labels,
        "ts": ts.as_millis(),
        "value": value,
    })
    .to_string()
}

/// The plain form only: no escapes in label values.
fn parse_key(key: &str) -> Option<Series> {
    let Some((metric, rest)) = key.split_once('{') else {
        return (!key.is_empty()).then(|| Series::new(key, [] as [(&str, &str); 0]));
    };
    let labels: Vec<(&str, &str)> = rest
        .strip_suffix('}')?
        .split(',')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name, value.strip_prefix('"')?.strip_suffix('"')?))
        })
        .collect::<Option<_>>()?;
    (!metric.is_empty()).then(|| Series::new(metric, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_text_becomes_a_series_named_by_its_key() {
        let csv = "timestamp,value\n2014-04-02 14:29:00,0.066\n2014-04-02 14:34:00,2\n";
        let one = DemoSeries::parse("cpu{host=\"a\",zone=\"b\"}", csv).unwrap();
        assert_eq!(&*one.series.key, "cpu{host=\"a\",zone=\"b\"}");
        assert_eq!(one.values, [0.066, 2.0]);
        assert_eq!(&*DemoSeries::parse("cpu", csv).unwrap().series.key, "cpu{}");
    }

    #[test]
    fn what_is_wrong_with_a_demo_file_is_said_with_its_line() {
        let bad = DemoSeries::parse("cpu", "timestamp,value\nx,1\ny,NaN\n").unwrap_err();
        assert_eq!(
            bad.to_string(),
            "cpu: line 3 is not a timestamp and a finite value"
        );
        assert!(DemoSeries::parse("cpu{host}", "timestamp,value\nx,1\n").is_err());
        assert!(DemoSeries::parse("cpu", "timestamp,value\n").is_err());
    }
}
