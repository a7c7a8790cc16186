//! One fluent harness over the real thing: real Kafka protocol, real Postgres, the real binary.
//!
//! Nothing here sleeps for luck: [`eventually`] asks for a condition until it holds or a deadline,
//! far beyond what a loaded machine needs, has passed.

pub mod asking;
pub mod exported;
pub mod guarded;
pub mod input;
pub mod issuer;
pub mod kafka;
pub mod live;
pub mod metrics;
pub mod open;
pub mod postgres;
pub mod redis;
pub mod registry;
pub mod streamed;
pub mod streamsync;
pub mod terminal;
pub mod tls;
pub mod viewer;

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::{Duration, Instant};

use ::streamsync::data::{Day, Micros};
use futures_util::FutureExt;

pub use streamsync::{StreamSync, command};

/// Beyond this a condition is taken never to come true.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until the answer is `Some`, and fails naming what was waited for.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} in vain for: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The present, to the second: a round time that no broker's retention has passed.
pub fn moment() -> Micros {
    Micros(Micros::now().0 / 1_000_000 * 1_000_000)
}

/// Runs a test whose expectations hold within one UTC day; should midnight have come in between, it
/// runs again.
pub async fn within_a_day<F: Future<Output = ()>>(test: impl Fn() -> F) {
    loop {
        let day = Day::of(Micros::now());
        match AssertUnwindSafe(test()).catch_unwind().await {
            Err(panic) if Day::of(Micros::now()) == day => resume_unwind(panic),
            Err(_) => {}
            Ok(()) => return,
        }
    }
}

/// The same, `ago` seconds earlier.
pub fn seconds_ago(ago: u64) -> Micros {
    moment().minus(Duration::from_secs(ago))
}

/// A name no other test of this run uses.
pub fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{n}", std::process::id())
}

/// A port that nobody listens on at this moment.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}
