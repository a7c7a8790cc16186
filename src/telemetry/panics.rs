//! A panic in one task is caught and does not end the others.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::Metrics;

/// `None` when the work panicked, which is counted and logged. The caller restarts it, and must not use
/// anything that it left unfinished.
pub async fn caught<T>(metrics: &Metrics, part: &str, work: impl Future<Output = T>) -> Option<T> {
    let done = AssertUnwindSafe(work).catch_unwind().await.ok();
    if done.is_none() {
        metrics.add(&metrics.panics, &[("part", part)], 1);
        tracing::error!(part, "a task panicked and restarts; this is a bug");
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_counted_and_goes_no_further() {
        let metrics = Metrics::default();
        assert_eq!(caught(&metrics, "a", async { 1 }).await, Some(1));
        let broken = async { [0][std::hint::black_box(1)] };
        assert_eq!(caught(&metrics, "b", broken).await, None);
        let text = metrics.text();
        assert!(text.contains("streamsync_panics_total{part=\"b\"} 1"), "{text}");
    }
}
