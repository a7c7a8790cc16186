//! One data point of a metric.

use super::attributes::attributes;
use super::fields::{DATA_POINTS, borrowed, field, items, object, whole};
use super::samples::Samples;
use crate::data::{Object, RecordError, Value};
use crate::transform::left_out::LeftOut;
use crate::transform::limits::shorten;
use crate::transform::mapping::nested::{Each, Nested, Opened};
use crate::transform::mapping::numbers::label_text;

/// Of `flags`: nothing was measured.
const NO_RECORDED_VALUE: u64 = 1;
/// Attributes that a title has.
const TITLED: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Sum,
    Histogram,
    Summary,
    ExponentialHistogram,
}

#[derive(Debug)]
pub struct DataPoint<'p> {
    /// As the export names it.
    pub metric: &'p str,
    /// Its place in its metric, from 1 on.
    pub number: usize,
    pub(super) kind: Kind,
    /// The metric of its series.
    pub(super) series: &'p str,
    pub(super) unit: Option<&'p Value<'p>>,
    pub(super) scope: &'p Nested<'p, 'p>,
    pub(super) value: &'p Value<'p>,
}

impl DataPoint<'_> {
    /// Calls `each` with the samples.
    pub(in crate::transform::mapping) fn samples(&self, each: &mut Each<'_>) -> Opened {
        let point = object(DATA_POINTS, self.value)?;
        if is_not_recorded(point)? {
            return Ok(LeftOut::one("no_recorded_value"));
        }
        let labels = attributes(items(point, "attributes")?)?;
        let mut fields = vec![("attributes".into(), Value::Object(labels))];
        fields.extend(self.unit.map(|unit| ("unit".into(), borrowed(unit))));
        // Zero is a time that is not known.
        let time = field(point, "timeUnixNano").filter(|time| !is_zero(time));
        fields.extend(time.map(|time| ("timeUnixNano".into(), borrowed(time))));
        let fields = Object(fields);
        let around = Nested::of(&fields, Some(self.scope));
        let mut samples = Samples {
            name: self.series,
            around: &around,
            each,
            left_out: LeftOut::default(),
        };
        match self.kind {
            Kind::Number | Kind::Sum => samples.of_number(point)?,
            Kind::Histogram => samples.of_histogram(point)?,
            Kind::Summary => samples.of_summary(point)?,
            Kind::ExponentialHistogram => {}
        }
        Ok(samples.left_out)
    }

    /// Whether the sender says that it has no value, as of a series that has ended.
    pub fn is_not_recorded(&self) -> bool {
        let point = object(DATA_POINTS, self.value);
        point.and_then(is_not_recorded).unwrap_or(false)
    }

    /// What people find it by: its metric, place and attributes.
    pub fn title(&self) -> String {
        let mut title = format!("data point {} of '{}'", self.number, shorten(self.metric));
        let point = object(DATA_POINTS, self.value);
        let labels = point.and_then(|point| attributes(items(point, "attributes")?));
        let labels = labels.unwrap_or_default().0;
        for (at, (name, value)) in labels.iter().take(TITLED).enumerate() {
            let text = label_text(name, value).unwrap_or_default();
            let before = if at == 0 { " {" } else { "," };
            title.push_str(&format!("{before}{}={:?}", shorten(name), shorten(&text)));
        }
        if labels.len() > TITLED {
            title.push_str(",…");
        }
        if !labels.is_empty() {
            title.push('}');
        }
        title
    }
}

fn is_not_recorded(point: &Object<'_>) -> Result<bool, RecordError> {
    let flags = field(point, "flags").map_or(Ok(0), |flags| whole("flags", flags))?;
    Ok(flags & NO_RECORDED_VALUE != 0)
}

fn is_zero(time: &Value<'_>) -> bool {
    label_text("timeUnixNano", time).is_ok_and(|text| text == "0")
}
