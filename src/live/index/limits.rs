//! How much of the index one client may take, and all clients together.

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Different selectors with subscribers.
    pub selectors: usize,
    /// Pairs of a series and a selector that selects it: each takes about ten bytes.
    pub pairs: usize,
    /// Bytes that all outboxes hold together.
    pub outboxes: usize,
    /// `None` where clients cannot be told apart.
    pub by_client: Option<ByClient>,
}

/// What one client may take of these.
#[derive(Clone, Copy, Debug)]
pub struct ByClient {
    pub selectors: usize,
    /// Bytes of their regular expressions.
    pub expressions: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    #[error("too many different selectors are subscribed to at the moment")]
    All,
    #[error("this address already subscribes to {0} different selectors")]
    Selectors(usize),
    #[error("the regular expressions of this address's subscriptions already take {0} bytes")]
    Expressions(usize),
    #[error("the selectors of this address's subscriptions select too many series together")]
    Pairs,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            selectors: 20_000,
            pairs: 10_000_000,
            outboxes: 256 << 20,
            by_client: Some(ByClient::default()),
        }
    }
}

impl Default for ByClient {
    fn default() -> Self {
        Self {
            selectors: 2_000,
            expressions: 4 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use super::super::Index;
    use super::*;
    use crate::data::stored::Range;
    use crate::data::{Micros, Selector, Series, Stored, StoredPoint, StoredSeries, Viewer};
    use crate::live::outbox::outbox;
    use crate::live::{Options, Page, Sequence};
    use crate::telemetry::Delivered;

    #[test]
    fn who_attends_counts_as_a_selector_of_its_client_and_gets_no_points() {
        let mut index = Index::new(Limits {
            by_client: Some(ByClient {
                selectors: 1,
                ..ByClient::default()
            }),
            ..Limits::default()
        });
        let client = Some(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
        let of = |metric: &str| Viewer::everyone().select(Selector::new(Some(metric.to_owned()), Vec::new()));
        let group = index.attend(&of("m"), client).unwrap();
        let (sender, receiver) = outbox(Options::default(), &Delivered::default());
        index.join(0, group, client, sender);
        assert_eq!(index.attend(&of("other"), client), Err(Full::Selectors(1)));
        assert_eq!(index.attend(&of("m"), client), Ok(group));
        index.abandon(group, client);

        let ranges = vec![Range {
            partition_id: 1,
            from: 0,
            to: 1,
        }];
        let accepted = Sequence::default().accept(&ranges);
        let stored = Stored {
            ranges,
            series: vec![StoredSeries {
                id: 1,
                series: Arc::new(Series::new("m", Vec::<(&str, &str)>::new())),
            }],
            points: vec![StoredPoint {
                series: 0,
                ts: Micros(0),
                value: 1.0,
                partition_id: 1,
                offset: 0,
            }],
        };
        index.deliver(&Page::new(Arc::new(stored)), &accepted, 0);
        assert_eq!((index.len(), receiver.counts().matched), (1, 0));

        index.unsubscribe(0);
        assert!(index.is_empty() && index.attend(&of("other"), client).is_ok());
    }
}
