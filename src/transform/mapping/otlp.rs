//! OpenTelemetry's metrics in OTLP's JSON, as the series that Prometheus makes of them.
//!
//! Each sample becomes an object with `name`, `value` and, of histograms and summaries, `sample` with
//! `le` or `quantile`. Around it are `attributes`, `timeUnixNano` and `unit` of the data point, `scope`,
//! `resource` (attributes by their names as labels), and `target` with `job` and `instance`.
//!
//! A record of Kafka is taken or refused as a whole, a request by its data points: `visit` gives each.

mod attributes;
mod data_point;
mod fields;
mod samples;

use std::borrow::Cow;

use super::errors::{missing_field, wrong_type};
use super::nested::{Each, Nested, Opened};
use crate::data::{Object, RecordError, Value};
use crate::transform::left_out::{LeftOut, Rule};

use attributes::{attributes, metric_name, target};
pub use data_point::DataPoint;
use data_point::Kind;
use fields::{DATA_POINTS, borrowed, field, items, object, whole};

const KINDS: [(&str, Kind); 5] = [
    ("gauge", Kind::Number),
    ("sum", Kind::Sum),
    ("histogram", Kind::Histogram),
    ("summary", Kind::Summary),
    ("exponentialHistogram", Kind::ExponentialHistogram),
];

/// What is found in an export.
#[derive(Debug)]
pub enum Exported<'p> {
    Point(&'p DataPoint<'p>),
    /// So many data points of a metric that have no samples, by this rule.
    LeftOut {
        metric: &'p str,
        rule: Rule,
        points: usize,
    },
    /// So many data points of a metric that has no name.
    Nameless {
        error: RecordError,
        points: usize,
    },
}

type Visit<'e> = dyn FnMut(Exported<'_>) -> Result<(), RecordError> + 'e;

pub(super) fn open(request: &Nested<'_, '_>, each: &mut Each<'_>) -> Opened {
    let mut left_out = LeftOut::default();
    visit(request.object, &mut |found| {
        match found {
            Exported::Point(point) => left_out.append(point.samples(each)?),
            Exported::LeftOut { rule, points, .. } => (0..points).for_each(|_| left_out.add(rule)),
            Exported::Nameless { error, .. } => return Err(error),
        }
        Ok(())
    })?;
    Ok(left_out)
}

/// Calls `found` with all that is in an export, in its order. An error is one of `found`, or of what is
/// around data points.
pub fn visit(request: &Object<'_>, found: &mut Visit<'_>) -> Result<(), RecordError> {
    const NAME: &str = "resourceMetrics";
    if field(request, NAME).is_none() {
        return Err(missing_field(NAME));
    }
    for resource in items(request, NAME)? {
        let inside = object(NAME, resource)?;
        let attributes_of = field(inside, "resource").map(|of| object("resource", of));
        let keys = match attributes_of.transpose()? {
            Some(of) => items(of, "attributes")?,
            None => &[],
        };
        let fields = vec![
            ("resource".into(), Value::Object(attributes(keys)?)),
            ("target".into(), Value::Object(target(keys)?)),
        ];
        let fields = Object(fields);
        let around = Nested::of(&fields, None);
        for scope in items(inside, "scopeMetrics")? {
            of_scope(object("scopeMetrics", scope)?, &around, found)?;
        }
    }
    Ok(())
}

fn of_scope(scope: &Object<'_>, resource: &Nested<'_, '_>, found: &mut Visit<'_>) -> Result<(), RecordError> {
    let mut names = Vec::new();
    if let Some(of) = field(scope, "scope") {
        let of = object("scope", of)?;
        for name in ["name", "version"] {
            names.extend(field(of, name).map(|value| (Cow::Borrowed(name), borrowed(value))));
        }
    }
    let fields = Object(vec![("scope".into(), Value::Object(Object(names)))]);
    let around = Nested::of(&fields, Some(resource));
    for metric in items(scope, "metrics")? {
        of_metric(object("metrics", metric)?, &around, found)?;
    }
    Ok(())
}

fn of_metric(metric: &Object<'_>, scope: &Nested<'_, '_>, found: &mut Visit<'_>) -> Result<(), RecordError> {
    let kinds = KINDS.iter();
    let data = kinds
        .copied()
        .find_map(|(name, kind)| Some((name, kind, field(metric, name)?)));
    let name = match field(metric, "name") {
        Some(Value::Text(name)) => name,
        other => {
            let of = data.and_then(|(name, _, of)| items(object(name, of).ok()?, DATA_POINTS).ok());
            let error = other.map(|other| wrong_type("name", "a string", other));
            return found(Exported::Nameless {
                error: error.unwrap_or_else(|| missing_field("name")),
                points: of.map_or(1, <[_]>::len),
            });
        }
    };
    let Some((kind_name, kind, of)) = data else {
        return found(Exported::LeftOut {
            metric: name,
            rule: "no_data",
            points: 1,
        });
    };
    let of = object(kind_name, of)?;
    if let Some(rule) = left_out(kind, of)? {
        return found(Exported::LeftOut {
            metric: name,
            rule,
            points: items(of, DATA_POINTS)?.len(),
        });
    }
    let series = metric_name(name);
    for (at, value) in items(of, DATA_POINTS)?.iter().enumerate() {
        found(Exported::Point(&DataPoint {
            metric: name,
            number: at + 1,
            kind,
            series: &series,
            unit: field(metric, "unit"),
            scope,
            value,
        }))?;
    }
    Ok(())
}

/// The rule by which a metric has no series.
fn left_out(kind: Kind, of: &Object<'_>) -> Result<Option<Rule>, RecordError> {
    match kind {
        Kind::Number | Kind::Summary => Ok(None),
        Kind::Sum | Kind::Histogram => not_cumulative(of),
        Kind::ExponentialHistogram => Ok(Some("exponential_histogram")),
    }
}

/// The rule by which sums since the last export are left out: a series of them would be a series of
/// something else.
fn not_cumulative(of: &Object<'_>) -> Result<Option<Rule>, RecordError> {
    const NAME: &str = "aggregationTemporality";
    match field(of, NAME) {
        Some(Value::Text(text)) => match &**text {
            "AGGREGATION_TEMPORALITY_CUMULATIVE" => Ok(None),
            "AGGREGATION_TEMPORALITY_DELTA" => Ok(Some("delta_temporality")),
            _ => Ok(Some("no_temporality")),
        },
        Some(number) => match whole(NAME, number)? {
            2 => Ok(None),
            1 => Ok(Some("delta_temporality")),
            _ => Ok(Some("no_temporality")),
        },
        None => Ok(Some("no_temporality")),
    }
}
