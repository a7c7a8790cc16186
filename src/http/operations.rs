//! A listener of its own for probes and Prometheus: `/livez`, `/readyz` with details and `/metrics`, for
//! whoever reaches it, without a credential.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpMessage, HttpServer, web};

use super::guard::{self, Guard};
use super::health;
use crate::access::Principal;
use crate::telemetry::{Metrics, Status};

/// Probes and a few Prometheus servers.
const CONNECTIONS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(10);

/// The `Server` is a future that ends with the process. `hosts`: as in
/// [`HttpConfig`](super::HttpConfig).
pub fn serve_operations(
    listener: TcpListener,
    hosts: &[String],
    metrics: &Arc<Metrics>,
    status: &Arc<Status>,
) -> io::Result<Server> {
    let guard = web::Data::new(Guard::new(hosts, &[]));
    let metrics = web::Data::from(Arc::clone(metrics));
    let status = web::Data::from(Arc::clone(status));
    let server = HttpServer::new(move || {
        App::new()
            .wrap(from_fn(as_operator))
            .wrap(from_fn(guard::check))
            .app_data(guard.clone())
            .app_data(metrics.clone())
            .app_data(status.clone())
            .configure(health::routes)
    });
    let server = server
        .workers(1)
        .max_connections(CONNECTIONS)
        .client_request_timeout(PATIENCE)
        .keep_alive(PATIENCE)
        .disable_signals()
        .listen(listener)?
        .run();
    Ok(server)
}

/// Who reaches this listener may operate.
async fn as_operator(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    request.extensions_mut().insert(Arc::new(Principal::everyone()));
    Ok(next.call(request).await?.map_into_boxed_body())
}
