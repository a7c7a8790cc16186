//! `Metric`, `Series`, `Point` and `LatestPoint`.

use async_graphql::{ID, Object, SimpleObject};

use crate::data::{self, StoredSeries};
use crate::graphql::scalars::{DateTime, Long};

/// A metric name and its number of series.
#[derive(Clone, Debug, SimpleObject)]
pub struct Metric {
    pub name: String,
    /// How many series have this name.
    pub series: Long,
}

/// A label name and how many of the matching series have it.
#[derive(Clone, Debug, SimpleObject)]
pub struct LabelName {
    pub name: String,
    pub series: Long,
}

/// A label value and how many of the matching series have it.
#[derive(Clone, Debug, SimpleObject)]
pub struct LabelValue {
    pub value: String,
    pub series: Long,
}

#[derive(Clone, Debug)]
pub struct Series(pub StoredSeries);

/// A metric with one set of labels. Every point belongs to one series.
#[Object]
impl Series {
    /// Stable while the series exists.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The canonical name, `metric{a="x",b="y"}` with sorted labels; also the Kafka key.
    async fn key(&self) -> &str {
        &self.0.series.key
    }

    async fn metric(&self) -> &str {
        &self.0.series.metric
    }

    /// Sorted by name.
    async fn labels(&self) -> Vec<Label> {
        Label::all(&self.0.series)
    }

    /// The value of one label; null if the series does not have it.
    async fn label(&self, #[graphql(desc = "The name of the label.")] name: String) -> Option<&str> {
        self.0.series.label(&name)
    }
}

#[derive(Clone, Debug, SimpleObject)]
pub struct Label {
    pub name: String,
    pub value: String,
}

impl Label {
    pub fn all(series: &data::Series) -> Vec<Self> {
        let label = |(name, value): &(Box<str>, Box<str>)| Self {
            name: name.to_string(),
            value: value.to_string(),
        };
        series.labels.iter().map(label).collect()
    }
}

/// One value of a series at one moment.
#[derive(Clone, Debug, SimpleObject)]
pub struct Point {
    pub series: Series,
    pub ts: DateTime,
    /// Always finite.
    pub value: f64,
}

/// The newest point of a series.
#[derive(Clone, Debug, SimpleObject)]
pub struct LatestPoint {
    pub series: Series,
    pub ts: DateTime,
    /// Always finite.
    pub value: f64,
}
