//! Turns raw batches into batches of points, on a thread of its own.

use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, ResponseFuture};

use super::messages::{Drain, Transform, Write};
use super::writer::Writer;
use crate::telemetry::Metrics;
use crate::transform;

#[derive(Debug)]
pub struct Transformer {
    pub transform: transform::Transform,
    pub writer: Addr<Writer>,
    pub metrics: Arc<Metrics>,
}

impl Actor for Transformer {
    type Context = Context<Self>;
}

impl Handler<Transform> for Transformer {
    type Result = ();

    fn handle(&mut self, Transform(raw): Transform, _: &mut Context<Self>) {
        fail::fail_point!("transform-panic");
        let mut batch = self.transform.apply(raw, &self.metrics);
        batch.raw.permit.pass_to_store();
        self.metrics
            .flow
            .transformed
            .inc_by(batch.raw.records.len() as u64);
        self.writer.do_send(Write(batch));
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
