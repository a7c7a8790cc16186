//! Whether the server of a configuration answers on this machine, for health checks of containers and for
//! `streamsync doctor`.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Response, StatusCode};
use serde::Deserialize;

const PATIENCE: Duration = Duration::from_secs(4);

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Readiness {
    pub ready: bool,
    /// In sentences; empty where only those who may operate are told.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// Asks the server that listens here on this machine.
///
/// # Errors
/// It does not answer, or is not alive.
pub async fn health(listen: SocketAddr, is_secured: bool) -> Result<()> {
    let url = url(listen, is_secured, "/livez");
    let answer = get(&url).await?;
    match answer.with_context(|| format!("no answer from {url}"))?.status() {
        StatusCode::OK => Ok(()),
        status => bail!("{url} answered {status}"),
    }
}

/// `None`: nothing listens there.
///
/// # Errors
/// What listens there does not answer as a server does.
pub async fn readiness(listen: SocketAddr, is_secured: bool) -> Result<Option<Readiness>> {
    let url = url(listen, is_secured, "/readyz");
    let answer = match get(&url).await? {
        Err(error) if error.is_connect() => return Ok(None),
        answer => answer.with_context(|| format!("no answer from {url}"))?,
    };
    let status = answer.status();
    let body = answer.bytes().await.map_err(reqwest::Error::without_url)?;
    let readiness = serde_json::from_slice(&body);
    readiness
        .map(Some)
        .with_context(|| format!("{url} answered {status}, and not as streamsync does"))
}

fn url(listen: SocketAddr, is_secured: bool, path: &str) -> String {
    let mut address = listen;
    if listen.ip().is_unspecified() {
        address.set_ip(match listen {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let scheme = if is_secured { "https" } else { "http" };
    format!("{scheme}://{address}{path}")
}

async fn get(url: &str) -> Result<reqwest::Result<Response>> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        // The certificate is for the name by which clients come, and nothing here is secret.
        .danger_accept_invalid_certs(true)
        .build()
        .context("no HTTP client")?;
    Ok(client.get(url).send().await.map_err(reqwest::Error::without_url))
}
