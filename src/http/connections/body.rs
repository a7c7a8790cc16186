//! A body that gives its bytes in small pieces, so that the clock sees whether the client takes them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;
use tokio::time::{Sleep, sleep};

use super::connection::Busy;

/// The part of a longer chunk that is written at once; actix fills 32 KiB before it writes.
const PIECE: usize = 16 * 1024;

pub(super) struct Paced {
    body: BoxBody,
    /// The rest of a chunk.
    rest: Bytes,
    busy: Busy,
    /// Sent and not yet counted, as there is a limit that is used up.
    owed: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    pub fn new(body: BoxBody, busy: Busy) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            busy,
            owed: 0,
            pause: None,
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
        while this.owed > 0 {
            if let Some(pause) = &mut this.pause {
                ready!(pause.as_mut().poll(cx));
            }
            match connection.sent(this.owed) {
                Ok(()) => (this.owed, this.pause) = (0, None),
                Err(wait) => {
                    // What the client waits for is not the client's fault.
                    connection.moved(false);
                    this.pause = Some(Box::pin(sleep(wait)));
                }
            }
        }
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
        this.owed = piece.len();
        Poll::Ready(Some(Ok(piece)))
    }
}
