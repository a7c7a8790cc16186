//! The live connections of one worker: each session gets a body and the worker's clock.

use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::body::BoxBody;
use prometheus_client::metrics::gauge::Gauge;

use super::body::Body;
use super::clock::Clock;
use super::{Session, Settings};
use crate::http::connections::Connection;
use crate::telemetry::metrics::owned;

pub(in crate::http) struct LiveConnections {
    pub settings: Rc<Settings>,
    clock: Clock,
}

impl LiveConnections {
    /// Inside the worker's runtime.
    pub fn new(settings: Settings) -> Self {
        Self {
            clock: Clock::new(settings.limits, settings.draining.clone()),
            settings: Rc::new(settings),
        }
    }

    /// The session as the body of a response to `request`. `transport` is for the metrics.
    pub fn body<S: Session>(&self, request: &HttpRequest, transport: &'static str, session: S) -> BoxBody {
        if let Some(connection) = Connection::of(request) {
            connection.go_live(self.settings.limits.dead_after);
        }
        let gauge = &self.settings.metrics.connections;
        let presence = Presence::new(gauge.get_or_create(&owned(&[("transport", transport)])).clone());
        BoxBody::new(Body::start(request, &self.clock, session, presence))
    }
}

/// A connection in the metrics.
struct Presence(Gauge);

impl Presence {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.dec();
    }
}
