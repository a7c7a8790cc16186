//! Runs computations of up to some seconds outside of the threads that answer: on as many threads as
//! there are cores, shared among clients, and only as long as somebody waits for the result.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::PromqlError;
use crate::data::shares::{Limits, Turn};
use crate::data::{Class, ClientKey, Overloaded, Shares};

/// Of the whole process.
static CORES: LazyLock<Arc<Shares>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Shares::new(Limits {
        all: cores,
        each: (cores - 1).max(1),
        heavy: cores,
        heavy_each: cores,
        // Each holds its input in memory.
        waiting: 64,
        waiting_each: 16,
        patience: Duration::from_secs(10),
    })
});

/// True once nobody waits for the answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Abandoned(Arc<AtomicBool>);

impl Abandoned {
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Dropped with the future that waits.
struct Waiting(Abandoned);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// A turn to compute.
pub(super) async fn core(client: ClientKey) -> Result<Turn, Overloaded> {
    CORES.turn(client, Class::Heavy).await
}

/// `work` checks the flag now and then.
pub(super) async fn compute<T: Send + 'static>(
    turn: Turn,
    work: impl FnOnce(&Abandoned) -> T + Send + 'static,
) -> Result<T, PromqlError> {
    let abandoned = Abandoned::default();
    let _waiting = Waiting(abandoned.clone());
    let computing = tokio::task::spawn_blocking(move || {
        // The core is free again when the computation ends.
        let _turn = turn;
        work(&abandoned)
    });
    computing
        .await
        .map_err(|error| PromqlError::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[tokio::test]
    async fn computing_ends_once_nobody_waits_for_it() {
        let client = ClientKey::from(IpAddr::from([10, 0, 0, 1]));
        let (ended, has_ended) = tokio::sync::oneshot::channel();
        let computing = compute(core(client).await.unwrap(), move |abandoned| {
            while !abandoned.is_set() {
                std::thread::yield_now();
            }
            let _ = ended.send(());
        });
        let waited = tokio::time::timeout(Duration::from_millis(20), computing).await;
        assert!(waited.is_err(), "it goes on for as long as somebody waits");
        has_ended.await.expect("it has ended");
    }
}
