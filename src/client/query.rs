//! `streamsync query`: one GraphQL query or mutation over HTTP, printed as JSON or as a table.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use awc::http::header::ACCEPT;
use awc::{Client, Connector};
use serde_json::{Value, json};

use super::{endpoint, table};

/// The largest answer taken, in bytes.
const ANSWER_MAX: usize = 256 * 1024 * 1024;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[default]
    Json,
    /// The first list in the answer, a row for each entry, of a history one for each series and time.
    Table,
}

#[derive(Clone, Debug)]
pub struct Query {
    /// `http://127.0.0.1:8080`.
    pub url: String,
    /// The GraphQL text.
    pub text: String,
    /// A JSON object.
    pub variables: Option<String>,
    pub operation: Option<String>,
    pub format: Format,
    pub timeout: Duration,
}

/// Prints the answer's data to `out`; the errors in it become the error of this call. Runs in an
/// actix runtime.
pub async fn query(query: &Query, out: &mut impl Write) -> Result<()> {
    let variables: Option<serde_json::Map<String, Value>> = query
        .variables
        .as_deref()
        .map(serde_json::from_str)
        .transpose()
        .context("--variables is not a JSON object")?;
    let body = json!({
        "query": query.text,
        "variables": variables,
        "operationName": query.operation,
    });
    let uri = endpoint::http(&query.url)?;
    let client = Client::builder()
        .connector(Connector::new().timeout(query.timeout.min(Duration::from_secs(5))))
        .timeout(query.timeout)
        .finish();
    let mut response = client
        .post(&uri)
        .insert_header((
            ACCEPT,
            "application/graphql-response+json, application/json;q=0.9",
        ))
        .send_json(&body)
        .await
        .map_err(|error| anyhow::anyhow!("no answer from {uri}: {error}"))?;
    let status = response.status();
    let bytes = response
        .body()
        .limit(ANSWER_MAX)
        .await
        .map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?;
    let answer: Value = serde_json::from_slice(&bytes)
        .map_err(|_| anyhow::anyhow!("{uri} does not speak GraphQL (it answered {status})"))?;
    if let Some(data) = answer.get("data").filter(|data| !data.is_null()) {
        print(query.format, data, out).context("cannot write the answer")?;
    }
    match answer["errors"].as_array() {
        Some(errors) if !errors.is_empty() => bail!("{}", explain(errors)),
        _ => Ok(()),
    }
}

fn print(format: Format, data: &Value, out: &mut impl Write) -> std::io::Result<()> {
    match format {
        Format::Table if table::print(data, out)? => {}
        _ => writeln!(out, "{data:#}")?,
    }
    out.flush()
}

/// One line for each error: its code, what it says, and where.
pub(super) fn explain(errors: &[Value]) -> String {
    let line = |error: &Value| {
        let mut line = String::new();
        if let Some(code) = error["extensions"]["code"].as_str() {
            line = format!("{code}: ");
        }
        line.push_str(error["message"].as_str().unwrap_or("unknown error"));
        if let Some(at) = error["locations"].get(0) {
            line.push_str(&format!(" (line {}, column {})", at["line"], at["column"]));
        }
        line
    };
    errors.iter().map(line).collect::<Vec<_>>().join("\n")
}
