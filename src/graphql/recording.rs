//! What GraphQL adds to the audit: changes, and denials.

use std::any::TypeId;
use std::net::IpAddr;
use std::sync::Arc;

use async_graphql::{Context, Data, Response, Value};

use crate::access::{Audit, Principal};
use crate::data::Code;
use crate::data::audit::{Action, Actor, Event};

const PATH: &str = "/graphql";

/// The network address of a request, among its data.
#[derive(Clone, Copy, Debug)]
pub struct Address(pub Option<IpAddr>);

/// What whoever asks did to the target.
pub fn event(ctx: &Context<'_>, action: Action, target: &str) -> Event {
    let principal = ctx.data_opt::<Arc<Principal>>();
    Event::new(actor(principal, ctx.data_opt::<Address>()), action, target)
}

fn actor(principal: Option<&Arc<Principal>>, address: Option<&Address>) -> Actor {
    let address = address.and_then(|address| address.0);
    match principal {
        Some(principal) => principal.actor(address),
        None => Actor::unknown(address),
    }
}

/// Records what is refused of one operation.
pub(super) struct Denials(Option<(Audit, Actor)>);

impl Denials {
    pub fn none() -> Self {
        Self(None)
    }

    /// Of whoever the data of the request, or of its connection, name.
    pub fn of(audit: &Audit, request: &Data, session: Option<&Data>) -> Self {
        let actor = actor(find(request, session), find(request, session));
        Self(Some((audit.clone(), actor)))
    }

    pub fn look(&self, response: &Response) {
        let Some((audit, actor)) = &self.0 else {
            return;
        };
        for error in &response.errors {
            let code = error.extensions.as_ref().and_then(|more| more.get("code"));
            let is = |denied: Code| matches!(code, Some(Value::String(code)) if code == denied.as_str());
            if is(Code::Forbidden) || is(Code::Unauthenticated) {
                audit.record(Event::denied(actor.clone(), PATH, &error.message));
            }
        }
    }
}

fn find<'a, T: Send + Sync + 'static>(request: &'a Data, session: Option<&'a Data>) -> Option<&'a T> {
    let of = |data: &'a Data| data.get(&TypeId::of::<T>())?.downcast_ref::<T>();
    session.and_then(of).or_else(|| of(request))
}
