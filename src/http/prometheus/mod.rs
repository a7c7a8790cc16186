//! `/prometheus/api/v1/…`: the part of Prometheus' HTTP API that its clients need to draw panels.
//!
//! Parameters, answers and errors have Prometheus' own shapes. `history::promql` parses and evaluates
//! expressions.

pub(super) mod answer;
mod metadata;
mod params;
#[cfg(test)]
mod tests;

use std::future::{Future, ready};
use std::time::Duration;

use actix_web::{HttpResponse, Route, guard, web};
use serde_json::{Value, json};

use self::answer::Failure;
use self::params::{Asking, Params, asked};
use crate::data::{Micros, Step};
use crate::graphql::Operations;
use crate::history::promql::{self, Expression, Instants, Kind};

/// Prometheus' own limit; no panel is wider.
const POINTS_MAX: i64 = 11_000;

const LOOKBACK: Duration = Duration::from_secs(5 * 60);

pub(super) fn routes<E: Operations>() -> actix_web::Scope {
    // POST is for parameters that are too long for a URL.
    let both = || web::route().guard(guard::Any(guard::Get()).or(guard::Post()));
    // Clients ask for these, but nothing of the kind exists here.
    let none = |route: Route, data: Value| route.to(move || ready(answer::success(&data)));
    web::scope("/prometheus/api/v1")
        .route("/query", both().to(query::<E>))
        .route("/query_range", both().to(query_range::<E>))
        .route("/series", both().to(metadata::series::<E>))
        .route("/labels", both().to(metadata::names::<E>))
        .route("/label/{name}/values", web::get().to(metadata::values::<E>))
        .route("/query_exemplars", none(both(), json!([])))
        .route("/metadata", none(web::get(), json!({})))
        .route("/rules", none(web::get(), json!({ "groups": [] })))
        .route("/alerts", none(web::get(), json!({ "alerts": [] })))
        .route("/status/buildinfo", web::get().to(metadata::build))
}

async fn query<E: Operations>(asking: Asking<E>) -> Result<HttpResponse, Failure> {
    let (params, reader, viewer) = asked(asking).await?;
    let at = match params.time("time")? {
        Some(at) => at,
        None => Micros::from_millis(Micros::now().as_millis()),
    };
    let expression = expression(&params)?;
    let instants = Instants {
        first: at,
        last: at,
        step: step(Duration::from_secs(1))?,
        lookback: lookback(&params)?,
    };
    let lines = in_time(&params, promql::answer(&reader, &viewer, &expression, &instants)).await??;
    let limit = params.limit()?;
    Ok(match expression.kind() {
        Kind::Scalar => answer::scalar(&lines),
        Kind::Vector => answer::vector(lines, limit),
        Kind::Matrix => answer::matrix(lines, limit),
    })
}

async fn query_range<E: Operations>(asking: Asking<E>) -> Result<HttpResponse, Failure> {
    let (params, reader, viewer) = asked(asking).await?;
    let first = params.needed("start", Params::time)?;
    let last = params.needed("end", Params::time)?;
    if last < first {
        return Err(params::wrong(
            "end",
            "end timestamp must not be before start time",
        ));
    }
    let width = params.needed("step", Params::span)?;
    let step = step(width)?;
    if last.0.saturating_sub(first.0) / step.micros() > POINTS_MAX {
        return Err(Failure::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query \
             resolution (?step=XX)",
        ));
    }
    let expression = expression(&params)?;
    if expression.kind() == Kind::Matrix {
        return Err(params::wrong(
            "query",
            "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
        ));
    }
    let instants = Instants {
        first,
        last,
        step,
        lookback: lookback(&params)?,
    };
    let lines = in_time(&params, promql::answer(&reader, &viewer, &expression, &instants)).await??;
    Ok(answer::matrix(lines, params.limit()?))
}

fn expression(params: &Params) -> Result<Expression, Failure> {
    let text = params.text("query").unwrap_or_default();
    Expression::parse(text).map_err(|error| params::wrong("query", &error.to_string()))
}

fn lookback(params: &Params) -> Result<Duration, Failure> {
    match params.span("lookback_delta")? {
        Some(Duration::ZERO) | None => Ok(LOOKBACK),
        Some(span) => Ok(span),
    }
}

fn step(width: Duration) -> Result<Step, Failure> {
    Step::new(width).ok_or_else(|| {
        params::wrong(
            "step",
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        )
    })
}

/// Bounded by the request's own `timeout`. A read that is given up ends in Postgres as well.
async fn in_time<T>(params: &Params, answer: impl Future<Output = T>) -> Result<T, Failure> {
    let Some(patience) = params.span("timeout")? else {
        return Ok(answer.await);
    };
    let answer = actix_web::rt::time::timeout(patience, answer).await;
    answer.map_err(|_| Failure::timeout("query timed out in expression evaluation"))
}
