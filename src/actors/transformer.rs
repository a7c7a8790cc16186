//! Turns raw batches into batches of points, on a thread of its own. Records that name a schema which is
//! not known wait for the registry, and those behind them with them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, ResponseFuture};
use tokio::sync::watch;

use super::messages::{Drain, Transform, Write};
use super::writer::Writer;
use crate::data::{RawBatch, SchemaId};
use crate::decode::registry::SchemaRegistry;
use crate::store::Pace;
use crate::telemetry::{Metrics, Status};
use crate::transform::{self, StreamPlan};

/// The name of the registry among what the pipeline needs.
const NEED: &str = "schema registry";
const ASK_AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

#[derive(Debug)]
pub struct Transformer {
    pub transform: transform::Transform,
    /// Changed when the configuration is read again.
    pub plans: watch::Receiver<Arc<[StreamPlan]>>,
    pub schemas: Schemas,
    pub writer: Addr<Writer>,
    pub metrics: Arc<Metrics>,
}

/// Where unknown schemas come from.
#[derive(Clone, Debug)]
pub struct Schemas {
    pub registry: Option<Arc<SchemaRegistry>>,
    pub status: Arc<Status>,
    /// Told of each attempt, since a pipeline that waits has not stalled.
    pub pace: Arc<Pace>,
}

impl Transformer {
    fn apply(&mut self, raw: RawBatch) {
        let mut batch = self.transform.apply(raw, &self.metrics);
        batch.raw.permit.pass_to_store();
        self.metrics
            .flow
            .transformed
            .inc_by(batch.raw.records.len() as u64);
        self.writer.do_send(Write(batch));
    }
}

impl Schemas {
    /// Returns once each of them is known to be there or not to be.
    async fn wait_for(self, missing: BTreeSet<SchemaId>) {
        let Some(registry) = self.registry else { return };
        let mut delay = ASK_AGAIN[0];
        while let Err(why) = registry.fetch(&missing).await {
            if delay == ASK_AGAIN[0] {
                tracing::warn!(%why, "records wait for the schema registry");
            }
            self.status.trouble(NEED, why);
            self.pace.step();
            tokio::time::sleep(delay).await;
            delay = ASK_AGAIN[1].min(delay * 2);
        }
        self.status.well(NEED);
    }
}

impl Actor for Transformer {
    type Context = Context<Self>;
}

impl Handler<Transform> for Transformer {
    type Result = ();

    fn handle(&mut self, Transform(raw): Transform, ctx: &mut Context<Self>) {
        fail::fail_point!("transform-panic");
        if self.plans.has_changed().unwrap_or_default() {
            let plans = self.plans.borrow_and_update().to_vec();
            self.transform.replan(plans);
        }
        let missing = self.transform.missing(&raw);
        if missing.is_empty() {
            self.apply(raw);
            return;
        }
        let waiting = self.schemas.clone().wait_for(missing);
        // The mailbox waits as well, so the order stays.
        ctx.wait(wrap_future(waiting).map(|(), this: &mut Self, _| this.apply(raw)));
    }
}

impl Handler<Drain> for Transformer {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, drain: Drain, _: &mut Context<Self>) -> Self::Result {
        let writer = self.writer.send(drain);
        Box::pin(async move {
            // A writer that is gone has been reported already.
            let _ = writer.await;
        })
    }
}
