//! A body that gives its bytes in small pieces, so that the clock sees whether the client takes them.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

use super::connection::Busy;

/// The part of a longer chunk that is written at once; actix fills 32 KiB before it writes.
const PIECE: usize = 16 * 1024;

pub(super) struct Paced {
    body: BoxBody,
    /// The rest of a chunk.
    rest: Bytes,
    busy: Busy,
}

impl Paced {
    pub fn new(body: BoxBody, busy: Busy) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            busy,
        }
    }
}

impl MessageBody for Paced {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = &mut *self;
        let connection = this.busy.connection();
        if this.rest.is_empty() {
            connection.moved(false);
            match this.body.as_pin_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(chunk))) => this.rest = chunk,
                other => return other,
            }
        }
        connection.moved(true);
        // A session's messages stay whole: each piece of a chunked answer has a head.
        let piece = match this.rest.len() > PIECE && !connection.is_live() {
            true => this.rest.split_to(PIECE),
            false => std::mem::take(&mut this.rest),
        };
        Poll::Ready(Some(Ok(piece)))
    }
}
