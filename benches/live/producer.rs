//! Ticks of points into Kafka, from a thread of its own. Each value carries the time at which its
//! tick was handed to the Kafka client; each record is one point.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode;

pub const METRIC: &str = "live";
pub const SERIES: usize = 10;
pub const TICKS_PER_SECOND: u32 = 10;
const TICK: Duration = Duration::from_millis(1000 / TICKS_PER_SECOND as u64);
/// Stamps are microseconds modulo this, above this: always ten digits.
const WRAP: u64 = 1_000_000_000;

pub struct Producer {
    rate: Sender<u32>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Producer {
    pub fn start(brokers: &str, topic: &str) -> Result<Self> {
        let client: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("acks", "1")
            .set("linger.ms", "0.5")
            .set("partitioner", "murmur2_random")
            .create()?;
        let topic = topic.to_owned();
        let (rate, rates) = channel();
        let thread = std::thread::spawn(move || {
            Ticker::new(client, topic)
                .run(&rates)
                .context("writing to Kafka failed")
        });
        Ok(Self {
            rate,
            thread: Some(thread),
        })
    }

    /// Points per second from now on.
    pub fn rate(&self, points: u32) {
        // A thread that ended says why at the end.
        let _ = self.rate.send(points);
    }

    pub fn stop(mut self) -> Result<()> {
        let thread = self.thread.take();
        drop(self);
        thread.map_or(Ok(()), |thread| {
            thread
                .join()
                .unwrap_or_else(|_| anyhow::bail!("the producer panicked"))
        })
    }
}

struct Ticker {
    client: BaseProducer,
    topic: String,
    keys: Vec<String>,
    /// Points written so far, and the time of the first: a series' points are 1 ms apart.
    written: u64,
    first_ms: u64,
}

impl Ticker {
    fn new(client: BaseProducer, topic: String) -> Self {
        Self {
            client,
            topic,
            keys: (0..SERIES).map(series_key).collect(),
            written: 0,
            first_ms: unix_micros() / 1000 - 600_000,
        }
    }

    fn run(mut self, rates: &Receiver<u32>) -> Result<()> {
        let mut points = 0;
        let mut next = Instant::now() + TICK;
        loop {
            match rates.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(rate) => points = rate / TICKS_PER_SECOND,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    // Late ticks are not made up for.
                    next = (next + TICK).max(Instant::now());
                    self.tick(points)?;
                    self.client.poll(Duration::ZERO);
                }
            }
        }
        self.client.flush(Duration::from_secs(5))?;
        Ok(())
    }

    fn tick(&mut self, points: u32) -> Result<()> {
        let value = stamp();
        for _ in 0..points {
            let series = (self.written % SERIES as u64) as usize;
            let ts = self.first_ms + self.written / SERIES as u64;
            self.written += 1;
            let text = format!(
                "{{\"metric\":\"{METRIC}\",\"labels\":{{\"device\":\"d{series}\"}},\"ts\":{ts},\"value\":{value}}}"
            );
            self.send(series, &text)?;
        }
        Ok(())
    }

    fn send(&self, series: usize, text: &str) -> Result<()> {
        let mut record = BaseRecord::to(&self.topic)
            .key(self.keys[series].as_str())
            .payload(text);
        loop {
            record = match self.client.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => back,
                Err((error, _)) => return Err(error.into()),
            };
            self.client.poll(Duration::from_millis(1));
        }
    }
}

pub fn series_key(series: usize) -> String {
    format!("{METRIC}{{device=\"d{series}\"}}")
}

/// Now, as a value of ten digits.
pub fn stamp() -> u64 {
    WRAP + unix_micros() % WRAP
}

/// Microseconds since this stamp was made, within a quarter of an hour.
pub fn age(stamp: u64) -> u64 {
    let age = (WRAP + unix_micros() % WRAP - stamp % WRAP) % WRAP;
    if age > WRAP / 2 { 0 } else { age }
}

fn unix_micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_micros() as u64)
}
