//! The HTTP server: starts one from a listener and the parts to serve.
//!
//! It installs no signal handlers and does not stop by itself: its owner stops it through the
//! `ServerHandle`. Each worker thread makes its own connections to Postgres, in the factory.

mod accept;
mod api;
mod audit;
mod authenticate;
mod body;
mod config;
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
mod retry;
pub mod routes;
pub mod session;
mod sign_in;
#[cfg(feature = "stock-websocket")]
mod bench_websocket;
mod still_allowed;
mod streamed;
mod tls;
mod etag;
#[cfg(test)]
mod tests;
mod websocket;
mod worker;
mod write;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

pub use config::HttpConfig;
pub use guard::Guard;
pub use operations::serve_operations;
pub use tls::{TlsFiles, TlsProblem};
pub use worker::{PerWorker, RequestData};
pub use write::{WriteSettings, Writes};

use self::config::DISCONNECT;
use self::connections::Connections;
#[cfg(feature = "dashboard")]
use self::dashboard as pages;
#[cfg(not(feature = "dashboard"))]
use self::home as pages;
use self::worker::Worker;
use crate::access::Access;
use crate::graphql::Operations;
use crate::telemetry::{Metrics, Status};

/// The parts to serve. `E` is the schema.
#[derive(Clone)]
pub struct Parts<E> {
    pub schema: E,
    /// Called once in each worker thread, inside its runtime.
    pub per_worker: Arc<dyn Fn() -> PerWorker + Send + Sync>,
    pub live: session::Settings,
    pub writes: Writes,
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
    let guard = Guard::new(&config.allowed_hosts, &config.allowed_origins);
    let guard = Arc::new(guard.secured(config.tls.is_some()));
    let in_factory = config.clone();
    let all = Connections::new(limits(&config), Arc::clone(&parts.metrics));
    let access = parts.access.clone();
    let app = move || {
        App::new()
            .wrap(from_fn(authenticate::check))
            .wrap(from_fn(guard::check))
            .wrap(from_fn(connections::watch))
            .app_data(web::Data::from(Arc::clone(&guard)))
            .configure(services(&in_factory, &parts))
    };
    let server = match &config.tls {
        Some(files) => tls::listen(app, listener, files, &config, &all, &access)?,
        None => HttpServer::new(app)
            .on_connect(connections::on_connect(&all))
            .workers(config.workers.max(1))
            .max_connections(config.connections_per_worker())
            .keep_alive(config.keep_alive)
            .client_request_timeout(config.request_timeout)
            .client_disconnect_timeout(DISCONNECT)
            .shutdown_timeout(config.shutdown_timeout.as_secs())
            // A client that has closed is gone: its requests end at once.
            .h1_allow_half_closed(false)
            .disable_signals()
            .listen(listener)?
            .run(),
    };
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
    let writes = web::Data::new(parts.writes.clone());
    let audit = web::Data::new(parts.live.audit.clone());
    let (metrics, status) = (Arc::clone(&parts.metrics), Arc::clone(&parts.status));
    move |app| {
        #[cfg(feature = "stock-websocket")]
        app.route("/stock", web::get().to(bench_websocket::upgrade::<E>));
        app.app_data(worker)
            .app_data(access)
            .app_data(writes)
            .app_data(audit)
            .app_data(web::Data::from(metrics))
            .app_data(web::Data::from(status))
            .service(
                web::resource("/graphql")
                    .route(web::post().to(graphql::post::<E>))
                    .route(web::get().to(graphql::get::<E>))
                    .default_service(web::to(graphql::other_method)),
            )
            .configure(api::routes::<E>)
            .configure(write::routes::<E>)
            .route("/ws", web::get().to(websocket::plain::<E>))
            .configure(sign_in::routes)
            .service(prometheus::routes::<E>())
            .configure(health::routes)
            .configure(pages::routes);
    }
}
