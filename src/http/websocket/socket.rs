//! Frames in and out: the body that the dispatcher pulls, and the task that reads and keeps time.
//!
//! Both run on the connection's own thread and share the session. The reader also works while the
//! body is not pulled because the socket takes nothing, so a dead or stuck peer is always found.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::ws::{Codec, Frame, Item, ProtocolError};
use actix_web::web::{self, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use rustix::net::Shutdown;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::codec::{Decoder, Encoder};

use super::session::Session;
use crate::graphql::Operations;

/// Messages are gathered into one write up to about this many bytes.
const CHUNK: usize = 16 * 1024;
/// Chunks after which a connection that could go on lets others on its thread go first.
const TURN: u32 = 16;

type Shared<E> = Rc<Connection<E>>;

struct Connection<E> {
    session: RefCell<Session<E>>,
    /// The body was pulled, or is gone.
    moved: Notify,
}

/// Starts the reader and gives the body.
pub fn run<E: Operations>(
    session: Session<E>,
    payload: web::Payload,
    socket: Option<OwnedFd>,
) -> impl Stream<Item = Result<Bytes, ProtocolError>> {
    let shared = Rc::new(Connection {
        session: RefCell::new(session),
        moved: Notify::new(),
    });
    let reader = Reader::new(Rc::clone(&shared), socket);
    actix_web::rt::spawn(reader.run(payload));
    Body {
        shared,
        codec: Codec::new(),
        chunks: 0,
    }
}

struct Body<E: Operations> {
    shared: Shared<E>,
    codec: Codec,
    chunks: u32,
}

impl<E: Operations> Stream for Body<E> {
    type Item = Result<Bytes, ProtocolError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let mut session = this.shared.session.borrow_mut();
        session.waker = Some(cx.waker().clone());
        if this.chunks == TURN {
            this.chunks = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut chunk = BytesMut::new();
        while chunk.len() < CHUNK {
            let Poll::Ready(message) = session.poll_message(cx) else {
                break;
            };
            match message {
                Some(message) => {
                    if let Err(error) = this.codec.encode(message, &mut chunk) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                None if chunk.is_empty() && session.peer_done => return Poll::Ready(None),
                None => break,
            }
        }
        if chunk.is_empty() {
            this.chunks = 0;
            // Aborted operations have gone: the reader may have room again.
            this.shared.moved.notify_one();
            return Poll::Pending;
        }
        this.chunks += 1;
        this.shared.moved.notify_one();
        Poll::Ready(Some(Ok(chunk.freeze())))
    }
}

impl<E: Operations> Drop for Body<E> {
    fn drop(&mut self) {
        let mut session = self.shared.session.borrow_mut();
        session.abandon();
        session.peer_done = true;
        self.shared.moved.notify_one();
    }
}

/// The longest head of a frame (RFC 6455, 5.2).
const FRAME_HEAD_MAX: usize = 14;

struct Reader<E> {
    shared: Shared<E>,
    socket: Option<OwnedFd>,
    codec: Codec,
    buffer: BytesMut,
    /// The message whose continuation frames are coming in.
    partial: Option<BytesMut>,
    max: usize,
    broken: bool,
    last_seen: Instant,
    ping_at: Instant,
    init_by: Instant,
    drain_by: Option<Instant>,
}

impl<E: Operations> Reader<E> {
    fn new(shared: Shared<E>, socket: Option<OwnedFd>) -> Self {
        let limits = shared.session.borrow().settings.limits;
        let now = Instant::now();
        Self {
            shared,
            socket,
            codec: Codec::new().max_size(limits.message),
            buffer: BytesMut::new(),
            partial: None,
            max: limits.message,
            broken: false,
            last_seen: now,
            ping_at: now + limits.ping_every,
            init_by: now + limits.init,
            drain_by: None,
        }
    }

    async fn run(mut self, mut payload: web::Payload) {
        let mut draining = self.shared.session.borrow().settings.draining.clone();
        let mut server_lives = true;
        loop {
            if self.on_time().is_break() {
                return self.kill();
            }
            if self.shared.session.borrow().peer_done {
                return;
            }
            let has_room = self.shared.session.borrow().has_room();
            tokio::select! {
                chunk = payload.next(), if has_room => match chunk {
                    Some(Ok(chunk)) => self.read(&chunk),
                    Some(Err(_)) | None => {
                        return self.shared.session.borrow_mut().peer_closed(None);
                    }
                },
                drained = draining.wait_for(|draining| *draining), if server_lives && self.drain_by.is_none() => {
                    server_lives = drained.is_ok();
                    drop(drained);
                    if server_lives {
                        let mut session = self.shared.session.borrow_mut();
                        self.drain_by = Some(Instant::now() + session.settings.limits.drain);
                        session.go_away();
                    }
                }
                () = self.shared.moved.notified() => {}
                () = sleep_until(self.next_deadline()) => {}
            }
        }
    }

    /// Does what is due; breaks when the peer is dead or stuck.
    fn on_time(&mut self) -> ControlFlow<()> {
        let now = Instant::now();
        let mut session = self.shared.session.borrow_mut();
        let limits = session.settings.limits;
        let stuck = session
            .stuck_since
            .is_some_and(|since| now >= since + limits.dead_after);
        let unanswered = session.closing.is_some_and(|since| now >= since + limits.close);
        if stuck || unanswered || now >= self.last_seen + limits.dead_after {
            return ControlFlow::Break(());
        }
        if !session.is_ready() && now >= self.init_by {
            session.close(4408, "Connection initialisation timeout");
        }
        if self.drain_by.is_some_and(|by| now >= by) {
            session.close(1001, "Going away");
        }
        if now >= self.ping_at {
            self.ping_at = now + limits.ping_every;
            session.ping();
        }
        ControlFlow::Continue(())
    }

    fn next_deadline(&self) -> Instant {
        let session = self.shared.session.borrow();
        let limits = session.settings.limits;
        let open = session.closing.is_none();
        [
            Some(self.last_seen + limits.dead_after),
            session.stuck_since.map(|since| since + limits.dead_after),
            session.closing.map(|since| since + limits.close),
            open.then_some(self.ping_at),
            (open && !session.is_ready()).then_some(self.init_by),
            self.drain_by.filter(|_| open),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(self.ping_at)
    }

    fn read(&mut self, chunk: &Bytes) {
        self.last_seen = Instant::now();
        if self.broken {
            return;
        }
        self.buffer.extend_from_slice(chunk);
        loop {
            match self.codec.decode(&mut self.buffer) {
                Ok(Some(frame)) => self.frame(frame),
                // The codec looks at a frame's size only when all of it is there.
                Ok(None) if self.buffer.len() <= self.max + FRAME_HEAD_MAX => return,
                Ok(None) | Err(ProtocolError::Overflow) => {
                    self.give_up();
                    return self.too_big();
                }
                Err(_) => {
                    self.give_up();
                    return self.close(1002, "Protocol error");
                }
            }
        }
    }

    /// What still comes is not looked at.
    fn give_up(&mut self) {
        self.broken = true;
        self.buffer = BytesMut::new();
    }

    fn frame(&mut self, frame: Frame) {
        match frame {
            Frame::Text(text) => self.message(&text),
            Frame::Continuation(Item::FirstText(part)) => {
                self.partial = Some(BytesMut::new());
                self.add(&part);
            }
            Frame::Continuation(Item::Continue(part)) => self.add(&part),
            Frame::Continuation(Item::Last(part)) => {
                self.add(&part);
                if let Some(text) = self.partial.take() {
                    self.message(&text);
                }
            }
            Frame::Binary(_) | Frame::Continuation(Item::FirstBinary(_)) => {
                self.close(1003, "Only text is understood");
            }
            Frame::Ping(payload) => self.shared.session.borrow_mut().pong(payload),
            Frame::Pong(_) => {}
            Frame::Close(reason) => self.shared.session.borrow_mut().peer_closed(reason),
        }
    }

    fn add(&mut self, part: &[u8]) {
        let Some(partial) = &mut self.partial else {
            return;
        };
        if partial.len() + part.len() > self.max {
            self.partial = None;
            return self.too_big();
        }
        partial.extend_from_slice(part);
    }

    fn message(&self, text: &[u8]) {
        match std::str::from_utf8(text) {
            Ok(text) => self.shared.session.borrow_mut().receive(text),
            Err(_) => self.close(1007, "Not UTF-8"),
        }
    }

    fn too_big(&self) {
        self.close(1009, "Message too big");
    }

    fn close(&self, code: u16, why: &str) {
        self.shared.session.borrow_mut().close(code, why);
    }

    /// The dispatcher finds its socket shut and lets go of the connection.
    fn kill(&self) {
        if let Some(socket) = &self.socket {
            // Already shut is as good.
            let _ = rustix::net::shutdown(socket, Shutdown::Both);
        }
        let mut session = self.shared.session.borrow_mut();
        session.abandon();
        session.peer_closed(None);
    }
}
