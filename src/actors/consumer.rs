//! Owns the poll thread of one generation: starts it, forwards the writer's reports to it, drains
//! it.

use actix::{Actor, Addr, Context, Handler, Recipient, ResponseFuture};

use super::messages::{Drain, Failed, Feedback, Transform};
use super::transformer::Transformer;
use crate::data::RawBatch;
use crate::sources::{Poller, Reading, Sink};

#[derive(Debug)]
pub struct Consumer {
    /// `None` once the poll thread runs.
    pub reading: Option<Reading>,
    pub poller: Option<Poller>,
    pub sink: ToTransformer,
}

/// The poll thread's way into the actors.
#[derive(Clone, Debug)]
pub struct ToTransformer {
    pub generation: u64,
    pub transformer: Addr<Transformer>,
    pub supervisor: Recipient<Failed>,
}

impl Sink for ToTransformer {
    fn batch(&self, batch: RawBatch) {
        self.transformer.do_send(Transform(batch));
    }

    fn failed(&self, why: String, fatal: bool) {
        self.supervisor.do_send(Failed {
            generation: self.generation,
            stage: "consumer",
            why,
            fatal,
        });
    }
}

impl Actor for Consumer {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        match self.reading.take().map(Poller::start).transpose() {
            Ok(poller) => self.poller = poller,
            Err(error) => self.sink.failed(error.to_string(), error.is_final()),
        }
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        if let Some(poller) = self.poller.take() {
            poller.close();
        }
    }
}

impl Handler<Feedback> for Consumer {
    type Result = ();

    fn handle(&mut self, feedback: Feedback, _: &mut Context<Self>) {
        match (feedback, &self.poller) {
            (Feedback::Committed(ranges), Some(poller)) => poller.committed(ranges),
            (Feedback::PauseStreams, Some(poller)) => poller.pause_streams(),
            (_, None) => {}
        }
    }
}

impl Handler<Drain> for Consumer {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, drain: Drain, _: &mut Context<Self>) -> Self::Result {
        let polled = self.poller.as_ref().map(Poller::drain);
        let transformer = self.sink.transformer.clone();
        Box::pin(async move {
            if let Some(polled) = polled {
                polled.await;
            }
            // It lands behind the last batch in the same mailbox.
            let _ = transformer.send(drain).await;
        })
    }
}
