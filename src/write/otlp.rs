//! OpenTelemetry's metrics: each data point by itself becomes the series that Prometheus makes of it.

use super::refusals::Refusals;
use crate::data::RecordError;
use crate::decode::Otlp;
use crate::transform::{DataPoint, Envelope, Exported, Mapping, Taking, visit_export};

/// The data points of a request.
#[derive(Debug, Default)]
pub struct Export {
    pub refusals: Refusals,
    /// All that were sent.
    pub data_points: u64,
    left_out: Vec<LeftOut>,
}

/// What a rule leaves out is told once, with what to do about it.
#[derive(Debug)]
struct LeftOut {
    rule: &'static str,
    /// The first one.
    metric: String,
    data_points: u64,
}

/// An error is one of the body as a whole.
pub fn read(body: &[u8], written: Otlp, taking: &mut Taking<'_>) -> Result<Export, RecordError> {
    taking.make_room_for_export(body);
    let mapping = Mapping {
        envelope: Some(Envelope::Otlp),
        ..Mapping::default()
    };
    let mapping = mapping.of_samples();
    let request = written.decode(body)?;
    let mut export = Export::default();
    // A request without anything is one too.
    if !request.0.is_empty() {
        visit_export(&request, &mut |found| {
            export.take(&found, &mapping, taking);
            Ok(())
        })?;
    }
    export.tell();
    Ok(export)
}

impl Export {
    fn take(&mut self, found: &Exported<'_>, mapping: &Mapping, taking: &mut Taking<'_>) {
        match found {
            Exported::Point(point) => {
                self.data_points += 1;
                self.point(point, mapping, taking);
            }
            Exported::LeftOut { metric, rule, points } => {
                self.data_points += *points as u64;
                self.leave_out(rule, metric, *points as u64);
            }
            Exported::Nameless { error, points } => {
                self.data_points += *points as u64;
                let place = || "a metric".to_owned();
                self.refusals.add_some(*points as u64, place, error.clone());
            }
        }
    }

    fn point(&mut self, point: &DataPoint<'_>, mapping: &Mapping, taking: &mut Taking<'_>) {
        if point.is_not_recorded() {
            return;
        }
        match taking.data_point(mapping, point) {
            Ok(None) => {}
            Ok(Some(rule)) => self.leave_out(rule, point.metric, 1),
            Err(error) => self.refusals.add(|| point.title(), error),
        }
    }

    fn leave_out(&mut self, rule: &'static str, metric: &str, data_points: u64) {
        if data_points == 0 {
            return;
        }
        match self.left_out.iter_mut().find(|known| known.rule == rule) {
            Some(known) => known.data_points += data_points,
            None => self.left_out.push(LeftOut {
                rule,
                metric: metric.chars().take(100).collect(),
                data_points,
            }),
        }
    }

    fn tell(&mut self) {
        for LeftOut {
            rule,
            metric,
            data_points,
        } in self.left_out.drain(..)
        {
            let place = match data_points {
                1 => format!("metric '{metric}'"),
                _ => format!("{data_points} data points, the first of metric '{metric}'"),
            };
            self.refusals
                .left_out(data_points, place, (rule, what_to_do(rule)));
        }
    }
}

fn what_to_do(rule: &str) -> &'static str {
    match rule {
        "delta_temporality" => {
            "what was counted since the last export has no series; set the temporality preference of the SDK to \
             cumulative (OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative), or add the processor \
             deltatocumulative to the Collector"
        }
        "no_temporality" => "sums and histograms must say that their temporality is cumulative",
        "exponential_histogram" => {
            "exponential histograms have no series; use histograms with explicit bounds \
             (OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=explicit_bucket_histogram)"
        }
        "no_data" => "a metric must be a gauge, a sum, a histogram or a summary",
        "no_recorded_value" => "a data point must have a value",
        "not_finite" => "NaN and infinite values cannot be stored",
        _ => "it has no series",
    }
}

#[cfg(test)]
mod tests;
