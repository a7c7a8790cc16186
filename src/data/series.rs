//! A series: a metric and its labels, and the canonical key that names it everywhere.
//!
//! The key is `metric{a="x",b="y"}` with labels sorted by name and values escaped as in Prometheus. Our
//! producers use it as the Kafka key, Postgres as the unique name.

use std::collections::BTreeMap;

/// One series. Labels are sorted by name and unique; `key` is derived from both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Series {
    pub key: Box<str>,
    pub metric: Box<str>,
    pub labels: Vec<(Box<str>, Box<str>)>,
}

impl Series {
    /// Sorts the labels; of a repeated name the last value counts.
    pub fn new<M, N, V>(metric: M, labels: impl IntoIterator<Item = (N, V)>) -> Self
    where
        M: Into<Box<str>>,
        N: Into<Box<str>>,
        V: Into<Box<str>>,
    {
        let metric = metric.into();
        let labels = labels
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        let sorted: BTreeMap<Box<str>, Box<str>> = labels.collect();
        let labels: Vec<_> = sorted.into_iter().collect();
        let mut key = String::new();
        write_key(&mut key, &metric, labels.iter().map(|(n, v)| (&**n, &**v)));
        Self {
            key: key.into(),
            metric,
            labels,
        }
    }

    /// The most bytes that it may take, with the cost of each allocation: a guess.
    pub fn weight(&self) -> usize {
        const ALLOCATION: usize = 16;
        let texts = self.key.len() + self.metric.len();
        let label = |(name, value): &(Box<str>, Box<str>)| name.len() + value.len() + 2 * ALLOCATION;
        let labels: usize = self.labels.iter().map(label).sum();
        let pairs = self.labels.capacity() * size_of::<(Box<str>, Box<str>)>();
        size_of::<Self>() + 2 * size_of::<usize>() + 4 * ALLOCATION + texts + labels + pairs
    }

    /// The labels as one JSON object, as they stand in Postgres and in the archive.
    pub fn labels_json(&self) -> String {
        let labels = self.labels.iter();
        let labels = labels.map(|(name, value)| (name.to_string(), (&**value).into()));
        serde_json::Value::Object(labels.collect()).to_string()
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        let at = self.labels.binary_search_by(|(n, _)| (**n).cmp(name));
        at.ok().map(|at| &*self.labels[at].1)
    }
}

/// Appends the canonical key; `labels` must come sorted and unique.
pub fn write_key<'a>(out: &mut String, metric: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) {
    out.push_str(metric);
    out.push('{');
    for (i, (name, value)) in labels.enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        let mut rest = value;
        while let Some(at) = rest.bytes().position(|b| matches!(b, b'\\' | b'"' | b'\n')) {
            out.push_str(&rest[..at]);
            out.push_str(match rest.as_bytes()[at] {
                b'\n' => "\\n",
                b'"' => "\\\"",
                _ => "\\\\",
            });
            rest = &rest[at + 1..];
        }
        out.push_str(rest);
        out.push('"');
    }
    out.push('}');
}
