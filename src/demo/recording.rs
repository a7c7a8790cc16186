//! Recorded series: CSV texts of `demo/`.

use crate::data::Series;

/// One recorded series.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    pub series: Series,
    pub values: Vec<f64>,
}

#[derive(Debug, thiserror::Error)]
pub enum BadRecording {
    #[error("'{0}' is not a series name such as cpu{{host=\"a\"}}")]
    Name(String),
    #[error("{name}: line {line} is not a timestamp and a finite value")]
    Line { name: String, line: u64 },
    #[error("{0} has no values")]
    Empty(String),
}

impl Recording {
    /// `name` is a series key (`metric` or `metric{label="value"}`); `csv` has the columns
    /// `timestamp,value` under that heading. The recorded timestamps only give the order.
    pub fn parse(name: &str, csv: &str) -> Result<Self, BadRecording> {
        let series = parse_key(name).ok_or_else(|| BadRecording::Name(name.to_owned()))?;
        let mut values = Vec::new();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        for (row, line) in reader.records().zip(2..) {
            let value = row
                .ok()
                .and_then(|row| row.get(1)?.trim().parse::<f64>().ok())
                .filter(|value| value.is_finite());
            let name = || name.to_owned();
            values.push(value.ok_or_else(|| BadRecording::Line { name: name(), line })?);
        }
        if values.is_empty() {
            return Err(BadRecording::Empty(name.to_owned()));
        }
        Ok(Self { series, values })
    }
}

/// The plain form only: no escapes in label values.
fn parse_key(key: &str) -> Option<Series> {
    let Some((metric, rest)) = key.split_once('{') else {
        return (!key.is_empty()).then(|| Series::new(key, [] as [(&str, &str); 0]));
    };
    let labels: Vec<(&str, &str)> = rest
        .strip_suffix('}')?
        .split(',')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name, value.strip_prefix('"')?.strip_suffix('"')?))
        })
        .collect::<Option<_>>()?;
    (!metric.is_empty()).then(|| Series::new(metric, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_text_becomes_a_series_named_by_its_key() {
        let csv = "timestamp,value\n2014-04-02 14:29:00,0.066\n2014-04-02 14:34:00,2\n";
        let one = Recording::parse("cpu{host=\"a\",zone=\"b\"}", csv).unwrap();
        assert_eq!(&*one.series.key, "cpu{host=\"a\",zone=\"b\"}");
        assert_eq!(one.values, [0.066, 2.0]);
        assert_eq!(&*Recording::parse("cpu", csv).unwrap().series.key, "cpu{}");
    }

    #[test]
    fn what_is_wrong_with_a_demo_file_is_said_with_its_line() {
        let bad = Recording::parse("cpu", "timestamp,value\nx,1\ny,NaN\n").unwrap_err();
        assert_eq!(
            bad.to_string(),
            "cpu: line 3 is not a timestamp and a finite value"
        );
        assert!(Recording::parse("cpu{host}", "timestamp,value\nx,1\n").is_err());
        assert!(Recording::parse("cpu", "timestamp,value\n").is_err());
    }
}
