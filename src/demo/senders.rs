//! What sends the demo's records: one sender for each recorded series, and a gateway of several machines.
//!
//! However many points it has to send, a sender has one record for them, so that all of them are stored
//! or none.

use serde_json::{Value, json};

use super::moments::Moment;
use super::recording::{BadRecording, Recording};
use crate::data::{Micros, Series};

pub const SERIES: &str = "demo";
pub const GATEWAY: &str = "demo-gateway";

macro_rules! recordings {
    ($($key:literal: $file:literal,)*) => {
        [$(($key, include_str!(concat!("../../demo/", $file, ".csv")))),*]
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

/// The first series of the gateway, which has two machines.
const MACHINE: (&str, &str) = recordings! {
    r#"gateway_temperature_celsius{gateway="gw-1",machine="press-1",site="north"}"#: "machine_temperature_system_failure",
}[0];

/// All records of a sender have the same Kafka key and so the same order.
#[derive(Clone, Debug)]
pub enum Sender {
    Series(Recording),
    Gateway(Recording),
}

impl Sender {
    pub fn all() -> Result<Vec<Self>, BadRecording> {
        let series = RECORDINGS.iter();
        let series = series.map(|(key, csv)| Ok(Self::Series(Recording::parse(key, csv)?)));
        let gateway = Recording::parse(MACHINE.0, MACHINE.1).map(Self::Gateway);
        series.chain([gateway]).collect()
    }

    /// A series that has a point in each of its records.
    pub fn series(&self) -> &Series {
        let (Self::Series(recording) | Self::Gateway(recording)) = self;
        &recording.series
    }

    pub fn stream(&self) -> &'static str {
        match self {
            Self::Series(_) => SERIES,
            Self::Gateway(_) => GATEWAY,
        }
    }

    pub fn record(&self, moments: &[Moment]) -> Value {
        match self {
            Self::Series(recording) => match moments {
                [only] => point(recording, *only),
                many => many.iter().map(|moment| point(recording, *moment)).collect(),
            },
            Self::Gateway(recording) => gateway(moments.iter().flat_map(|moment| {
                // The second machine runs half a recording behind the first.
                let half = i64::try_from(recording.values.len() / 2).unwrap_or_default();
                let behind = Moment {
                    row: moment.row - half,
                    ..*moment
                };
                [("press-1", *moment), ("press-2", behind)]
                    .map(|(machine, at)| reading(at.ts, machine, at.of(&recording.values).into()))
            })),
        }
    }
}

/// Records of the gateway that cannot be stored, each for a reason of its own.
pub fn dead_letters(now: Micros) -> [Value; 2] {
    let reset = Micros(7_000_000);
    [(now, json!("sensor fault")), (reset, json!(71.4))]
        .map(|(at, fahrenheit)| gateway([reading(at, "press-2", fahrenheit)]))
}

/// The form that needs no mapping.
fn point(Recording { series, values }: &Recording, moment: Moment) -> Value {
    let labels = series.labels.iter();
    let labels: Value = labels
        .map(|(name, value)| (name.to_string(), json!(value)))
        .collect();
    json!({
        "metric": series.metric,
        "labels": labels,
        "ts": moment.ts.as_millis(),
        "value": moment.of(values),
    })
}

fn gateway(readings: impl IntoIterator<Item = Value>) -> Value {
    json!({
        "gateway": { "id": "gw-1", "site": "north" },
        "readings": readings.into_iter().collect::<Value>(),
    })
}

fn reading(at: Micros, machine: &str, fahrenheit: Value) -> Value {
    json!({
        "at": at.to_string(),
        "machine": { "id": machine },
        "temperature": { "fahrenheit": fahrenheit },
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::moments::due;
    use super::*;

    #[test]
    fn the_record_of_a_whole_day_is_no_larger_than_kafka_takes() {
        let pace = Duration::from_millis(1);
        let day = due(None, Moment::first(Micros::now(), pace), pace);
        for sender in Sender::all().unwrap() {
            let bytes = sender.record(&day).to_string().len();
            assert!(bytes < 900_000, "{}: {bytes}", sender.series().key);
        }
    }
}
