//! Owns the poll thread of one generation: starts it, forwards the writer's reports to it, drains
//! it.

use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, Recipient, ResponseFuture};

use super::ledger::PostgresLedger;
use super::messages::{Committed, Drain, Failed, PauseStreams, Transform};
use super::transformer::Transformer;
use crate::data::{Credits, RawBatch};
use crate::sources::{Broker, PollConfig, Poller, Sink, StreamSource};
use crate::telemetry::{Metrics, Status};

/// Everything the poll thread is started with.
#[derive(Debug)]
pub struct Reading {
    pub generation: u64,
    pub config: PollConfig,
    pub broker: Broker,
    pub streams: Vec<StreamSource>,
    pub ledger: PostgresLedger,
    pub credits: Arc<Credits>,
    pub metrics: Arc<Metrics>,
    pub status: Arc<Status>,
}

#[derive(Debug)]
pub struct Consumer {
    generation: u64,
    reading: Option<Reading>,
    poller: Option<Poller>,
    transformer: Addr<Transformer>,
    supervisor: Recipient<Failed>,
}

impl Consumer {
    pub fn new(reading: Reading, transformer: Addr<Transformer>, supervisor: Recipient<Failed>) -> Self {
        Self {
            generation: reading.generation,
            reading: Some(reading),
            poller: None,
            transformer,
            supervisor,
        }
    }

    fn sink(&self) -> ToTransformer {
        ToTransformer {
            generation: self.generation,
            transformer: self.transformer.clone(),
            supervisor: self.supervisor.clone(),
        }
    }
}

/// The poll thread's way into the actors.
#[derive(Debug)]
struct ToTransformer {
    generation: u64,
    transformer: Addr<Transformer>,
    supervisor: Recipient<Failed>,
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
        let Some(reading) = self.reading.take() else {
            return;
        };
        let sink = self.sink();
        let started = Poller::start(
            reading.generation,
            reading.config,
            &reading.broker,
            &reading.streams,
            Box::new(reading.ledger),
            Box::new(self.sink()),
            reading.credits,
            reading.metrics,
            reading.status,
        );
        match started {
            Ok(poller) => self.poller = Some(poller),
            Err(error) => sink.failed(error.to_string(), error.is_final()),
        }
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        if let Some(poller) = self.poller.take() {
            poller.close();
        }
    }
}

impl Handler<Committed> for Consumer {
    type Result = ();

    fn handle(&mut self, fact: Committed, _: &mut Context<Self>) {
        if let Some(poller) = self
            .poller
            .as_ref()
            .filter(|_| fact.generation == self.generation)
        {
            poller.committed(fact.ranges);
        }
    }
}

impl Handler<PauseStreams> for Consumer {
    type Result = ();

    fn handle(&mut self, pause: PauseStreams, _: &mut Context<Self>) {
        if let Some(poller) = self
            .poller
            .as_ref()
            .filter(|_| pause.generation == self.generation)
        {
            poller.pause_streams();
        }
    }
}

impl Handler<Drain> for Consumer {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, drain: Drain, _: &mut Context<Self>) -> Self::Result {
        let polled = self.poller.as_ref().map(Poller::drain);
        let transformer = self.transformer.clone();
        Box::pin(async move {
            if let Some(polled) = polled {
                polled.await;
            }
            // Behind the last batch, in the same mailbox.
            let _ = transformer.send(drain).await;
        })
    }
}
