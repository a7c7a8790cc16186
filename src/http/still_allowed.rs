//! Whether who was let in with a request may still have the answer.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use tokio::sync::watch;

use super::refusal;
use crate::access::{Access, Denied, Ended, Principal};
use crate::data::Micros;

#[derive(Clone)]
pub(super) struct StillAllowed {
    access: web::Data<Access>,
    principal: Arc<Principal>,
    changes: watch::Receiver<u64>,
}

impl StillAllowed {
    /// The request is this principal's from here on, and what it uses is noted. `changes` are counted since
    /// before it was let in.
    pub fn begin(
        request: &HttpRequest,
        access: &web::Data<Access>,
        changes: watch::Receiver<u64>,
        principal: Arc<Principal>,
    ) -> Arc<Principal> {
        let mut extensions = request.extensions_mut();
        if !access.is_controlled() {
            extensions.insert(Arc::clone(&principal));
            return principal;
        }
        let mut own = Arc::unwrap_or_clone(principal);
        (own.viewer, _) = own.viewer.may_change();
        let principal = Arc::new(own);
        extensions.insert(Arc::clone(&principal));
        extensions.insert(Self {
            access: web::Data::clone(access),
            principal: Arc::clone(&principal),
            changes,
        });
        principal
    }

    /// `None` where everyone may do everything.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// The answer instead of the one that may not be sent.
    pub fn refusal(request: &HttpRequest) -> Option<HttpResponse> {
        let ended = Self::of(request)?.check().err()?;
        Some(match ended {
            Ended::Denied(denied) => refusal::denied(request, denied),
            Ended::Forbidden => refusal::forbidden(request, &ended.to_string()),
        })
    }

    /// Costs next to nothing while nothing changes. Another role holds for what is asked from now on.
    ///
    /// # Errors
    /// The credential has expired or is revoked, or the role forbids what was used.
    pub fn check(&mut self) -> Result<(), Ended> {
        let principal = &self.principal;
        if principal.expires.is_some_and(|expires| expires <= Micros::now()) {
            return Err(Denied::Expired.into());
        }
        if !self.changes.has_changed().unwrap_or(true) {
            return Ok(());
        }
        self.changes.mark_unchanged();
        self.access.still_allows(principal, &principal.viewer)
    }
}
