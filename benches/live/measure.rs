//! Counting: deliveries and latencies of the clients, CPU time and memory of a process.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;

/// What the clients received since the last [`Tally::take`].
#[derive(Debug)]
pub struct Tally {
    pub points: u64,
    pub messages: u64,
    pub bytes: u64,
    /// By [`bucket`]; each point counts.
    latencies: Vec<u64>,
}

/// Buckets for each power of two: the error is below 1 %.
const FINE: usize = 128;

impl Default for Tally {
    fn default() -> Self {
        Self {
            points: 0,
            messages: 0,
            bytes: 0,
            latencies: vec![0; 40 * FINE],
        }
    }
}

impl Tally {
    pub fn message(&mut self, points: u64, bytes: usize, age_us: u64) {
        self.points += points;
        self.messages += 1;
        self.bytes += bytes as u64;
        self.latencies[bucket(age_us)] += points;
    }

    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// In milliseconds.
    pub fn quantile(&self, q: f64) -> f64 {
        let rank = (self.points as f64 * q) as u64;
        let mut seen = 0;
        for (bucket, count) in self.latencies.iter().enumerate() {
            seen += count;
            if seen > rank {
                return middle(bucket) / 1000.0;
            }
        }
        f64::NAN
    }
}

/// Linear up to 2 * FINE, then FINE steps for each power of two.
fn bucket(value: u64) -> usize {
    let fine = FINE as u64;
    let shift = (64 - (value / fine).leading_zeros()).saturating_sub(1);
    let index = shift as usize * FINE + (value >> shift) as usize;
    index.min(40 * FINE - 1)
}

fn middle(bucket: usize) -> f64 {
    if bucket < 2 * FINE {
        return bucket as f64;
    }
    let shift = bucket / FINE - 1;
    let value = bucket - shift * FINE;
    (value as f64 + 0.5) * (1_u64 << shift) as f64
}

/// CPU seconds a process used so far, and how busy the cores were.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    pub user: f64,
    pub system: f64,
    idle: [f64; 2],
    at: Instant,
}

/// What a process used between two looks.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Used {
    pub seconds: f64,
    pub user: f64,
    pub system: f64,
    /// Of the server's and of the other core, 0 to 1.
    pub busy: [f64; 2],
}

const TICKS_PER_SECOND: f64 = 100.0;

impl Cpu {
    pub fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the server is gone")?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let seconds = |index: usize| -> Result<f64> {
            Ok(fields.get(index).context("no such field")?.parse::<f64>()? / TICKS_PER_SECOND)
        };
        Ok(Self {
            user: seconds(11)?,
            system: seconds(12)?,
            idle: [idle("cpu0"), idle("cpu1")],
            at: Instant::now(),
        })
    }

    pub fn since(&self, before: &Self) -> Used {
        let seconds = (self.at - before.at).as_secs_f64();
        let busy = |core: usize| (1.0 - (self.idle[core] - before.idle[core]) / seconds).clamp(0.0, 1.0);
        Used {
            seconds,
            user: self.user - before.user,
            system: self.system - before.system,
            busy: [busy(0), busy(1)],
        }
    }
}

fn idle(core: &str) -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().find(|line| line.starts_with(core));
    let fields = line.map(|line| line.split_whitespace().skip(4).take(2));
    let ticks = |text: &str| text.parse::<f64>().unwrap_or_default();
    fields.map_or(0.0, |fields| fields.map(ticks).sum::<f64>()) / TICKS_PER_SECOND
}

/// Resident memory of a process in KiB.
pub fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the server is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmRSS")?.parse()?)
}
