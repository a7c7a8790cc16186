//! `streamsync export`: writes an answer of `/api/v1` of any size into a file, whole or not at all.
//!
//! A connection that breaks between two chunks is an error, so a file under its final name is a
//! whole answer.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::http;
use super::progress::bar;

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

/// Returns the number of bytes. Runs in a tokio runtime.
pub async fn export(what: &Export) -> Result<u64> {
    let Some(file) = &what.file else {
        return receive(what, &mut io::stdout().lock()).await;
    };
    let unfinished = unfinished(file)?;
    let mut out =
        File::create(&unfinished).with_context(|| format!("cannot write {}", unfinished.display()))?;
    let kept = async {
        let bytes = receive(what, &mut out).await?;
        out.sync_all().context("cannot write the answer")?;
        std::fs::rename(&unfinished, file).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(bytes)
    };
    kept.await.inspect_err(|_| {
        let _ = std::fs::remove_file(&unfinished);
    })
}

/// The temporary name, in the same folder so that renaming is one step.
fn unfinished(file: &Path) -> Result<PathBuf> {
    let name = file.file_name().context("--out must name a file")?;
    let mut name = name.to_owned();
    name.push(format!(".{}.part", std::process::id()));
    Ok(file.with_file_name(name))
}

async fn receive(what: &Export, out: &mut impl Write) -> Result<u64> {
    let base = http::graphql(&what.url)?;
    let mut url = base.join(&format!("api/v1/{}", what.resource))?;
    url.query_pairs_mut().extend_pairs(&what.parameters);
    let request = http::client(http::PATIENCE)?.get(url);
    let mut response = request
        .send()
        .await
        .map_err(reqwest::Error::without_url)
        .with_context(|| format!("no answer from {base}"))?;
    if !response.status().is_success() {
        bail!("{}", http::complaint(response).await);
    }
    // Nobody knows the size of the answer before its end.
    let template = "{spinner} {bytes}  {bytes_per_sec}  {elapsed}";
    let bar = bar(what.progress, None, template);
    let mut bytes = 0;
    while let Some(chunk) = response
        .chunk()
        .await
        .context("the answer broke off; none of it is kept; try again")?
    {
        out.write_all(&chunk).context("cannot write the answer")?;
        bytes += chunk.len() as u64;
        bar.inc(chunk.len() as u64);
    }
    out.flush().context("cannot write the answer")?;
    bar.finish_and_clear();
    Ok(bytes)
}
