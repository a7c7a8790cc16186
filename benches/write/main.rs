//! `make bench-write`, its first part: what a point that is written over HTTP costs, from the body of the
//! request to Kafka's acknowledgement. Prints Markdown.
//!
//!   KAFKA_BROKERS=… ROUNDS=5 SERIES=2000 cargo bench --bench write
//!
//! What is counted is CPU time of the whole process, with the threads of librdkafka. Without KAFKA_BROKERS
//! the records are made and go nowhere.

#![allow(clippy::expect_used, reason = "a benchmark that fails says why")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use streamsync::data::{Micros, TimeUnit};
use streamsync::sources::{Broker, Producer, TopicSpec, ensure_topics};
use streamsync::telemetry::Status;
use streamsync::transform::{Intake, Limits, Taken};
use streamsync::write::{self, KafkaPublisher, Publisher, StreamTarget, line_protocol};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const LONG_ENOUGH: Duration = Duration::from_millis(1_500);

/// How far a request goes.
#[derive(Clone, Copy, PartialEq)]
enum Upto {
    Points,
    Records,
    Kafka,
}

struct Bench {
    intake: Intake,
    target: StreamTarget,
    publisher: Option<KafkaPublisher>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rounds = setting("ROUNDS", 5);
    let series = setting("SERIES", 2_000);
    let mut bench = Bench::new().await;
    // A sample of each series, as a scrape has them; and a minute of a few, as a buffer has them.
    let requests = [
        ("line protocol, a sample of each series", lines(series, 1)),
        (
            "line protocol, 60 samples of each series",
            lines(series.div_ceil(60), 60),
        ),
    ];
    println!("\nCPU time of the process, median of {rounds} rounds\n");
    println!("| request | bytes a sample | upto | ns a sample | samples/s and core |\n|---|---|---|---|---|");
    for (name, (body, samples)) in &requests {
        for (upto, title) in [
            (Upto::Points, "points"),
            (Upto::Records, "records"),
            (Upto::Kafka, "acknowledged by Kafka"),
        ] {
            if upto == Upto::Kafka && bench.publisher.is_none() {
                eprintln!("\n**** SKIPPED: no KAFKA_BROKERS, so nothing was sent ****\n");
                continue;
            }
            let mut nanos = Vec::new();
            for round in 0..=rounds {
                let taken = bench.measure(body, *samples, upto).await;
                if round > 0 {
                    nanos.push(taken);
                }
            }
            nanos.sort_by(f64::total_cmp);
            let median = nanos[nanos.len() / 2];
            let bytes = body.len() / samples;
            println!(
                "| {name} | {bytes} | {title} | {median:.0} | {:.0} |",
                1e9 / median
            );
        }
    }
}

impl Bench {
    async fn new() -> Self {
        let topic = format!("bench-write-{}", std::process::id());
        let publisher = match std::env::var("KAFKA_BROKERS") {
            Ok(brokers) if !brokers.is_empty() => {
                let broker = Broker::remote(&brokers, BTreeMap::new());
                let (topics, status) = ([TopicSpec::new(&topic, 4)], Status::default());
                let made = ensure_topics(&broker, &topics, &status).await;
                made.expect("a topic");
                let producer = Producer::new(&broker, Duration::from_secs(30)).expect("a producer");
                let producer = Arc::new(producer);
                Some(KafkaPublisher {
                    producer,
                    durable: true,
                })
            }
            _ => None,
        };
        Self {
            intake: Intake::default(),
            target: StreamTarget {
                topic,
                redrive_topic: String::new(),
                limits: Limits::default(),
                max_series: u64::MAX,
            },
            publisher,
        }
    }

    /// Nanoseconds of CPU for a sample.
    async fn measure(&mut self, body: &[u8], samples: usize, upto: Upto) -> f64 {
        let (mut count, begun) = (0, now());
        while now() - begun < LONG_ENOUGH {
            let mut taking = self.intake.begin(&self.target.limits, body, Micros::now());
            let refusals = line_protocol::read(body, TimeUnit::Ms, &mut taking);
            assert!(refusals.is_empty(), "{:?}", refusals.told());
            let taken = taking.end();
            assert_eq!(taken.points.len(), samples);
            self.go_on(&taken, upto).await;
            count += samples;
        }
        (now() - begun).as_nanos() as f64 / count as f64
    }

    async fn go_on(&self, taken: &Taken, upto: Upto) {
        if upto == Upto::Points {
            return;
        }
        let records = write::records(taken, "bench", &self.target);
        match &self.publisher {
            Some(publisher) if upto == Upto::Kafka => {
                let sent = publisher.publish(Box::new(records)).await;
                sent.expect("acknowledged");
            }
            _ => records.for_each(|record| drop(std::hint::black_box(record))),
        }
    }
}

/// So many samples of so many series, five fields to a line.
fn lines(series: usize, each: usize) -> (Vec<u8>, usize) {
    const FIELDS: usize = 5;
    let mut body = String::new();
    let hosts = series.div_ceil(FIELDS);
    let now = Micros::now().as_millis();
    for at in 0..each {
        for host in 0..hosts {
            body.push_str(&format!(
                "cpu,host=server{host:04},region=eu-central-1,rack=r{} ",
                host % 20
            ));
            for field in 0..FIELDS {
                let end = if field + 1 < FIELDS { "," } else { " " };
                body.push_str(&format!("field{field}={}.{}{end}", host % 100, at % 10));
            }
            body.push_str(&format!("{}\n", now - (each - at) as i64 * 1_000));
        }
    }
    (body.into_bytes(), hosts * FIELDS * each)
}

fn now() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

fn setting(name: &str, default: usize) -> usize {
    let set = std::env::var(name).ok();
    set.map_or(default, |text| text.parse().expect("a whole number"))
}
