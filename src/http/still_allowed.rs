//! Whether the principal of a long answer still has what it had when the answer began.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use tokio::sync::watch;

use super::authenticate;
use crate::access::{Access, Principal};
use crate::data::Micros;

pub(super) struct StillAllowed {
    access: web::Data<Access>,
    principal: Arc<Principal>,
    changes: watch::Receiver<u64>,
}

impl StillAllowed {
    /// `None` where everyone may do everything.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        let access = request.app_data::<web::Data<Access>>()?;
        let mut changes = access.changes();
        // What has changed since the principal was let in counts as well.
        changes.mark_changed();
        access.is_controlled().then_some(Self {
            access: web::Data::clone(access),
            principal: authenticate::principal(request)?,
            changes,
        })
    }

    /// Whether who was let in with this request still has what it had then.
    pub fn is(request: &HttpRequest) -> bool {
        Self::of(request).is_none_or(|mut still| still.check())
    }

    /// False once the credential has expired or is revoked, or the role allows something else. Costs
    /// next to nothing while nothing changes.
    pub fn check(&mut self) -> bool {
        let principal = &self.principal;
        if principal.expires.is_some_and(|expires| expires <= Micros::now()) {
            return false;
        }
        if !self.changes.has_changed().unwrap_or(true) {
            return true;
        }
        self.changes.mark_unchanged();
        let now = self.access.renew(principal);
        now.is_ok_and(|now| now.viewer.grant() == principal.viewer.grant())
    }
}
