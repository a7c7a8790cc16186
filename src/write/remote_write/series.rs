//! One series of a request after the other: its labels, its samples, and what is refused of them.

use std::ops::Range;

use crate::data::series::write_key;
use crate::data::{Micros, Reason, RecordError};
use crate::decode::{Form, Wire, Wired};
use crate::transform::Taking;
use crate::write::refusals::Refusals;

/// Of all values that are not a number the one by which Prometheus says that a series ends.
const STALE: u64 = 0x7ff0_0000_0000_0002;
const NAME: &str = "__name__";
/// The number of the samples in a series, in both versions.
pub(super) const SAMPLES: u32 = 2;
/// Of a series that is named in a refusal.
const TOLD_LABELS: usize = 12;
const TOLD_CHARS: usize = 60;

#[derive(Debug)]
pub(super) struct Storing<'r, 'i, 'a> {
    body: &'a [u8],
    taking: &'r mut Taking<'i>,
    refusals: Refusals,
    metric: Option<&'a str>,
    /// No more than one beyond those that a series may have.
    labels: Vec<(&'a str, &'a str)>,
    /// All of them.
    count: usize,
    wrong: Option<RecordError>,
}

/// What a series brings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub samples: u64,
    pub histograms: u64,
    /// Only where the sender is told how many were stored.
    pub exemplars: u64,
}

impl<'r, 'i, 'a> Storing<'r, 'i, 'a> {
    pub fn new(body: &'a [u8], taking: &'r mut Taking<'i>) -> Self {
        Self {
            body,
            taking,
            refusals: Refusals::default(),
            metric: None,
            labels: Vec::new(),
            count: 0,
            wrong: None,
        }
    }

    pub fn end(self) -> Refusals {
        self.refusals
    }

    /// The labels that follow are those of another series.
    pub fn begin(&mut self) {
        self.metric = None;
        self.labels.clear();
        self.count = 0;
        self.wrong = None;
    }

    /// In any order. An empty value is no label; a text that is not UTF-8 is `None`.
    pub fn label(&mut self, name: Option<&'a str>, value: Option<&'a str>) {
        match (name, value) {
            (Some(_), Some("")) => {}
            (Some(NAME), Some(metric)) if self.metric.is_none() => self.metric = Some(metric),
            (Some(NAME), Some(_)) => {
                let error = || RecordError::new(Reason::InvalidName, "label '__name__' occurs twice");
                self.wrong.get_or_insert_with(error);
            }
            (Some(name), Some(value)) => {
                self.count += 1;
                if self.labels.len() <= self.taking.limits().labels {
                    self.labels.push((name, value));
                }
            }
            _ => {
                let error = || RecordError::new(Reason::WrongType, "a label is not UTF-8");
                self.wrong.get_or_insert_with(error);
            }
        }
    }

    /// The samples of the series whose labels were told. `part` is its message.
    pub fn samples(&mut self, part: Range<usize>, counts: Counts) -> Result<(), RecordError> {
        self.refuse(
            counts.histograms,
            "native histograms are not stored, classic ones are",
        );
        self.refuse(
            counts.exemplars,
            "exemplars are not stored; set send_exemplars: false",
        );
        if counts.samples == 0 {
            return Ok(());
        }
        match self.series() {
            Ok(series) => {
                let body = self.body;
                fields(body, part, |field| match field.number {
                    SAMPLES => self.sample(series, part_of(field)?),
                    _ => Ok(()),
                })
            }
            Err(error) => {
                let (metric, labels) = (self.metric, &self.labels);
                self.refusals
                    .add_some(counts.samples, || told(metric, labels), error);
                Ok(())
            }
        }
    }

    fn series(&mut self) -> Result<u32, RecordError> {
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        self.taking.limits().check_label_count(self.count)?;
        let Some(metric) = self.metric else {
            let detail = "label '__name__' is missing or empty";
            return Err(RecordError::new(Reason::MissingField, detail));
        };
        self.taking.series(metric, self.labels.iter().copied())
    }

    fn sample(&mut self, series: u32, part: Range<usize>) -> Result<(), RecordError> {
        let (mut value, mut millis) = (0.0, 0);
        fields(self.body, part, |field| {
            match (field.number, field.form) {
                (1, Form::Fixed64) => value = f64::from_bits(field.bits),
                (2, Form::Varint) => millis = field.bits.cast_signed(),
                (1 | 2, _) => return Err(wrong_form(field)),
                _ => {}
            }
            Ok(())
        })?;
        // Both say that there is no value. That is told here by having no point.
        if value.to_bits() == STALE {
            self.taking.leave_out("stale_marker");
        } else if value.is_nan() {
            self.taking.leave_out("not_a_number");
        } else if let Err(error) = self.taking.sample(series, Micros::from_millis(millis), value) {
            let (metric, labels) = (self.metric, &self.labels);
            self.refusals
                .add(|| format!("{} at {millis}", told(metric, labels)), error);
        }
        Ok(())
    }

    fn refuse(&mut self, count: u64, why: &str) {
        if count > 0 {
            let (metric, labels) = (self.metric, &self.labels);
            let error = RecordError::new(Reason::WrongType, why);
            self.refusals.add_some(count, || told(metric, labels), error);
        }
    }
}

/// Its key in the main, however much a sender wrote.
fn told(metric: Option<&str>, labels: &[(&str, &str)]) -> String {
    let mut key = "series ".to_owned();
    let labels = labels.iter().take(TOLD_LABELS);
    let labels = labels.map(|(name, value)| (short(name), short(value)));
    write_key(&mut key, short(metric.unwrap_or_default()), labels);
    key
}

fn short(text: &str) -> &str {
    let end = text.char_indices().nth(TOLD_CHARS);
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

/// Calls `each` with the fields of a message.
pub(super) fn fields(
    body: &[u8],
    message: Range<usize>,
    mut each: impl FnMut(&Wired) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    let mut wire = Wire::new(body, message);
    let mut field = Wired::default();
    while wire
        .field(&mut field)
        .map_err(|fault| broken(fault.found(), field.at))?
    {
        each(&field)?;
    }
    Ok(())
}

/// Where the bytes of a field are that is a text, a message or a list.
pub(super) fn part_of(field: &Wired) -> Result<Range<usize>, RecordError> {
    match field.form {
        Form::Bytes => Ok(field.range()),
        _ => Err(wrong_form(field)),
    }
}

pub(super) fn text(body: &[u8], part: Range<usize>) -> Option<&str> {
    std::str::from_utf8(&body[part]).ok()
}

pub(super) fn wrong_form(field: &Wired) -> RecordError {
    broken("a field of another type", field.at)
}

pub(super) fn broken(found: &str, at: usize) -> RecordError {
    let detail = format!("the body is no message of remote write: found {found} at byte {at}");
    RecordError::new(Reason::NotProtobuf, detail)
}
