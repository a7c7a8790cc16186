//! What the handlers add to the audit.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest, web};

use crate::access::{Audit, Principal};
use crate::data::audit::{Action, Actor, Event, Outcome};

/// Whoever sent the request.
pub(super) fn actor(request: &HttpRequest) -> Actor {
    let address = request.peer_addr().map(|peer| peer.ip());
    let principal = request.extensions().get::<Arc<Principal>>().cloned();
    match principal {
        Some(principal) => principal.actor(address),
        None => Actor::unknown(address),
    }
}

/// Records that a request was refused, by the path that it matched: others are not served.
pub(super) fn denied(request: &HttpRequest, why: &str) {
    let path = request.match_pattern().unwrap_or_default();
    record(request, Event::denied(actor(request), &path, why));
}

/// Records that somebody signed in or out.
pub(super) fn signed(request: &HttpRequest, action: Action, principal: &Principal) {
    let address = request.peer_addr().map(|peer| peer.ip());
    let event = Event::new(principal.actor(address), action, &principal.name);
    record(request, event);
}

pub(super) fn record(request: &HttpRequest, event: Event) {
    if let Some(audit) = request.app_data::<web::Data<Audit>>() {
        audit.record(event);
    }
}

/// An export that is being sent. It is recorded when it is dropped, with the rows that were.
pub(super) struct Export {
    audit: Option<web::Data<Audit>>,
    event: Option<Event>,
    rows: usize,
    is_whole: bool,
}

impl Export {
    pub fn of(request: &HttpRequest, format: &str) -> Self {
        let what = format!("{} {}", request.path(), selector(request.query_string()));
        let event = Event::new(actor(request), Action::Export, &what).with("format", format);
        Self {
            audit: request.app_data::<web::Data<Audit>>().cloned(),
            event: Some(event),
            rows: 0,
            is_whole: false,
        }
    }

    pub fn sent(&mut self, rows: usize) {
        self.rows += rows;
    }

    pub fn ended(&mut self) {
        self.is_whole = true;
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        let (Some(audit), Some(event)) = (&self.audit, self.event.take()) else {
            return;
        };
        let outcome = match self.is_whole {
            true => Outcome::Done,
            // The client went, or Postgres did.
            false => Outcome::Failed,
        };
        audit.record(event.with("rows", self.rows).outcome(outcome));
    }
}

/// Which series a query string asks for, as people write it.
fn selector(query: &str) -> String {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query);
    let pairs = pairs.map(web::Query::into_inner).unwrap_or_default();
    let of = |wanted: &'static str| {
        let named = pairs.iter().filter(move |(name, _)| name == wanted);
        named.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    format!("{}{{{}}}", of("metric").join(","), of("label").join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_string_says_which_series_it_asks_for() {
        let query = "metric=machines&label=site%3Dberlin&label=n!%3D1&from=0";
        assert_eq!(selector(query), "machines{site=berlin,n!=1}");
        assert_eq!(selector("from=0"), "{}");
    }
}
