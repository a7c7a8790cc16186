//! `streamsync tail`: a subscription printed line by line, through disconnects, without a gap and
//! without a repetition.
//!
//! The cursor moves on when the lines of its batch are written, so a new connection continues right
//! behind the last line.

use std::future::Future;
use std::io::Write;
use std::time::Duration;

use actix_http::ws::Item;
use actix_web::rt::time::{sleep, timeout};
use anyhow::{Context, Result, anyhow, bail};
use awc::Client;
use awc::error::{WsClientError, WsProtocolError as ProtocolError};
use awc::ws::{Frame, Message};
use futures_util::future::{Either, LocalBoxFuture, Shared, select};
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use serde_json::{Value, json};

use super::endpoint;
use super::query::explain;

const PROTOCOL: &str = "graphql-transport-ws";
/// The server pings every 12 s.
const SILENCE_MAX: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LAST_WAIT: Duration = Duration::from_secs(10);
/// The largest message taken, in bytes.
const MESSAGE_MAX: usize = 64 * 1024 * 1024;

const SUBSCRIPTION: &str = "subscription($selector: SeriesSelector!, $after: Cursor, $backfill: Duration, $every: Duration) { \
     points(selector: $selector, after: $after, backfill: $backfill, every: $every) { \
     cursor conflated points { ts value series { key } } } }";

/// What a new connection with the same cursor may mend; everything else is final.
const PASSING_CODES: [&str; 5] = [
    "SLOW_CLIENT",
    "GOING_AWAY",
    "UNAVAILABLE",
    "QUERY_TIMEOUT",
    "INTERNAL",
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LineFormat {
    /// `ts  value  key`
    #[default]
    Text,
    /// One JSON object for each point.
    Json,
}

#[derive(Clone, Debug)]
pub struct Tail {
    /// `http://127.0.0.1:8080`.
    pub url: String,
    /// A `SeriesSelector` as JSON: `{"metric": .., "labels": [..]}`.
    pub selector: Value,
    /// Continue behind this cursor.
    pub after: Option<String>,
    /// Begin with what is stored of this span, such as `15m`.
    pub backfill: Option<String>,
    /// Only the newest point of each series in this time.
    pub every: Option<String>,
    pub format: LineFormat,
}

/// Prints until `stop` is ready or `out` takes no more; returns the last cursor, for `after`. News
/// about the connection go to `say`. Runs in an actix runtime.
pub async fn tail(
    tail: &Tail,
    out: &mut impl Write,
    say: impl Fn(&str),
    stop: impl Future<Output = ()>,
) -> Result<Option<String>> {
    let mut progress = Progress {
        cursor: tail.after.clone(),
        wait: FIRST_WAIT,
    };
    let stop = stop.boxed_local().shared();
    follow(tail, out, &say, &mut progress, &stop).await?;
    Ok(progress.cursor)
}

type Stop<'a> = Shared<LocalBoxFuture<'a, ()>>;

/// `None` when the stop came first.
async fn unless<T>(stop: &Stop<'_>, work: impl Future<Output = T>) -> Option<T> {
    futures_util::pin_mut!(work);
    match select(stop.clone(), work).await {
        Either::Left(_) => None,
        Either::Right((done, _)) => Some(done),
    }
}

struct Progress {
    cursor: Option<String>,
    wait: Duration,
}

/// How a connection came to its end.
enum Ended {
    /// Nobody wants or reads the output any more.
    Closed,
    /// Another connection may do better.
    Lost(String),
}

async fn follow(
    tail: &Tail,
    out: &mut impl Write,
    say: &impl Fn(&str),
    progress: &mut Progress,
    stop: &Stop<'_>,
) -> Result<()> {
    loop {
        match once(tail, out, progress, stop).await? {
            Ended::Closed => return Ok(()),
            Ended::Lost(why) => say(&format!("{why}; connecting again")),
        }
        if unless(stop, sleep(progress.wait)).await.is_none() {
            return Ok(());
        }
        progress.wait = (progress.wait * 2).min(LAST_WAIT);
    }
}

/// One connection. An error is final.
async fn once(tail: &Tail, out: &mut impl Write, progress: &mut Progress, stop: &Stop<'_>) -> Result<Ended> {
    let uri = endpoint::websocket(&tail.url)?;
    let connecting = Client::builder()
        .max_http_version(awc::http::Version::HTTP_11)
        .finish()
        .ws(&uri)
        .protocols([PROTOCOL])
        .max_frame_size(MESSAGE_MAX)
        .connect();
    let mut socket = match unless(stop, timeout(CONNECT_TIMEOUT, connecting)).await {
        None => return Ok(Ended::Closed),
        Some(Ok(Ok((_, frames)))) => Socket {
            frames,
            partial: Vec::new(),
        },
        Some(Ok(Err(WsClientError::InvalidResponseStatus(status)))) if status.is_client_error() => {
            bail!("{uri} refuses a WebSocket: {status}");
        }
        Some(Ok(Err(error))) => {
            return Ok(Ended::Lost(format!("no connection to {uri}: {error}")));
        }
        Some(Err(_)) => return Ok(Ended::Lost(format!("no connection to {uri} in time"))),
    };
    let ended = match unless(stop, converse(tail, &mut socket, out, progress)).await {
        None => Ok(Ended::Closed),
        Some(Ok(ended)) => Ok(ended),
        Some(Err(Trouble::Connection(why))) => return Ok(Ended::Lost(why)),
        Some(Err(Trouble::Final(error))) => Err(error),
    };
    socket.close().await;
    ended
}

enum Trouble {
    Connection(String),
    Final(anyhow::Error),
}

async fn converse<F>(
    tail: &Tail,
    socket: &mut Socket<F>,
    out: &mut impl Write,
    progress: &mut Progress,
) -> Result<Ended, Trouble>
where
    F: Stream<Item = Result<Frame, ProtocolError>> + Sink<Message, Error = ProtocolError> + Unpin,
{
    socket.send(json!({ "type": "connection_init" })).await?;
    loop {
        let message = socket.receive().await?;
        match message["type"].as_str().unwrap_or_default() {
            "connection_ack" => socket.send(subscribe(tail, progress)).await?,
            "ping" => socket.send(json!({ "type": "pong" })).await?,
            "next" => {
                let payload = &message["payload"];
                check(&payload["errors"])?;
                let batch = &payload["data"]["points"];
                if print(tail.format, batch, out).is_err() {
                    return Ok(Ended::Closed);
                }
                if let Some(cursor) = batch["cursor"].as_str() {
                    progress.cursor = Some(cursor.to_owned());
                    progress.wait = FIRST_WAIT;
                }
            }
            "error" => check(&message["payload"])?,
            "complete" => return Ok(Ended::Lost("the server ended the subscription".to_owned())),
            _ => {}
        }
    }
}

fn subscribe(tail: &Tail, progress: &Progress) -> Value {
    // A cursor carries on with an unfinished backfill; both together are refused.
    let backfill = tail.backfill.as_ref().filter(|_| progress.cursor.is_none());
    json!({
        "id": "1",
        "type": "subscribe",
        "payload": {
            "query": SUBSCRIPTION,
            "variables": {
                "selector": tail.selector,
                "after": progress.cursor,
                "backfill": backfill,
                "every": tail.every,
            },
        },
    })
}

/// GraphQL errors: what passes ends the connection, the rest ends the program.
fn check(errors: &Value) -> Result<(), Trouble> {
    let Some(errors) = errors.as_array().filter(|errors| !errors.is_empty()) else {
        return Ok(());
    };
    let why = explain(errors);
    let passes = |error: &Value| {
        let code = error["extensions"]["code"].as_str();
        code.is_some_and(|code| PASSING_CODES.contains(&code))
    };
    if errors.iter().all(passes) {
        return Err(Trouble::Connection(why));
    }
    let earliest = errors
        .iter()
        .find_map(|error| error["extensions"]["earliestCursor"].as_str());
    Err(Trouble::Final(match earliest {
        Some(cursor) => anyhow!("{why}\nthe earliest cursor there is: {cursor}"),
        None => anyhow!(why),
    }))
}

fn print(format: LineFormat, batch: &Value, out: &mut impl Write) -> std::io::Result<()> {
    for point in batch["points"].as_array().into_iter().flatten() {
        match format {
            LineFormat::Json => writeln!(out, "{point}")?,
            LineFormat::Text => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (ts, key) = (text(&point["ts"]), text(&point["series"]["key"]));
                writeln!(out, "{ts:<27}  {:>12}  {key}", point["value"].to_string())?;
            }
        }
    }
    match batch["conflated"].as_u64() {
        Some(left_out) if left_out > 0 && format == LineFormat::Text => {
            writeln!(out, "# {left_out} older points left out")?;
        }
        _ => {}
    }
    out.flush()
}

/// A WebSocket that speaks JSON messages and answers pings.
struct Socket<F> {
    frames: F,
    partial: Vec<u8>,
}

impl<F> Socket<F>
where
    F: Stream<Item = Result<Frame, ProtocolError>> + Sink<Message, Error = ProtocolError> + Unpin,
{
    async fn send(&mut self, message: Value) -> Result<(), Trouble> {
        let text = Message::Text(message.to_string().into());
        self.frames.send(text).await.map_err(lost)
    }

    async fn receive(&mut self) -> Result<Value, Trouble> {
        loop {
            let frame = timeout(SILENCE_MAX, self.frames.next())
                .await
                .map_err(|_| Trouble::Connection("the server fell silent".to_owned()))?
                .ok_or_else(|| Trouble::Connection("the connection broke".to_owned()))?
                .map_err(lost)?;
            let whole = match frame {
                Frame::Text(bytes) | Frame::Binary(bytes) => bytes.to_vec(),
                Frame::Continuation(item) => match self.join(item)? {
                    Some(whole) => whole,
                    None => continue,
                },
                Frame::Ping(bytes) => {
                    let pong = Message::Pong(bytes);
                    self.frames.send(pong).await.map_err(lost)?;
                    continue;
                }
                Frame::Pong(_) => continue,
                Frame::Close(reason) => return Err(closed(reason)),
            };
            return serde_json::from_slice(&whole)
                .context("the server sent no JSON")
                .map_err(Trouble::Final);
        }
    }

    fn join(&mut self, item: Item) -> Result<Option<Vec<u8>>, Trouble> {
        let (bytes, last) = match item {
            Item::FirstText(bytes) | Item::FirstBinary(bytes) | Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        if self.partial.len() + bytes.len() > MESSAGE_MAX {
            return Err(Trouble::Connection("a message is too large".to_owned()));
        }
        self.partial.extend(bytes);
        Ok(last.then(|| std::mem::take(&mut self.partial)))
    }

    /// Says good-bye; whether anybody hears it does not matter.
    async fn close(&mut self) {
        let normal = awc::ws::CloseReason::from(awc::ws::CloseCode::Normal);
        let bye = async {
            let _ = self.frames.send(Message::Close(Some(normal))).await;
            while let Some(Ok(frame)) = self.frames.next().await {
                if matches!(frame, Frame::Close(_)) {
                    return;
                }
            }
        };
        let _ = timeout(Duration::from_secs(1), bye).await;
    }
}

fn lost(error: impl std::fmt::Display) -> Trouble {
    Trouble::Connection(format!("connection lost: {error}"))
}

/// 44xx: the server holds our messages to be wrong, which will not change.
fn closed(reason: Option<awc::ws::CloseReason>) -> Trouble {
    let Some(reason) = reason else {
        return Trouble::Connection("the server closed the connection".to_owned());
    };
    let code = u16::from(reason.code);
    let why = format!(
        "the server closed the connection: {code} {}",
        reason.description.unwrap_or_default()
    );
    match code {
        4400..=4499 => Trouble::Final(anyhow!(why)),
        _ => Trouble::Connection(why),
    }
}
