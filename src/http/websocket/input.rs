//! Messages from the client, put together from its frames within a bound.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_http::ws::{CloseReason, Codec, Frame, Item, ProtocolError};
use actix_web::web::{self, Bytes, BytesMut};
use futures_util::Stream;
use tokio_util::codec::Decoder;

use super::frames::HEAD_MAX;

pub struct Input {
    payload: web::Payload,
    codec: Codec,
    buffer: BytesMut,
    /// The message whose continuation frames are coming in.
    partial: Option<BytesMut>,
    /// Bytes of one message, whether in one frame or several.
    max: usize,
    /// What still comes is not looked at.
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
    /// Not the protocol.
    Broken,
    /// Nothing will come any more.
    Gone,
}

impl Input {
    pub fn new(payload: web::Payload, max: usize) -> Self {
        Self {
            payload,
            codec: Codec::new().max_size(max),
            buffer: BytesMut::new(),
            partial: None,
            max,
            broken: false,
        }
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
                return None;
            }
            match self.codec.decode(&mut self.buffer) {
                Ok(Some(frame)) => {
                    if let Some(incoming) = self.frame(frame) {
                        return Some(incoming);
                    }
                }
                // The codec looks at a frame's size only when all of it is there.
                Ok(None) if self.buffer.len() <= self.max + HEAD_MAX => return None,
                Ok(None) | Err(ProtocolError::Overflow) => return Some(self.give_up(Incoming::TooBig)),
                Err(_) => return Some(self.give_up(Incoming::Broken)),
            }
        }
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
        why
    }
}
