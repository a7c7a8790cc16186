//! A session as the body of a response: it writes when the dispatcher pulls, and ends when the
//! dispatcher drops it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpRequest;
use actix_web::body::{BodySize, MessageBody};
use actix_web::web::{Bytes, BytesMut};
use futures_util::task::AtomicWaker;

use super::clock::Clock;
use super::{Session, Shared};

/// Chunks after which a connection lets others on its thread go first.
const TURN: u32 = 16;

pub struct Body<S: Session, G> {
    shared: Rc<Shared<S>>,
    chunks: u32,
    /// What lasts as long as the connection.
    _guards: G,
}

impl<S: Session, G> Body<S, G> {
    pub fn start(request: &HttpRequest, clock: &Clock, session: S, guards: G) -> Self {
        let shared = Rc::new(Shared {
            waker: AtomicWaker::new(),
            session: RefCell::new(session),
        });
        let weak = Rc::downgrade(&shared);
        clock.add(request, weak);
        Self {
            shared,
            chunks: 0,
            _guards: guards,
        }
    }
}

impl<S: Session, G: Unpin> MessageBody for Body<S, G> {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.chunks == TURN {
            self.chunks = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut chunk = BytesMut::new();
        let ended = self.shared.session.borrow_mut().poll_write(cx, &mut chunk);
        if !chunk.is_empty() {
            self.chunks += 1;
            return Poll::Ready(Some(Ok(chunk.freeze())));
        }
        self.chunks = 0;
        if ended.is_ready() {
            return Poll::Ready(None);
        }
        self.shared.waker.register(cx.waker());
        Poll::Pending
    }
}

impl<S: Session, G> Drop for Body<S, G> {
    fn drop(&mut self) {
        self.shared.session.borrow_mut().abandon();
    }
}
