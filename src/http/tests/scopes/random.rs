//! Random catalogues, roles and questions.

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use crate::data::{Grant, LabelMatcher, METRIC_NAME, MatchOp, Operation, Scope, Selector, Series, Streams};

pub const STREAMS: [&str; 3] = ["s1", "s2", "s3"];
const METRICS: [&str; 3] = ["m", "m_1", "n"];
const SITES: [&str; 3] = ["", "a", "b"];
/// Of a series that everybody may see: when its point has come, all before it have.
pub const MARK: &str = "end";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    pub metric: Option<&'static str>,
    pub site: Option<(MatchOp, &'static str)>,
}

impl Ask {
    pub fn any() -> impl Strategy<Value = Self> {
        let site = (operator(), select(&["", "a", "b", "c"][..]));
        let metric = prop::option::of(select(&["m", "m_1", "n", "none"][..]));
        (metric, prop::option::of(site)).prop_map(|(metric, site)| Self { metric, site })
    }

    pub fn selector(&self) -> Selector {
        let site = self.site.map(|(op, value)| matcher("site", op, value));
        Selector::new(self.metric.map(str::to_owned), site.into_iter().collect())
    }

    pub fn graphql(&self) -> Value {
        let labels = self.site.map(|(op, value)| {
            let op = match op {
                MatchOp::Equal => "EQUAL",
                MatchOp::NotEqual => "NOT_EQUAL",
                MatchOp::Matches => "MATCHES",
                _ => "NOT_MATCHES",
            };
            json!([{"name": "site", "op": op, "value": value}])
        });
        json!({"metric": self.metric, "labels": labels.unwrap_or_else(|| json!([]))})
    }

    /// Parameters of REST.
    pub fn rest(&self) -> String {
        let metric = self.metric.map(|metric| format!("&metric={metric}"));
        let site = self.site.map(|(op, value)| {
            let label = format!("site{}{value}", sign(op));
            format!("&label={}", encoded(&label))
        });
        metric.unwrap_or_default() + &site.unwrap_or_default()
    }

    pub fn promql(&self) -> String {
        let metric = match self.metric {
            Some(metric) => format!("__name__=\"{metric}\""),
            None => "__name__=~\".+\"".to_owned(),
        };
        let site = self
            .site
            .map(|(op, value)| format!(",site{}\"{value}\"", sign(op)));
        format!("{{{metric}{}}}", site.unwrap_or_default())
    }
}

fn sign(op: MatchOp) -> &'static str {
    match op {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Matches => "=~",
        _ => "!~",
    }
}

/// As it stands in a URL.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn operator() -> impl Strategy<Value = MatchOp> {
    select(
        &[
            MatchOp::Equal,
            MatchOp::NotEqual,
            MatchOp::Matches,
            MatchOp::NotMatches,
        ][..],
    )
}

fn matcher(name: &str, op: MatchOp, value: &str) -> LabelMatcher {
    LabelMatcher::new(name.to_owned(), op, value.to_owned()).unwrap()
}

/// Some of all series that there can be, and the mark.
pub fn catalogue() -> impl Strategy<Value = Vec<Arc<Series>>> {
    let every = METRICS.iter().flat_map(|metric| {
        let sites = SITES.iter().filter(|site| !site.is_empty());
        let of = move |labels: Vec<(&str, &str)>| Arc::new(Series::new(*metric, labels));
        sites
            .flat_map(move |site| [of(vec![("site", site)]), of(vec![("site", site), ("rack", "x")])])
            .chain([of(Vec::new())])
    });
    let every: Vec<_> = every.collect();
    let most = every.len();
    subsequence(every, 1..=most).prop_map(|mut some| {
        some.push(Arc::new(Series::new(MARK, Vec::<(&str, &str)>::new())));
        some
    })
}

/// Up to three selectors, and the mark; some streams.
pub fn grant() -> impl Strategy<Value = Grant> {
    let name = prop_oneof![
        select(&METRICS[..]).prop_map(|metric| vec![matcher(METRIC_NAME, MatchOp::Equal, metric)]),
        select(&["m", "m_", "n", "x"][..]).prop_map(|start| vec![matcher(
            METRIC_NAME,
            MatchOp::StartsWith,
            start
        )]),
        Just(Vec::new()),
    ];
    let site = prop::option::of((operator(), select(&["", "a", "b", "a|b"][..])));
    let selector = (name, site).prop_map(|(mut labels, site)| {
        labels.extend(site.map(|(op, value)| matcher("site", op, value)));
        Selector::new(None, labels)
    });
    let scope = prop::collection::vec(selector, 0..=3);
    let streams = subsequence(STREAMS.to_vec(), 0..=STREAMS.len());
    (scope, streams).prop_map(|(mut scope, streams)| {
        scope.push(Selector::new(Some(MARK.to_owned()), Vec::new()));
        Grant {
            operations: [Operation::Read].into(),
            read: Arc::new(Scope::any_of(scope)),
            streams: Streams::Named(streams.into_iter().map(str::to_owned).collect()),
            ..Grant::nothing()
        }
    })
}
