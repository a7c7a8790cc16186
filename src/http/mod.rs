//! The HTTP server: starts one from a listener and the parts to serve.
//!
//! It installs no signal handlers and does not stop by itself: its owner stops it through the
//! `ServerHandle`. Each worker thread makes its own connections to Postgres, in the factory.

mod accept;
mod api;
mod authenticate;
mod body;
pub mod connections;
mod cookies;
#[cfg(feature = "dashboard")]
mod dashboard;
pub mod graphql;
pub mod guard;
mod health;
#[cfg(any(test, not(feature = "dashboard")))]
mod home;
mod operations;
mod prometheus;
mod error;
mod refusal;
mod request;
mod resume;
pub mod routes;
pub mod session;
mod sign_in;
#[cfg(feature = "stock-websocket")]
mod bench_websocket;
mod still_allowed;
mod streamed;
mod etag;
#[cfg(test)]
mod tests;
mod websocket;
mod worker;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

pub use guard::Guard;
pub use operations::serve_operations;
pub use worker::{PerWorker, RequestData};

use self::connections::Connections;
#[cfg(feature = "dashboard")]
use self::dashboard as pages;
#[cfg(not(feature = "dashboard"))]
use self::home as pages;
use self::worker::Worker;
use crate::access::Access;
use crate::graphql::Operations;
use crate::telemetry::{Metrics, Status};

#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Threads, each with its own connections to Postgres.
    pub workers: usize,
    /// Names besides those of loopback by which requests may address the server: `host` or `host:port`.
    pub allowed_hosts: Vec<String>,
    /// Origins whose pages may use the server besides its own: `https://app.example.org`.
    pub allowed_origins: Vec<String>,
    /// The largest request body, in bytes.
    pub body_limit: usize,
    /// How long a client may take for the head of a request, and again for its body.
    pub request_timeout: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long a client may take nothing of its answer.
    pub stall_timeout: Duration,
    /// Connections in all, and of one address (0 for no limit).
    pub max_connections: usize,
    pub connections_per_address: usize,
    /// Bytes that requests on their way in and answers on their way out may take, in all.
    pub memory: usize,
    /// How long running requests may take when the server is stopped gracefully; whole seconds.
    pub shutdown_timeout: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            workers: 2,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            body_limit: 1024 * 1024,
            request_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
            max_connections: 20_000,
            connections_per_address: 1_000,
            memory: 256 << 20,
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

/// The parts to serve. `E` is the schema.
#[derive(Clone)]
pub struct Parts<E> {
    pub schema: E,
    /// Called once in each worker thread, inside its runtime.
    pub per_worker: Arc<dyn Fn() -> PerWorker + Send + Sync>,
    pub live: session::Settings,
    pub access: Access,
    pub metrics: Arc<Metrics>,
    pub status: Arc<Status>,
}

impl<E> fmt::Debug for Parts<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Starts the workers. The `Server` is a future that ends when the server has; port 0 in the
/// listener's address is fine, the bound address is returned.
pub fn serve<E: Operations>(
    listener: TcpListener,
    config: HttpConfig,
    parts: Parts<E>,
) -> io::Result<(Server, ServerHandle, SocketAddr)> {
    let address = listener.local_addr()?;
    let guard = Arc::new(Guard::new(&config.allowed_hosts, &config.allowed_origins));
    let in_factory = config.clone();
    let workers = config.workers.max(1);
    let all = Connections::new(limits(&config), Arc::clone(&parts.metrics));
    let server = HttpServer::new(move || {
        App::new()
            .wrap(from_fn(authenticate::check))
            .wrap(from_fn(guard::check))
            .wrap(from_fn(connections::watch))
            .app_data(web::Data::from(Arc::clone(&guard)))
            .configure(services(&in_factory, &parts))
    })
    .on_connect(connections::on_connect(&all))
    .workers(workers)
    // More than the limit, so that excess connections get an error instead of waiting.
    .max_connections(config.max_connections.div_ceil(workers) + connections::DOORWAY)
    .keep_alive(config.keep_alive)
    .client_request_timeout(config.request_timeout)
    .client_disconnect_timeout(Duration::from_secs(2))
    .shutdown_timeout(config.shutdown_timeout.as_secs())
    // A client that has closed is gone: its requests end at once.
    .h1_allow_half_closed(false)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    Ok((server, handle, address))
}

fn limits(config: &HttpConfig) -> connections::Limits {
    connections::Limits {
        all: config.max_connections,
        per_client: config.connections_per_address,
        memory: config.memory,
        // actix times the first request; later ones have the same time.
        idle: config.keep_alive + config.request_timeout,
        stall: config.stall_timeout,
    }
}

fn services<E: Operations>(
    config: &HttpConfig,
    parts: &Parts<E>,
) -> impl FnOnce(&mut web::ServiceConfig) + use<E> {
    let worker = web::Data::new(Worker {
        schema: parts.schema.clone(),
        own: (parts.per_worker)(),
        live: session::LiveConnections::new(parts.live.clone(), Arc::new(parts.access.clone())),
        body_limit: config.body_limit,
        body_timeout: config.request_timeout,
    });
    let access = web::Data::new(parts.access.clone());
    let (metrics, status) = (Arc::clone(&parts.metrics), Arc::clone(&parts.status));
    move |app| {
        #[cfg(feature = "stock-websocket")]
        app.route("/stock", web::get().to(bench_websocket::upgrade::<E>));
        app.app_data(worker)
            .app_data(access)
            .app_data(web::Data::from(metrics))
            .app_data(web::Data::from(status))
            .service(
                web::resource("/graphql")
                    .route(web::post().to(graphql::post::<E>))
                    .route(web::get().to(graphql::get::<E>))
                    .default_service(web::to(graphql::other_method)),
            )
            .configure(api::routes::<E>)
            .route("/ws", web::get().to(websocket::plain::<E>))
            .configure(sign_in::routes)
            .service(prometheus::routes::<E>())
            .configure(health::routes)
            .configure(pages::routes);
    }
}
