//! `streamsync query`: one GraphQL query or mutation over HTTP, printed as JSON or as a table.

use std::io::Write;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::http;
use super::table::{self, Look};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[default]
    Json,
    // The first list in the answer, a row for each entry, of a history one for each series and time.
    Table,
}

/// Sends the GraphQL text, prints the answer's data to `out` and returns its errors as one. `variables`: a
/// JSON object. As JSON without a `table`. Runs in a tokio runtime.
pub async fn query(
    url: &str,
    text: &str,
    variables: Option<&str>,
    table: Option<&Look>,
    out: &mut impl Write,
) -> Result<()> {
    let variables: Option<serde_json::Map<String, Value>> = variables
        .map(serde_json::from_str)
        .transpose()
        .context("--variables is not a JSON object")?;
    let body = json!({ "query": text, "variables": variables });
    let url = http::graphql(url)?;
    let accept = "application/graphql-response+json, application/json;q=0.9";
    let response = http::post(&url, http::PATIENCE, accept, &body)?
        .send()
        .await
        .map_err(reqwest::Error::without_url)
        .with_context(|| format!("no answer from {url}"))?;
    let status = response.status();
    let bytes = response.bytes().await.context("the answer broke off")?;
    let answer: Value = serde_json::from_slice(&bytes)
        .map_err(|_| anyhow::anyhow!("{url} does not speak GraphQL (it answered {status})"))?;
    if let Some(data) = answer.get("data").filter(|data| !data.is_null()) {
        print(table, data, out).context("cannot write the answer")?;
    }
    match answer["errors"].as_array() {
        Some(errors) if !errors.is_empty() => bail!("{}", http::explain(errors)),
        _ => Ok(()),
    }
}

fn print(look: Option<&Look>, data: &Value, out: &mut impl Write) -> std::io::Result<()> {
    match look {
        Some(look) if table::print(data, look, out)? => {}
        _ => writeln!(out, "{data:#}")?,
    }
    out.flush()
}
