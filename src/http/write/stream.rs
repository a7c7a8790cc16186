//! Which stream a request writes to: that of a parameter or header, or the configured one.

use std::collections::BTreeMap;

use actix_web::HttpRequest;

use crate::data::{Code, Problem, Viewer};
use crate::write::StreamTarget;

const HEADER: &str = "x-streamsync-stream";

/// What a request says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'r> {
    stream: Option<&'r str>,
    /// A database or bucket may have the name of a stream, and need not.
    database: Option<&'r str>,
}

impl<'r> Named<'r> {
    pub fn of(request: &'r HttpRequest, stream: Option<&'r str>, database: Option<&'r str>) -> Self {
        let header = || request.headers().get(HEADER)?.to_str().ok();
        Self {
            stream: stream.or_else(header),
            database,
        }
    }
}

/// The name of a stream that the viewer may know of.
pub(super) fn of(
    named: &Named<'_>,
    configured: Option<&str>,
    targets: &BTreeMap<String, StreamTarget>,
    viewer: &Viewer,
) -> Result<String, Problem> {
    let known = |name: &&str| targets.contains_key(*name) && viewer.sees_stream(name);
    if let Some(name) = named.stream {
        let found = Some(name).filter(known).map(str::to_owned);
        return found
            .ok_or_else(|| Problem::new(Code::NotFound, format!("no stream is named '{}'", short(name))));
    }
    let mut all = targets.keys().map(String::as_str).filter(known);
    let only = || all.next().filter(|_| all.next().is_none());
    let found = named
        .database
        .filter(known)
        .or(configured.filter(known))
        .or_else(only);
    found.map(str::to_owned).ok_or_else(|| {
        let why = "name the stream: as the parameter 'stream', in the header X-StreamSync-Stream, or for all \
                   as http.write.stream in the configuration";
        Problem::new(Code::BadUserInput, why)
    })
}

fn short(name: &str) -> String {
    name.chars().take(100).collect()
}
