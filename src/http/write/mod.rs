//! The paths on which senders write points.
//!
//! Each protocol has its own parameters, bodies and answers. From the points of a request on all go one
//! way: limits of the stream, scope of the writer, Kafka, and the answer when nothing can be lost any more.

mod answer;
mod body;
mod influx;
mod otlp;
mod params;
mod points;
mod remote_write;
mod shape;
mod status;
mod store;
mod stream;

use actix_web::web;

pub use store::{WriteSettings, Writes};

use crate::graphql::Operations;

/// `/api/v1/points` is a resource of the API, which its GET belongs to.
pub(super) use points::post as post_points;
pub(super) use shape::Shape;

pub(super) fn routes<E: Operations>(app: &mut web::ServiceConfig) {
    app.service(
        web::resource("/write")
            .route(web::post().to(influx::version_1::<E>))
            .default_service(web::to(answer::post_only)),
    );
    app.service(
        web::resource("/api/v2/write")
            .route(web::post().to(influx::version_2::<E>))
            .default_service(web::to(answer::post_only)),
    );
    app.service(
        web::resource("/prometheus/api/v1/write")
            .route(web::post().to(remote_write::write::<E>))
            .default_service(web::to(answer::post_only)),
    );
    app.service(
        web::resource("/otlp/v1/metrics")
            .route(web::post().to(otlp::metrics::<E>))
            .default_service(web::to(answer::post_only)),
    );
    app.route("/ping", web::get().to(influx::ping));
    app.route("/ping", web::head().to(influx::ping));
}
