//! The bound of any server: a loop that writes the captured bytes of one tick to every socket. No
//! Kafka, no subscriptions, nothing encoded; only the time in each value is written anew.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

use crate::producer;

const VALUE: &[u8] = b"\"value\":";
const DIGITS: usize = 10;

struct Sockets {
    open: RefCell<Vec<Socket>>,
    /// Between two ticks; `None`: none.
    every: Cell<Option<Duration>>,
}

struct Socket {
    stream: TcpStream,
    /// Bytes of the tick before that the socket did not take.
    left: Vec<u8>,
}

pub async fn run(listen: SocketAddr, capture: &Path) -> Result<()> {
    let tick = std::fs::read(capture).context("the captured frames")?;
    ensure!(!tick.is_empty(), "no frames were captured");
    let listener = TcpListener::bind(listen).await?;
    let sockets = Rc::new(Sockets {
        open: RefCell::default(),
        every: Cell::new(None),
    });
    tokio::task::spawn_local(write(Rc::clone(&sockets), tick));
    loop {
        let (stream, _) = listener.accept().await?;
        let sockets = Rc::clone(&sockets);
        tokio::task::spawn_local(async move {
            // Who goes away during the handshake was no client.
            let _ = welcome(stream, &sockets).await;
        });
    }
}

/// `GET /` is a client; `GET /every/2500` asks for a tick every 2500 us, 0 for none.
async fn welcome(mut stream: TcpStream, sockets: &Sockets) -> Result<()> {
    let mut head = Vec::new();
    while memchr::memmem::find(&head, b"\r\n\r\n").is_none() {
        ensure!(stream.read_buf(&mut head).await? > 0, "closed");
    }
    let head = String::from_utf8_lossy(&head);
    if let Some(rest) = head.strip_prefix("GET /every/") {
        let micros: u64 = rest.split(' ').next().unwrap_or_default().parse()?;
        sockets
            .every
            .set((micros > 0).then(|| Duration::from_micros(micros)));
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
            .await?;
        return Ok(());
    }
    stream.set_nodelay(true)?;
    stream
        .write_all(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
        .await?;
    let left = Vec::new();
    sockets.open.borrow_mut().push(Socket { stream, left });
    Ok(())
}

async fn write(sockets: Rc<Sockets>, mut tick: Vec<u8>) {
    let values: Vec<usize> = memchr::memmem::find_iter(&tick, VALUE)
        .map(|at| at + VALUE.len())
        .collect();
    let mut next = Instant::now();
    loop {
        let Some(every) = sockets.every.get() else {
            next = Instant::now() + Duration::from_millis(10);
            sleep_until(next).await;
            continue;
        };
        next = (next + every).max(Instant::now());
        sleep_until(next).await;
        let stamp = producer::stamp().to_string();
        for &at in &values {
            tick[at..at + DIGITS].copy_from_slice(stamp.as_bytes());
        }
        sockets.open.borrow_mut().retain_mut(|socket| socket.take(&tick));
        // Lets the runtime look at the sockets.
        tokio::task::yield_now().await;
    }
}

impl Socket {
    /// A socket that has not taken the tick before misses this one. False when it is gone.
    fn take(&mut self, tick: &[u8]) -> bool {
        let late = !self.left.is_empty();
        let bytes = if late { &self.left } else { tick };
        match self.stream.try_write(bytes) {
            Ok(taken) => {
                self.left = bytes[taken..].to_vec();
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if !late {
                    self.left = tick.to_vec();
                }
                true
            }
            Err(_) => false,
        }
    }
}

/// Asks a bound server for this many points per second.
pub async fn ask(server: SocketAddr, capture_points: u64, rate: u32) -> Result<()> {
    let micros = (capture_points * 1_000_000)
        .checked_div(u64::from(rate))
        .unwrap_or(0);
    let mut stream = TcpStream::connect(server).await?;
    let request = format!("GET /every/{micros} HTTP/1.1\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    ensure!(
        answer.starts_with(b"HTTP/1.1 204"),
        "the bound did not understand"
    );
    Ok(())
}
