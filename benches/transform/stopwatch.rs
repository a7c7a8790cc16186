//! How long a contestant needs for a message, and how far its rounds differ.

use std::fmt;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Of one measurement.
const LONG_ENOUGH: Duration = Duration::from_millis(300);

#[derive(Clone, Copy, Debug)]
pub struct About {
    pub name: &'static str,
    /// Of one message, on average.
    pub bytes: usize,
    pub points: usize,
}

pub trait Contestant {
    fn about(&self) -> About;
    /// Goes over all messages once or more often: how many they were, and the CPU time they took.
    fn run(&mut self) -> (usize, Duration);
}

/// CPU time of this thread.
pub fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// The time of one message.
pub fn measure(contestant: &mut dyn Contestant) -> Duration {
    let (mut messages, mut taken) = (0, Duration::ZERO);
    while taken < LONG_ENOUGH {
        let (more, time) = contestant.run();
        messages += more;
        taken += time;
    }
    taken.div_f64(messages as f64 / 1e3)
}

#[derive(Debug)]
pub struct Rate {
    pub about: About,
    /// Thousand messages each.
    taken: Vec<Duration>,
}

impl Rate {
    pub const fn new(about: About) -> Self {
        let taken = Vec::new();
        Self { about, taken }
    }

    pub fn add(&mut self, taken: Duration) {
        self.taken.push(taken);
        self.taken.sort_unstable();
    }

    fn median(&self) -> f64 {
        self.nanos(self.taken.len() / 2)
    }

    fn nanos(&self, at: usize) -> f64 {
        self.taken
            .get(at)
            .map_or(f64::NAN, |taken| taken.as_nanos() as f64 / 1e3)
    }

    /// How many times as fast this is.
    pub fn ratio(&self, other: &Self) -> f64 {
        other.median() / self.median()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let About { name, bytes, points } = self.about;
        let (least, most) = (self.nanos(0), self.nanos(self.taken.len() - 1));
        let median = self.median();
        let per_second = 1e9 / median;
        let points = grouped(per_second * points as f64);
        write!(
            f,
            "| {name} | {bytes} | {median:.0} ({least:.0} to {most:.0}) | {} | {points} |",
            grouped(per_second)
        )
    }
}

/// `1234567.8` as `1,234,568`.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
