//! The live connections of one worker: each session gets a body and the worker's clock.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::body::BoxBody;
use prometheus_client::metrics::gauge::Gauge;

use super::body::Body;
use super::clock::Clock;
use super::standing::Standing;
use super::{Gate, Session, Settings};
use crate::access::Principal;
use crate::http::connections::Connection;
use crate::telemetry::metrics::owned;

pub(in crate::http) struct LiveConnections {
    pub settings: Rc<Settings>,
    gate: Arc<dyn Gate>,
    clock: Clock,
}

impl LiveConnections {
    /// Inside the worker's runtime.
    pub fn new(settings: Settings, gate: Arc<dyn Gate>) -> Self {
        Self {
            clock: Clock::new(&settings, &*gate),
            gate,
            settings: Rc::new(settings),
        }
    }

    /// Of a connection whose request let this principal in. `grace`: for a new credential.
    pub fn standing(&self, principal: Option<Arc<Principal>>, grace: Duration) -> Standing {
        Standing::new(Arc::clone(&self.gate), principal, grace)
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
