//! `streamsync export`: an answer of `/api/v1` of any size into a file, whole or not at all.
//!
//! By reqwest, since awc takes a connection that breaks between two chunks for the end of the
//! answer; here that is an error, and a file under its final name is a whole answer.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::time::timeout;

use super::endpoint;
use super::query::explain;

const CONNECT: Duration = Duration::from_secs(5);
/// Longer than any statement may take.
const SILENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct Export {
    /// `http://127.0.0.1:8080`.
    pub url: String,
    /// `points` or `history`.
    pub resource: &'static str,
    pub parameters: Vec<(&'static str, String)>,
    /// `None`: standard output.
    pub file: Option<PathBuf>,
    pub progress: bool,
}

/// How many bytes came. Runs in a tokio runtime.
pub async fn export(what: &Export) -> Result<u64> {
    let Some(file) = &what.file else {
        return receive(what, &mut io::stdout().lock()).await;
    };
    let unfinished = unfinished(file)?;
    let mut out =
        File::create(&unfinished).with_context(|| format!("cannot write {}", unfinished.display()))?;
    let received = match receive(what, &mut out).await {
        Ok(bytes) => out.sync_all().map(|()| bytes).context("cannot write the answer"),
        Err(error) => Err(error),
    };
    let kept = received.and_then(|bytes| {
        std::fs::rename(&unfinished, file).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(bytes)
    });
    if kept.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    kept
}

/// In the same folder, so that renaming it is one step.
fn unfinished(file: &Path) -> Result<PathBuf> {
    let name = file.file_name().context("--out must name a file")?;
    let mut name = name.to_owned();
    name.push(format!(".{}.part", std::process::id()));
    Ok(file.with_file_name(name))
}

async fn receive(what: &Export, out: &mut impl Write) -> Result<u64> {
    let base = endpoint::http(&what.url)?;
    let mut url = reqwest::Url::parse(&base.to_string()).context("--url is not an address")?;
    let path = url.path().trim_end_matches("graphql");
    url.set_path(&format!("{path}api/v1/{}", what.resource));
    url.query_pairs_mut().extend_pairs(&what.parameters);
    let client = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT)
        .build()?;
    let mut response = timeout(SILENCE, client.get(url).send())
        .await
        .with_context(|| format!("no answer from {base} in time"))?
        .with_context(|| format!("no answer from {base}"))?;
    let status = response.status();
    if !status.is_success() {
        let answer: Value =
            serde_json::from_slice(&response.bytes().await.unwrap_or_default()).unwrap_or_default();
        match answer["errors"].as_array() {
            Some(errors) => bail!("{}", explain(errors)),
            None => bail!("{base} answered {status}"),
        }
    }
    let bar = bar(what.progress);
    let mut bytes = 0;
    loop {
        let chunk = timeout(SILENCE, response.chunk())
            .await
            .context("the server fell silent")?
            .context("the answer broke off; nothing of it is kept, try again")?;
        let Some(chunk) = chunk else {
            break;
        };
        out.write_all(&chunk).context("cannot write the answer")?;
        bytes += chunk.len() as u64;
        bar.inc(chunk.len() as u64);
    }
    out.flush().context("cannot write the answer")?;
    bar.finish_and_clear();
    Ok(bytes)
}

/// How much there will be nobody knows before it is read.
fn bar(wanted: bool) -> ProgressBar {
    if !wanted {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{spinner} {bytes}  {bytes_per_sec}  {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
