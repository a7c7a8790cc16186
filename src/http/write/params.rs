//! The parameters of a request that writes.

use actix_web::HttpRequest;
use actix_web::web::Query;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::data::{Code, Problem, TimeUnit};

/// Of a protocol that has none of its own.
#[derive(Debug, Deserialize)]
pub(super) struct StreamParam {
    pub stream: Option<String>,
}

pub(super) fn params<P: DeserializeOwned>(request: &HttpRequest) -> Result<P, Problem> {
    let params = Query::<P>::from_query(request.query_string());
    let params = params.map_err(|error| Problem::new(Code::BadUserInput, error.to_string()))?;
    Ok(params.into_inner())
}

/// The unit of times that are numbers.
pub(super) fn unit(precision: Option<&str>, otherwise: TimeUnit) -> Result<TimeUnit, Problem> {
    match precision {
        None => Ok(otherwise),
        Some("ns") => Ok(TimeUnit::Ns),
        Some("us") => Ok(TimeUnit::Us),
        Some("ms") => Ok(TimeUnit::Ms),
        Some("s") => Ok(TimeUnit::S),
        Some(_) => Err(Problem::new(
            Code::BadUserInput,
            "precision must be s, ms, us or ns",
        )),
    }
}
