//! `streamsync tail`: prints a subscription line by line, across disconnects without gaps and
//! repetitions. It uses server-sent events.
//!
//! A new connection continues right after the last batch that came, and the cursor for the next `tail` is
//! that of the last batch that was printed: a backfill comes series by series and is printed by time.

use std::future::Future;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Error, anyhow};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::time::sleep;

use self::lines::Lines;
use super::http;
use super::screen::Screen;

mod lines;

pub use lines::LineFormat;

/// The server gives a sign of life every 12 s.
const SILENCE: Duration = Duration::from_secs(40);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LAST_WAIT: Duration = Duration::from_secs(10);
/// The largest event taken, in bytes.
const EVENT_MAX: usize = 64 * 1024 * 1024;

const SUBSCRIPTION: &str = "subscription($selector: SeriesSelector!, $after: Cursor, $backfill: Duration, $every: Duration) { \
     points(selector: $selector, after: $after, backfill: $backfill, every: $every) { \
     cursor backfill conflated points { ts value series { key } } } }";

/// Errors after which a new connection with the same cursor may work; all others are final.
const PASSING_CODES: [&str; 5] = [
    "SLOW_CLIENT",
    "GOING_AWAY",
    "UNAVAILABLE",
    "QUERY_TIMEOUT",
    "INTERNAL",
];

/// From where, how often and how it prints.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Options {
    /// Start with the stored points of this span, such as 15m
    #[arg(long, value_name = "SPAN")]
    pub backfill: Option<String>,
    /// Continue after this cursor
    #[arg(long, value_name = "CURSOR", conflicts_with = "backfill")]
    pub after: Option<String>,
    /// Only the newest point of each series in this time, such as 250ms
    #[arg(long, value_name = "SPAN")]
    pub every: Option<String>,
    /// How to print a point; as a text it is short in a terminal and exact elsewhere
    #[arg(long, value_enum, default_value_t)]
    pub format: LineFormat,
}

#[derive(Clone, Debug)]
pub struct Tail<'o> {
    /// `http://127.0.0.1:8080`.
    pub url: &'o str,
    /// A `SeriesSelector` as JSON: `{"metric": .., "labels": [..]}`.
    pub selector: Value,
    pub options: &'o Options,
    pub screen: Screen,
}

/// Prints until `stop` is ready or `out` is closed; returns the last cursor, for `after`. `say` gets news
/// about the connection. Runs in a tokio runtime.
pub async fn tail(
    tail: &Tail<'_>,
    out: &mut impl Write,
    say: impl Fn(&str),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Option<String>> {
    let mut progress = Progress {
        cursor: tail.options.after.clone(),
        printed: tail.options.after.clone(),
        lines: Lines::new(tail.options.format, tail.screen),
        wait: FIRST_WAIT,
    };
    tokio::select! {
        biased;
        () = stop => {}
        ended = follow(tail, out, &say, &mut progress) => ended?,
    }
    Ok(progress.printed)
}

struct Progress {
    /// Of the last batch that came, and of the last one that was printed.
    cursor: Option<String>,
    printed: Option<String>,
    lines: Lines,
    wait: Duration,
}

enum Trouble {
    /// Another connection may work.
    Passing(String),
    Final(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

async fn follow(
    tail: &Tail<'_>,
    out: &mut impl Write,
    say: &impl Fn(&str),
    progress: &mut Progress,
) -> anyhow::Result<()> {
    loop {
        match once(tail, out, progress).await {
            Ok(()) => return Ok(()),
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Passing(why)) => say(&format!("{why}; connecting again")),
        }
        sleep(progress.wait).await;
        progress.wait = (progress.wait * 2).min(LAST_WAIT);
    }
}

/// One connection. It ends without an error when nobody reads the output any more.
async fn once(tail: &Tail<'_>, out: &mut impl Write, progress: &mut Progress) -> Result<(), Trouble> {
    let mut events = subscribe(tail, progress).await?;
    while let Some(mut answer) = events.next().await? {
        check(&answer["errors"])?;
        let batch = &mut answer["data"]["points"];
        if let Some(cursor) = batch["cursor"].as_str() {
            progress.cursor = Some(cursor.to_owned());
            progress.wait = FIRST_WAIT;
        }
        match progress.lines.take(batch, out) {
            Ok(true) => progress.printed.clone_from(&progress.cursor),
            Ok(false) => {}
            Err(_) => return Ok(()),
        }
    }
    Err(Trouble::Passing("the server ended the subscription".to_owned()))
}

async fn subscribe(tail: &Tail<'_>, progress: &Progress) -> Result<Events, Trouble> {
    // A cursor continues an unfinished backfill; the server refuses both together.
    let Options { backfill, every, .. } = tail.options;
    let backfill = backfill.as_ref().filter(|_| progress.cursor.is_none());
    let body = json!({
        "query": SUBSCRIPTION,
        "variables": {
            "selector": tail.selector,
            "after": progress.cursor,
            "backfill": backfill,
            "every": every,
        },
    });
    let url = http::graphql(tail.url)?;
    let request = http::post(&url, SILENCE, "text/event-stream", &body)?;
    let response = request.send().await.map_err(|error| {
        let error = Error::from(error.without_url());
        Trouble::Passing(format!("no connection to {url}: {error:#}"))
    })?;
    let status = response.status();
    if !status.is_success() {
        let why = http::complaint(response).await;
        return Err(match status.is_client_error() {
            true => Trouble::Final(anyhow!(why)),
            false => Trouble::Passing(why),
        });
    }
    let kind = response.headers().get(CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        return Err(anyhow!("{url} does not answer with server-sent events").into());
    }
    Ok(Events {
        response,
        buffer: Vec::new(),
        searched: 0,
    })
}

/// Passing errors end the connection, others end the program.
fn check(errors: &Value) -> Result<(), Trouble> {
    let Some(errors) = errors.as_array().filter(|errors| !errors.is_empty()) else {
        return Ok(());
    };
    let why = http::explain(errors);
    let passes = |error: &Value| {
        let code = error["extensions"]["code"].as_str();
        code.is_some_and(|code| PASSING_CODES.contains(&code))
    };
    if errors.iter().all(passes) {
        return Err(Trouble::Passing(why));
    }
    let earliest = errors
        .iter()
        .find_map(|error| error["extensions"]["earliestCursor"].as_str());
    Err(Trouble::Final(match earliest {
        Some(cursor) => anyhow!("{why}\nthe earliest cursor is {cursor}"),
        None => anyhow!(why),
    }))
}

/// Server-sent events with JSON in one line each.
struct Events {
    response: Response,
    buffer: Vec<u8>,
    /// How many bytes of the buffer have no line end.
    searched: usize,
}

impl Events {
    /// `None` when the server has completed the subscription.
    async fn next(&mut self) -> Result<Option<Value>, Trouble> {
        loop {
            while let Some(end) = self.buffer[self.searched..]
                .iter()
                .position(|byte| *byte == b'\n')
            {
                let line: Vec<u8> = self.buffer.drain(..=self.searched + end).collect();
                self.searched = 0;
                if line == b"event: complete\n" {
                    return Ok(None);
                }
                if let Some(json) = line.strip_prefix(b"data: ") {
                    let answer = serde_json::from_slice(json).context("the server sent no JSON")?;
                    return Ok(Some(answer));
                }
            }
            self.searched = self.buffer.len();
            let lost = |error: Error| Trouble::Passing(format!("connection lost: {error:#}"));
            let chunk = self.response.chunk().await.map_err(|error| lost(error.into()))?;
            let chunk = chunk.ok_or_else(|| lost(anyhow!("the server closed it")))?;
            if self.buffer.len() + chunk.len() > EVENT_MAX {
                return Err(lost(anyhow!("an event is too large")));
            }
            self.buffer.extend_from_slice(&chunk);
        }
    }
}
