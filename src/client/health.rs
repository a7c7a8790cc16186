//! `streamsync health`: whether the server of a configuration answers, for health checks of containers.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Client, StatusCode};

const PATIENCE: Duration = Duration::from_secs(4);

/// Asks the server that listens here on this machine.
///
/// # Errors
/// It does not answer, or is not alive.
pub async fn health(listen: SocketAddr, is_secured: bool) -> Result<()> {
    let mut address = listen;
    if listen.ip().is_unspecified() {
        address.set_ip(match listen {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let scheme = if is_secured { "https" } else { "http" };
    let url = format!("{scheme}://{address}/livez");
    let client = Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        // The certificate is for the name by which clients come, and nothing here is secret.
        .danger_accept_invalid_certs(true)
        .build()
        .context("no HTTP client")?;
    let answer = client.get(&url).send().await.map_err(reqwest::Error::without_url);
    match answer.with_context(|| format!("no answer from {url}"))?.status() {
        StatusCode::OK => Ok(()),
        status => bail!("{url} answered {status}"),
    }
}
