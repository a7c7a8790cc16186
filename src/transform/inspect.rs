//! What becomes of one record, step by step and without anything being stored.

use std::sync::Arc;

use super::Transform;
use super::left_out::Rule;
use super::mapping::Origin;
use crate::data::{Batch, LoneRecord, Micros, Object, RawBatch, Rejected, SchemaId, Series, Value, headers};

#[derive(Clone, Debug, Default)]
pub struct Inspected {
    /// The decoded record as JSON; `None` if it cannot be decoded.
    pub decoded: Option<String>,
    /// The objects that the stream's program makes of it as JSON; `None` without a program, or if it fails.
    pub transformed: Option<String>,
    pub points: Vec<(Arc<Series>, Micros, f64)>,
    pub rejected: Option<Rejected>,
    /// The rule by which it has neither points nor an error.
    pub skipped: Option<Rule>,
}

impl Transform {
    /// The schema that must be fetched before the record can be looked at.
    pub fn needs(&self, stream: &str, record: &LoneRecord) -> Option<SchemaId> {
        let plan = self.plan(stream)?;
        plan.opener.missing(record.payload.as_deref()?, &record.headers)
    }

    /// `shown`: bytes of JSON at the most.
    pub fn inspect(&mut self, stream: &Arc<str>, record: LoneRecord, shown: usize) -> Inspected {
        let (decoded, transformed) = self.decoded(stream, &record, shown).unwrap_or_default();
        let (batch, omitted) = self.mapped(RawBatch::of_one(stream, record));
        let Batch {
            series,
            points,
            rejected,
            ..
        } = batch;
        let points = points.into_iter().map(|point| {
            let series = Arc::clone(&series[point.series as usize]);
            (series, point.ts, point.value)
        });
        Inspected {
            decoded,
            transformed,
            points: points.collect(),
            rejected: rejected.into_iter().next(),
            skipped: omitted.records.into_keys().next().map(|(_, rule)| rule),
        }
    }

    /// Before and after the program.
    fn decoded(
        &self,
        stream: &str,
        record: &LoneRecord,
        shown: usize,
    ) -> Option<(Option<String>, Option<String>)> {
        let plan = self.plan(stream)?;
        let payload = record.payload.as_deref()?;
        plan.limits.check_size(payload).ok()?;
        let opened = plan.opener.open(payload, &record.headers).ok()?;
        let value = opened.decode().ok()?;
        let program = plan
            .program
            .as_ref()
            .filter(|_| !headers::are_of_points(&record.headers));
        let transformed = program.and_then(|program| {
            let mut running = program.begin(payload.len(), Origin::of(record));
            let (mut made, mut bytes) = (Vec::new(), 0);
            for object in value.objects() {
                let mut show = |object: &Object<'_>| {
                    if bytes <= shown {
                        let text = Value::Object(object.clone()).shown(shown);
                        bytes += text.len();
                        made.push(text);
                    }
                    Ok(())
                };
                running.objects(object, &mut show).ok()?;
            }
            (!made.is_empty()).then(|| made.join("\n"))
        });
        Some((Some(value.shown(shown)), transformed))
    }
}
