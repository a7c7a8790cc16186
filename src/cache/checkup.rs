//! What an operator wants to know of a Redis, asked without changing anything.

use std::time::{Duration, Instant};

use redis::InfoDict;

use super::link::{brief, client, connect};

const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const TRIES: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkup {
    pub round_trip: Duration,
    /// `None` where we may not ask.
    pub about: Option<About>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    pub version: String,
    pub used_bytes: u64,
    /// 0 for no limit.
    pub max_bytes: u64,
    /// What is evicted at the limit, such as `allkeys-lru` or `noeviction`.
    pub policy: String,
}

/// # Errors
/// Redis cannot be reached or refuses, in words without its URL.
pub async fn checkup(url: &str) -> Result<Checkup, String> {
    let client = client(url).map_err(|error| error.to_string())?;
    let mut link = connect(&client, ANSWER_WITHIN)
        .await
        .map_err(|error| brief(&error))?;
    let mut round_trip = Duration::MAX;
    for _ in 0..TRIES {
        let begun = Instant::now();
        let pong: Result<(), _> = redis::cmd("PING").query_async(&mut link).await;
        pong.map_err(|error| brief(&error))?;
        round_trip = round_trip.min(begun.elapsed());
    }
    let told: Option<InfoDict> = redis::cmd("INFO").query_async(&mut link).await.ok();
    let about = told.and_then(|told| {
        Some(About {
            version: told.get("redis_version")?,
            used_bytes: told.get("used_memory")?,
            max_bytes: told.get("maxmemory")?,
            policy: told.get("maxmemory_policy")?,
        })
    });
    Ok(Checkup { round_trip, about })
}
