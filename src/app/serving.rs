//! The HTTP server's part of the configuration, and what each of its workers gets.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::Arbiter;
use anyhow::{Context, Result, anyhow};

use crate::access::Access;
use crate::actors::aggregates::AggregatesHandle;
use crate::archive::{Schedule, Target};
use crate::config::{Config, TlsConfig};
use crate::data::ClientKey;
use crate::data::meter::OnRefusal;
use crate::feed::Feeds;
use crate::graphql::guard::documents::Documents;
use crate::http::connections::open_files;
use crate::http::{self, session};
use crate::store::connect::DatabaseUrl;
use crate::store::read::{ReadLimits, Reader};
use crate::telemetry::{Metrics, Status};

/// Where probes and metrics are answered without a credential, if that is configured.
pub(super) fn operations_listener(config: &Config) -> Result<Option<TcpListener>> {
    let address = config.http.operations_listen;
    let bound = address.map(|at| TcpListener::bind(at).with_context(|| format!("cannot listen on {at}")));
    bound.transpose()
}

pub(super) fn http_config(config: &Config, open_files: usize) -> http::HttpConfig {
    http::HttpConfig {
        workers: config.http.workers,
        allowed_hosts: config.http.allowed_hosts.clone(),
        allowed_origins: config.http.allowed_origins.clone(),
        max_connections: open_files::connections(open_files, config.http.connections, config.http.workers),
        connections_per_address: config.http.connections_per_address,
        memory: config.http.memory_mib << 20,
        stall_timeout: config.http.stall_timeout,
        tls: config.http.tls.as_ref().and_then(TlsConfig::files),
        ..http::HttpConfig::default()
    }
}

pub(super) fn write_settings(config: &Config) -> http::WriteSettings {
    http::WriteSettings {
        stream: config.http.write.stream.clone(),
        body_bytes: config.http.write.body_mib << 20,
    }
}

pub(super) fn limits(config: &Config, farewell: Duration) -> session::Limits {
    session::Limits {
        init: config.http.init_timeout,
        grace: config.auth.as_ref().map_or(Duration::ZERO, |auth| auth.grace),
        message: config.http.message_kib << 10,
        operations: config.http.operations_per_connection,
        farewell: config.http.drain.min(farewell / 2),
        ..session::Limits::default()
    }
}

/// Follows keys as long as the program runs, where there are roles.
pub(super) fn access(
    config: &Config,
    database: &DatabaseUrl,
    status: &Arc<Status>,
    metrics: &Arc<Metrics>,
) -> Result<Access> {
    let Some(auth) = &config.auth else {
        return Ok(Access::open());
    };
    let access = Access::controlled(auth, database.clone());
    let access = access.map_err(|mistakes| anyhow!(mistakes.join("; ")))?;
    access.count_in(metrics);
    actix::spawn(access.clone().follow(Arc::clone(status)));
    Ok(access)
}

pub(super) fn documents(config: &Config) -> Result<Documents> {
    let settings = config.http.documents().map_err(|why| anyhow!(why.join("; ")))?;
    Ok(Documents::new(settings))
}

/// Connections belong to the runtime that opened them, so each worker has its own.
pub(super) fn per_worker(
    database: &DatabaseUrl,
    feeds: &Feeds,
    aggregates: &AggregatesHandle,
    metrics: &Arc<Metrics>,
) -> Result<Arc<dyn Fn() -> http::PerWorker + Send + Sync>> {
    // Checked here: in a worker there is nobody to tell.
    Reader::new(database.clone(), ReadLimits::default())?;
    let (database, feeds, aggregates) = (database.clone(), feeds.clone(), aggregates.clone());
    let metrics = Arc::clone(metrics);
    let on_refusal: OnRefusal = Arc::new(move |limit| metrics.over_limit(limit.as_str()));
    Ok(Arc::new(move || {
        let reader = Reader::new(database.clone(), ReadLimits::default()).ok();
        let reader = reader.map(|reader| reader.on_refusal(Arc::clone(&on_refusal)));
        let (for_data, for_feeds, aggregates) = (reader.clone(), feeds.clone(), aggregates.clone());
        let data = Rc::new(move |client: ClientKey| {
            let mut data = async_graphql::Data::default();
            if let Some(reader) = &for_data {
                data.insert(reader.clone());
            }
            data.insert(client);
            data.insert(for_feeds.clone());
            data.insert(aggregates.clone());
            data
        });
        let feeds = Some(feeds.clone());
        http::PerWorker { data, reader, feeds }
    }))
}

/// On a thread of its own: it compresses whole days.
pub(super) fn archiver(
    config: &Config,
    database: &DatabaseUrl,
    metrics: &Arc<Metrics>,
) -> Result<Option<Arbiter>> {
    let Some(url) = &config.archive.url else {
        return Ok(None);
    };
    let schedule = Schedule {
        database: database.clone(),
        target: Target::open(url, &config.archive.s3())?,
        after: config.archive.after,
        every: config.archive.every,
        metrics: Arc::clone(metrics),
    };
    let arbiter = Arbiter::new();
    arbiter.spawn(schedule.run());
    Ok(Some(arbiter))
}
