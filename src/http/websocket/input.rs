//! Joins the client's frames to messages within a bound.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::ws::{CloseReason, Codec, Frame, Item, ProtocolError};
use actix_web::web::{self, Bytes, BytesMut};
use futures_util::Stream;
use tokio::time::Instant;
use tokio_util::codec::Decoder;

use super::frames::{CONTROL_MAX, HEAD_MAX, declared};
use crate::http::connections::Connection;

/// Bytes that an incomplete message may take without being counted; most are complete at once.
const FREE: usize = 4 * 1024;

pub struct Input {
    payload: web::Payload,
    codec: Codec,
    buffer: BytesMut,
    /// The message whose continuation frames are coming in.
    partial: Option<BytesMut>,
    /// Since when a message has been incomplete.
    began: Option<Instant>,
    /// Bytes of one message, whether in one frame or several.
    max: usize,
    /// The memory is taken from this connection's share.
    connection: Option<Rc<Connection>>,
    is_counted: bool,
    /// Further bytes are ignored.
    broken: bool,
}

pub enum Incoming {
    /// Some bytes came.
    Life,
    Text(Bytes),
    Binary,
    Ping(Bytes),
    Pong,
    Close(Option<CloseReason>),
    TooBig,
    /// There is no memory for it.
    Overloaded,
    /// Not the protocol.
    Broken,
    /// The client has gone.
    Gone,
}

impl Input {
    pub fn new(payload: web::Payload, max: usize, connection: Option<Rc<Connection>>) -> Self {
        Self {
            payload,
            codec: Codec::new().max_size(max),
            buffer: BytesMut::new(),
            partial: None,
            began: None,
            max,
            connection,
            is_counted: false,
            broken: false,
        }
    }

    /// Since when a message has been incomplete, if one is.
    pub fn began(&self) -> Option<Instant> {
        self.began
    }

    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        if let Some(incoming) = self.decode() {
            return Poll::Ready(incoming);
        }
        match Pin::new(&mut self.payload).poll_next(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(bytes))) => {
                if !self.broken {
                    self.buffer.extend_from_slice(&bytes);
                }
                Poll::Ready(Incoming::Life)
            }
            Poll::Ready(Some(Err(_)) | None) => Poll::Ready(Incoming::Gone),
        }
    }

    fn decode(&mut self) -> Option<Incoming> {
        loop {
            if self.buffer.is_empty() {
                // An idle connection keeps no buffer.
                self.buffer = BytesMut::new();
                return self.wait();
            }
            match self.codec.decode(&mut self.buffer) {
                Ok(Some(frame)) => {
                    let incoming = self.frame(frame);
                    if self.partial.is_none() {
                        self.began = None;
                    }
                    if incoming.is_some() {
                        return incoming;
                    }
                }
                // The codec checks a frame's size only when all of it is there.
                Ok(None) if self.fits() => return self.wait(),
                Ok(None) | Err(ProtocolError::Overflow) => return Some(self.give_up(Incoming::TooBig)),
                Err(_) => return Some(self.give_up(Incoming::Broken)),
            }
        }
    }

    /// The message that has begun stays within the bound once it is complete.
    fn fits(&self) -> bool {
        let partial = self.partial.as_ref().map_or(0, BytesMut::len);
        let length = declared(&self.buffer).unwrap_or(0);
        // A control frame may come between the parts of a message and is not part of it.
        length <= CONTROL_MAX as u64
            || usize::try_from(length).is_ok_and(|length| partial.saturating_add(length) <= self.max)
    }

    /// More has to come: counts the bytes and the time of what is there.
    fn wait(&mut self) -> Option<Incoming> {
        let partial = self.partial.as_ref().map_or(0, BytesMut::len);
        let bytes = partial + self.buffer.len();
        if bytes == 0 && self.partial.is_none() {
            self.began = None;
        } else {
            self.began.get_or_insert_with(Instant::now);
        }
        if !self.is_counted && bytes <= FREE {
            return None;
        }
        // The maximum, so that it is counted once.
        let most = if bytes <= FREE { 0 } else { self.max + HEAD_MAX };
        self.is_counted = most > 0;
        let held = self
            .connection
            .as_ref()
            .map_or(Ok(()), |connection| connection.hold(most));
        held.err().map(|_| self.give_up(Incoming::Overloaded))
    }

    fn frame(&mut self, frame: Frame) -> Option<Incoming> {
        Some(match frame {
            Frame::Text(text) => Incoming::Text(text),
            Frame::Continuation(Item::FirstText(part)) => {
                self.partial = Some(BytesMut::new());
                return self.add(&part);
            }
            Frame::Continuation(Item::Continue(part)) => return self.add(&part),
            Frame::Continuation(Item::Last(part)) => {
                let failed = self.add(&part);
                return failed.or_else(|| Some(Incoming::Text(self.partial.take()?.freeze())));
            }
            Frame::Binary(_) | Frame::Continuation(Item::FirstBinary(_)) => Incoming::Binary,
            Frame::Ping(payload) => Incoming::Ping(payload),
            Frame::Pong(_) => Incoming::Pong,
            Frame::Close(reason) => Incoming::Close(reason),
        })
    }

    fn add(&mut self, part: &[u8]) -> Option<Incoming> {
        let partial = self.partial.as_mut()?;
        if partial.len() + part.len() > self.max {
            return Some(self.give_up(Incoming::TooBig));
        }
        partial.extend_from_slice(part);
        None
    }

    fn give_up(&mut self, why: Incoming) -> Incoming {
        self.broken = true;
        self.buffer = BytesMut::new();
        self.partial = None;
        self.began = None;
        why
    }
}
