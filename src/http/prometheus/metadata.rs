//! Series, labels and their values, for query editors.
//!
//! `start` and `end` do not narrow the answer: a series is listed from its first point until it is
//! deleted.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::answer::{self, Failure};
use super::params::{self, Asking, Params, asked};
use crate::data::{METRIC_NAME, Selector, SeriesId, Viewer};
use crate::graphql::Operations;
use crate::history::promql::{self, Labels, labels_of};
use crate::store::read::{MetricFilter, Reader};

pub(super) async fn series<E: Operations>(asking: Asking<E>) -> Result<HttpResponse, Failure> {
    let (params, reader, viewer) = asked(asking).await?;
    let Some(found) = matched(&params, &reader, &viewer).await? else {
        return Err(Failure::bad_data("no match[] parameter provided"));
    };
    let mut found: Vec<Labels> = found.into_values().collect();
    found.sort_unstable();
    Ok(answer::list(found, params.limit()?))
}

pub(super) async fn names<E: Operations>(asking: Asking<E>) -> Result<HttpResponse, Failure> {
    let (params, reader, viewer) = asked(asking).await?;
    let mut names: BTreeSet<String> = match matched(&params, &reader, &viewer).await? {
        Some(found) => {
            let names = found.into_values().flat_map(Labels::into_keys);
            names.map(Into::into).collect()
        }
        None => {
            let all = viewer.select(Selector::default());
            let names = reader.labels(&all, None, None).await?;
            let names = names.into_iter().map(|name| name.text);
            names.chain([METRIC_NAME.to_owned()]).collect()
        }
    };
    names.retain(|name| !name.is_empty());
    Ok(answer::list(Vec::from_iter(names), params.limit()?))
}

pub(super) async fn values<E: Operations>(
    name: web::Path<String>,
    asking: Asking<E>,
) -> Result<HttpResponse, Failure> {
    let (params, reader, viewer) = asked(asking).await?;
    let name = unescaped(&name).ok_or_else(|| params::wrong("name", "not an escaped name"))?;
    let values: Vec<String> = match matched(&params, &reader, &viewer).await? {
        Some(found) => {
            let values = found.into_values().filter_map(|mut labels| labels.remove(&*name));
            Vec::from_iter(values.map(String::from).collect::<BTreeSet<_>>())
        }
        None => {
            let all = viewer.select(Selector::default());
            let values = match name == METRIC_NAME {
                true => reader.metrics(&all, &MetricFilter::default()).await?,
                false => reader.label_values(&name, &all, None, None).await?,
            };
            values.into_iter().map(|value| value.text).collect()
        }
    };
    Ok(answer::list(values, params.limit()?))
}

/// Clients guess a server's features from it; `application` tells them that this is not Prometheus.
pub(super) async fn build() -> HttpResponse {
    answer::success(json!({
        "application": "StreamSync",
        "version": env!("CARGO_PKG_VERSION"),
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }))
}

/// The series that any `match[]` selects; `None` without one.
async fn matched(
    params: &Params,
    reader: &Reader,
    viewer: &Viewer,
) -> Result<Option<BTreeMap<SeriesId, Labels>>, Failure> {
    // Checked, as in Prometheus, though they do not narrow the answer.
    params.time("start")?;
    params.time("end")?;
    let mut found = None;
    for text in params.texts("match[]") {
        let selector = promql::selector(text).map_err(|e| params::wrong("match[]", &e.to_string()))?;
        let series = reader.matching(&viewer.select(selector)).await?;
        let of = series.into_iter().map(|s| (s.id, labels_of(&s.series)));
        found.get_or_insert_with(BTreeMap::new).extend(of);
    }
    Ok(found)
}

/// A name that is not an identifier comes as `U__` with `_2e_` for each other character and `__` for
/// an underscore, so that it fits into a path.
fn unescaped(name: &str) -> Option<String> {
    let Some(mut rest) = name.strip_prefix("U__") else {
        return Some(name.to_owned());
    };
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once('_') {
        plain.push_str(before);
        let (code, after) = after.split_once('_')?;
        plain.push(match code {
            "" => '_',
            code => char::from_u32(u32::from_str_radix(code, 16).ok()?)?,
        });
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}
