//! The clients: each a task on this one thread that keeps its connection, answers pings and counts
//! what comes. A connection that is lost is counted and opened again.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, bail};
use memchr::memmem::Finder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

use crate::Target;
use crate::dialect::Dialect;
use crate::measure::Tally;
use crate::producer;
use crate::wire::{self, CLOSE, PING, PONG, TEXT};

const READ: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);
const OPENING_AT_ONCE: usize = 50;

pub struct Clients {
    shared: Rc<Shared>,
    count: usize,
}

struct Shared {
    dialect: Dialect,
    server: SocketAddr,
    keys: Vec<String>,
    /// Clients below this number stop reading while `stalled`, and are never counted.
    uncounted: usize,
    stalled: Cell<bool>,
    released: Notify,
    opening: Semaphore,
    ready: Cell<usize>,
    lost: Cell<u64>,
    tally: RefCell<Tally>,
    buffer: RefCell<Vec<u8>>,
    capture: RefCell<Capture>,
    value: Finder<'static>,
}

/// The frames of one tick as the last client receives them.
#[derive(Default)]
struct Capture {
    wanted: bool,
    stamp: Option<u64>,
    frames: Vec<u8>,
}

impl Clients {
    /// Opens all connections and subscribes. The first `uncounted` can be stalled.
    pub async fn open(target: &Target, count: usize, uncounted: usize) -> Result<Self> {
        let shared = Rc::new(Shared {
            dialect: target.dialect,
            server: target.server,
            keys: target.keys.clone(),
            uncounted,
            stalled: Cell::new(false),
            released: Notify::new(),
            opening: Semaphore::new(OPENING_AT_ONCE),
            ready: Cell::new(0),
            lost: Cell::new(0),
            tally: RefCell::default(),
            buffer: RefCell::new(vec![0; READ]),
            capture: RefCell::default(),
            value: Finder::new(b"\"value\":"),
        });
        for number in 0..count {
            tokio::task::spawn_local(keep(Rc::clone(&shared), number, number + 1 == count));
        }
        let clients = Self { shared, count };
        clients.ready().await?;
        Ok(clients)
    }

    /// All are connected and subscribed.
    pub async fn ready(&self) -> Result<()> {
        let all = async {
            while self.shared.ready.get() < self.count {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let ready = || self.shared.ready.get();
        match timeout(PATIENCE, all).await {
            Ok(()) => Ok(()),
            Err(_) => bail!("only {} of {} clients are subscribed", ready(), self.count),
        }
    }

    pub fn counted(&self) -> usize {
        self.count - self.shared.uncounted
    }

    /// What came, and how many connections were lost, since the last call.
    pub fn take(&self) -> (Tally, u64) {
        (self.shared.tally.borrow_mut().take(), self.shared.lost.take())
    }

    pub fn stall(&self, stalled: bool) {
        self.shared.stalled.set(stalled);
        self.shared.released.notify_waiters();
    }

    /// Nothing is on its way any more; false when that takes too long.
    pub async fn quiet(&self) -> bool {
        let mut before = u64::MAX;
        for _ in 0..30 {
            let now = self.shared.tally.borrow().points;
            if now == before {
                return true;
            }
            before = now;
            sleep(Duration::from_secs(1)).await;
        }
        false
    }

    /// Keeps the frames of the next whole tick.
    pub fn start_capture(&self) {
        *self.shared.capture.borrow_mut() = Capture {
            wanted: true,
            ..Capture::default()
        };
    }

    pub fn save_capture(&self, path: &Path) -> Result<()> {
        let capture = self.shared.capture.borrow();
        Ok(std::fs::write(path, &capture.frames)?)
    }
}

async fn keep(shared: Rc<Shared>, number: usize, last: bool) {
    loop {
        let mut client = Client {
            shared: &shared,
            number,
            last,
            rest: Vec::new(),
            subscribed: false,
        };
        if let Err(error) = client.run().await
            && !client.subscribed
        {
            eprintln!("live: client {number}: {error:#}");
        }
        if client.subscribed {
            shared.ready.set(shared.ready.get() - 1);
        }
        shared.lost.set(shared.lost.get() + 1);
        sleep(Duration::from_millis(200)).await;
    }
}

struct Client<'a> {
    shared: &'a Shared,
    number: usize,
    last: bool,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
    subscribed: bool,
}

impl Client<'_> {
    async fn run(&mut self) -> Result<()> {
        let stream = self.open().await?;
        self.subscribed = true;
        self.shared.ready.set(self.shared.ready.get() + 1);
        let rest = std::mem::take(&mut self.rest);
        self.bytes(&stream, &rest)?;
        loop {
            stream.readable().await?;
            while self.number < self.shared.uncounted && self.shared.stalled.get() {
                self.shared.released.notified().await;
            }
            let mut buffer = self.shared.buffer.borrow_mut();
            match stream.try_read(&mut buffer) {
                Ok(0) => bail!("closed"),
                Ok(count) => self.bytes(&stream, &buffer[..count])?,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn open(&mut self) -> Result<TcpStream> {
        let _turn = self.shared.opening.acquire().await?;
        let stallable = self.number < self.shared.uncounted;
        let keys = &self.shared.keys;
        let key = keys.get(self.number % keys.len().max(1)).map(String::as_str);
        let opening = self.shared.dialect.opening(stallable, key);
        let (server, path) = (self.shared.server, opening.path);
        let (mut stream, rest) =
            wire::connect(server, self.number, path, opening.protocol, stallable).await?;
        self.rest = rest;
        for (messages, answer) in opening.steps {
            for message in messages {
                stream.write_all(&wire::masked(TEXT, message.as_bytes())).await?;
            }
            while !self.heard(answer)? {
                if stream.read_buf(&mut self.rest).await? == 0 {
                    bail!("closed");
                }
            }
        }
        Ok(stream)
    }

    /// Takes frames until one has these words.
    fn heard(&mut self, words: &str) -> Result<bool> {
        while let Some((opcode, from, to)) = wire::frame(&self.rest) {
            let found = memchr::memmem::find(&self.rest[from..to], words.as_bytes()).is_some();
            if opcode == CLOSE {
                bail!("closed: {}", String::from_utf8_lossy(&self.rest[from..to]));
            }
            self.rest.drain(..to);
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn bytes(&mut self, stream: &TcpStream, bytes: &[u8]) -> Result<()> {
        if self.rest.is_empty() {
            let used = self.frames(stream, bytes)?;
            self.rest.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(bytes);
        let used = self.frames(stream, &whole)?;
        whole.drain(..used);
        self.rest = whole;
        Ok(())
    }

    /// Looks at the whole frames; how many bytes these were.
    fn frames(&self, stream: &TcpStream, bytes: &[u8]) -> Result<usize> {
        let mut at = 0;
        while let Some((opcode, from, to)) = wire::frame(&bytes[at..]) {
            let payload = &bytes[at + from..at + to];
            match opcode {
                // So short that the socket has room.
                PING => drop(stream.try_write(&wire::masked(PONG, payload))?),
                CLOSE => bail!("closed: {}", String::from_utf8_lossy(payload)),
                TEXT => self.text(&bytes[at..at + to], payload),
                _ => {}
            }
            at += to;
        }
        Ok(at)
    }

    fn text(&self, frame: &[u8], payload: &[u8]) {
        if self.number < self.shared.uncounted {
            return;
        }
        let mut found = self.shared.value.find_iter(payload);
        let Some(first) = found.next() else {
            return;
        };
        let stamp = number(&payload[first + b"\"value\":".len()..]);
        let points = 1 + found.count() as u64;
        let age = producer::age(stamp);
        self.shared.tally.borrow_mut().message(points, frame.len(), age);
        if self.last {
            self.shared.capture.borrow_mut().add(stamp, frame);
        }
    }
}

impl Capture {
    fn add(&mut self, stamp: u64, frame: &[u8]) {
        if !self.wanted {
            return;
        }
        // The first seen may have begun before we looked.
        match self.stamp {
            None => self.stamp = Some(stamp),
            Some(seen) if seen == stamp && self.frames.is_empty() => {}
            Some(seen) if seen == stamp => self.frames.extend_from_slice(frame),
            Some(_) if self.frames.is_empty() => {
                self.stamp = Some(stamp);
                self.frames.extend_from_slice(frame);
            }
            Some(_) => self.wanted = false,
        }
    }
}

/// The whole number at the beginning.
fn number(text: &[u8]) -> u64 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}
