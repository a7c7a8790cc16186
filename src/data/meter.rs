//! What one principal has used of what it may use.
//!
//! Each rate is a bucket that holds what the limit gives in one second, minute or hour, and fills again
//! evenly. A limit that is not set is not counted.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::Deserialize;

use super::shares::{self, Class, Shares, Turn};
use super::words::words;
use super::{ClientKey, Code, Problem};

const KIB: usize = 1024;
/// As many expensive reads of one client wait for their turns, and as long, as where all clients share.
const WAITING: usize = 256;
const PATIENCE: Duration = Duration::from_secs(10);

/// What one principal may use; unset is without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Allowance {
    /// Requests, and operations on a WebSocket.
    pub requests_per_second: Option<NonZeroU32>,
    /// Complexity of what is executed.
    pub cost_per_minute: Option<NonZeroU32>,
    /// Subscriptions that run at once.
    pub subscriptions: Option<NonZeroU32>,
    /// Expensive reads that run at once.
    pub heavy_reads: Option<NonZeroU32>,
    pub new_series_per_hour: Option<NonZeroU32>,
    /// Of bodies and live messages.
    pub kib_out_per_minute: Option<NonZeroU32>,
    pub sign_ins_per_minute: Option<NonZeroU32>,
}

words! {
    pub enum Limit, as_str {
        Requests = "requests",
        Cost = "cost",
        Subscriptions = "subscriptions",
        HeavyReads = "heavy_reads",
        NewSeries = "new_series",
        BytesOut = "bytes_out",
        SignIns = "sign_ins",
        /// Those of all clients together, and of each.
        Reads = "reads",
    }
}

/// More than a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit '{}' is used up; try again in {} s", .limit.as_str(), rounded_up(.after))]
pub struct OverLimit {
    pub limit: Limit,
    /// When there will be enough, if nothing else is asked for.
    pub after: Duration,
}

/// Told of each refusal.
pub type OnRefusal = Arc<dyn Fn(Limit) + Send + Sync>;

/// Shared by everything that one principal does on this node.
pub struct Meter {
    client: ClientKey,
    allowance: Allowance,
    requests: Option<Bucket>,
    cost: Option<Bucket>,
    new_series: Option<Bucket>,
    bytes_out: Option<Bucket>,
    sign_ins: Option<Bucket>,
    subscriptions: AtomicU32,
    heavy_reads: Option<Arc<Shares>>,
    on_refusal: OnRefusal,
}

/// One running subscription; dropping it ends it.
#[derive(Debug)]
pub struct Subscribed(Arc<Meter>);

struct Bucket {
    rate: DefaultDirectRateLimiter,
    size: NonZeroU32,
}

impl Allowance {
    /// With what `defaults` say where nothing is set.
    #[must_use]
    pub fn or(self, defaults: Self) -> Self {
        Self {
            requests_per_second: self.requests_per_second.or(defaults.requests_per_second),
            cost_per_minute: self.cost_per_minute.or(defaults.cost_per_minute),
            subscriptions: self.subscriptions.or(defaults.subscriptions),
            heavy_reads: self.heavy_reads.or(defaults.heavy_reads),
            new_series_per_hour: self.new_series_per_hour.or(defaults.new_series_per_hour),
            kib_out_per_minute: self.kib_out_per_minute.or(defaults.kib_out_per_minute),
            sign_ins_per_minute: self.sign_ins_per_minute.or(defaults.sign_ins_per_minute),
        }
    }

    /// Without any other limit.
    pub const fn of_sign_ins(per_minute: u32) -> Self {
        Self {
            requests_per_second: None,
            cost_per_minute: None,
            subscriptions: None,
            heavy_reads: None,
            new_series_per_hour: None,
            kib_out_per_minute: None,
            sign_ins_per_minute: NonZeroU32::new(per_minute),
        }
    }
}

impl OverLimit {
    /// Whole seconds after which it is worth trying again.
    pub fn seconds(&self) -> u64 {
        rounded_up(&self.after)
    }
}

fn turns(most: NonZeroU32) -> Arc<Shares> {
    let most = usize::try_from(most.get()).unwrap_or(usize::MAX);
    Shares::new(shares::Limits {
        all: most,
        each: most,
        heavy: most,
        heavy_each: most,
        waiting: WAITING,
        waiting_each: WAITING,
        patience: PATIENCE,
    })
}

fn rounded_up(after: &Duration) -> u64 {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    seconds.max(1)
}

impl From<OverLimit> for Problem {
    fn from(over: OverLimit) -> Self {
        Self::new(Code::Overloaded, over.to_string())
            .with("retryAfter", over.seconds())
            .with("limit", over.limit.as_str())
            .with("ownShare", true)
    }
}

impl Meter {
    pub fn new(client: ClientKey, allowance: Allowance, on_refusal: OnRefusal) -> Self {
        let bucket = |quota: fn(NonZeroU32) -> Quota, size: Option<NonZeroU32>| {
            size.map(|size| Bucket::new(quota(size), size))
        };
        Self {
            client,
            allowance,
            requests: bucket(Quota::per_second, allowance.requests_per_second),
            cost: bucket(Quota::per_minute, allowance.cost_per_minute),
            new_series: bucket(Quota::per_hour, allowance.new_series_per_hour),
            sign_ins: bucket(Quota::per_minute, allowance.sign_ins_per_minute),
            bytes_out: bucket(Quota::per_minute, allowance.kib_out_per_minute),
            subscriptions: AtomicU32::new(0),
            heavy_reads: allowance.heavy_reads.map(turns),
            on_refusal,
        }
    }

    /// Whose it is, for shares of what all clients use.
    pub fn client(&self) -> ClientKey {
        self.client
    }

    /// # Errors
    /// Too many a second, or the answers so far were too large.
    pub fn request(&self) -> Result<(), OverLimit> {
        self.take(&self.requests, Limit::Requests, 1)?;
        self.take(&self.bytes_out, Limit::BytesOut, 1)
    }

    /// # Errors
    /// It would be too much for this minute.
    pub fn cost(&self, cost: usize) -> Result<(), OverLimit> {
        self.take(&self.cost, Limit::Cost, cost)
    }

    /// # Errors
    /// Too many in this hour.
    pub fn new_series(&self, count: usize) -> Result<(), OverLimit> {
        self.take(&self.new_series, Limit::NewSeries, count)
    }

    /// # Errors
    /// Too many in this minute.
    pub fn sign_in(&self) -> Result<(), OverLimit> {
        self.take(&self.sign_ins, Limit::SignIns, 1)
    }

    /// # Errors
    /// Too many run already.
    pub fn subscribe(self: &Arc<Self>) -> Result<Subscribed, OverLimit> {
        let most = self.allowance.subscriptions.map_or(u32::MAX, NonZeroU32::get);
        let one_more = |running: u32| (running < most).then(|| running + 1);
        let begun = self
            .subscriptions
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        match begun {
            Ok(_) => Ok(Subscribed(Arc::clone(self))),
            Err(_) => Err(self.refused(Limit::Subscriptions, Duration::ZERO)),
        }
    }

    /// A turn for an expensive read, which it may have to wait for.
    ///
    /// # Errors
    /// Too many wait already, or the wait was too long.
    pub async fn heavy_read(&self) -> Result<Option<Turn>, OverLimit> {
        let Some(turns) = &self.heavy_reads else {
            return Ok(None);
        };
        let turn = turns.turn(self.client, Class::Heavy).await;
        turn.map(Some)
            .map_err(|_| self.refused(Limit::HeavyReads, Duration::ZERO))
    }

    /// These bytes were sent. Otherwise how long to wait before sending more, and then counting them.
    ///
    /// # Errors
    /// How long.
    pub fn sent(&self, bytes: usize) -> Result<(), Duration> {
        match &self.bytes_out {
            Some(bucket) => bucket.take(bytes.div_ceil(KIB)),
            None => Ok(()),
        }
    }

    fn take(&self, bucket: &Option<Bucket>, limit: Limit, n: usize) -> Result<(), OverLimit> {
        match bucket {
            Some(bucket) => bucket.take(n).map_err(|after| self.refused(limit, after)),
            None => Ok(()),
        }
    }

    fn refused(&self, limit: Limit, after: Duration) -> OverLimit {
        (self.on_refusal)(limit);
        OverLimit { limit, after }
    }
}

impl Bucket {
    fn new(quota: Quota, size: NonZeroU32) -> Self {
        let rate = RateLimiter::direct(quota);
        Self { rate, size }
    }

    /// More than the bucket holds takes all of it.
    fn take(&self, n: usize) -> Result<(), Duration> {
        let n = u32::try_from(n).unwrap_or(u32::MAX).min(self.size.get());
        let Some(n) = NonZeroU32::new(n) else {
            return Ok(());
        };
        match self.rate.check_n(n) {
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(not_until)) => Err(not_until.wait_time_from(DefaultClock::default().now())),
        }
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.0.subscriptions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("client", &self.client)
            .field("allowance", &self.allowance)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
