//! For orchestrators and Prometheus: `/livez`, `/readyz`, `/metrics`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::{authenticate, refusal};
use crate::data::Operation;
use crate::telemetry::{Metrics, Status};

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.route("/livez", web::get().to(livez))
        .route("/readyz", web::get().to(readyz))
        .route("/metrics", web::get().to(metrics));
}

/// Only says that the process answers.
async fn livez() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// 200 if everything that is needed works, else 503; who may operate is told in sentences what is missing.
async fn readyz(request: HttpRequest, status: web::Data<Status>) -> HttpResponse {
    let snapshot = status.snapshot();
    let missing = snapshot.missing();
    let mut response = if missing.is_empty() {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    if authenticate::viewer(&request).may(Operation::Operate).is_err() {
        return response.json(json!({ "ready": missing.is_empty() }));
    }
    response.json(json!({
        "ready": missing.is_empty(),
        "missing": missing,
        "degraded": snapshot.degraded,
    }))
}

async fn metrics(
    request: HttpRequest,
    metrics: web::Data<Metrics>,
    status: web::Data<Status>,
) -> HttpResponse {
    if let Err(problem) = authenticate::viewer(&request).may(Operation::Operate) {
        return refusal::forbidden(&request, &problem.message);
    }
    let (held, total) = status.snapshot().budget();
    metrics.credits_held.set(held);
    metrics.credits_total.set(total);
    HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(metrics.text())
}
