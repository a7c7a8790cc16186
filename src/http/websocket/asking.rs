//! A credential that came over the connection, while it is looked at.

use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

use crate::access::Denied;
use crate::http::session::Found;

pub struct Asking {
    /// `None` once it is not waited for any longer.
    answer: Option<LocalBoxFuture<'static, Found>>,
    /// It came with the first message of its kind, before which nothing runs.
    pub begins: bool,
    since: Instant,
}

impl Asking {
    pub fn new(answer: LocalBoxFuture<'static, Found>, begins: bool) -> Self {
        Self {
            answer: Some(answer),
            begins,
            since: Instant::now(),
        }
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Found> {
        match &mut self.answer {
            Some(answer) => answer.poll_unpin(cx),
            None => Poll::Ready(Err(Denied::Unavailable)),
        }
    }

    /// Gives up after this long.
    pub fn on_time(&mut self, now: Instant, patience: Duration) {
        if now >= self.since + patience {
            self.answer = None;
        }
    }

    pub fn is_given_up(&self) -> bool {
        self.answer.is_none()
    }
}
