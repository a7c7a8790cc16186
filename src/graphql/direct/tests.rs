//! The direct way equals the plain one, byte for byte, whatever is selected.

use std::sync::Arc;

use async_graphql::{Context, EmptyMutation, Object, Request, Schema, Subscription, Variables};
use futures_util::FutureExt;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::*;
use crate::data::cursor::Backfill;
use crate::data::{Cursor, Micros, Positions, Series, SharedCursor, Stored, StoredPoint, StoredSeries};
use crate::graphql::subscription::PointBatch;
use crate::live::{Page, Selected};

struct Query;

#[Object]
impl Query {
    async fn answer(&self) -> i32 {
        42
    }
}

struct Subscriptions(Vec<Batch>, Shapes);

#[Subscription]
impl Subscriptions {
    async fn points(&self, ctx: &Context<'_>) -> impl Stream<Item = async_graphql::Result<PointBatch>> {
        let end = Err(FeedError::SlowClient);
        let batches: Vec<_> = self.0.iter().cloned().map(Ok).chain([end]).collect();
        match hand_over(ctx, &self.1, &Seal::default(), stream::iter(batches).boxed()) {
            Some(batches) => batches
                .map(|batch| Ok(PointBatch::new(batch.map_err(Problem::from)?, &Seal::default())))
                .boxed(),
            None => stream::empty().boxed(),
        }
    }
}

fn series() -> impl Strategy<Value = Series> {
    let text = prop_oneof![Just("é\"\\\n\u{1}x".to_owned()), "[a-z]{0,3}"];
    prop::collection::btree_map(select(vec!["site", "rack"]), text, 0..3)
        .prop_map(|labels| Series::new("m", labels))
}

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let value = prop_oneof![
        Just(-0.0),
        Just(1.0),
        Just(1e300),
        any::<i32>().prop_map(f64::from),
        -1.0..1.0
    ];
    let ts = -100_000_000_000_000_000i64..100_000_000_000_000_000;
    let points = prop::collection::vec((0..3u32, value, ts), 0..6);
    let stored = (prop::collection::vec(series(), 3), points).prop_map(|(series, points)| Stored {
        ranges: Vec::new(),
        series: (1..)
            .zip(series)
            .map(|(id, series)| StoredSeries {
                id,
                series: Arc::new(series),
            })
            .collect(),
        points: points
            .into_iter()
            .map(|(series, value, ts)| StoredPoint {
                series,
                ts: Micros(ts),
                value,
                partition_id: 1,
                offset: 0,
            })
            .collect(),
    });
    let folded = prop::option::of(prop::array::uniform6(any::<u32>()));
    let batch = (stored, any::<u32>(), folded).prop_map(|(stored, conflated, folded)| Batch {
        cursor: SharedCursor::new(Cursor {
            positions: Positions::from([(1, i64::from(conflated))]),
            backfill: conflated.is_multiple_of(2).then_some(Backfill {
                since: Micros(0),
                done: None,
            }),
        }),
        selected: {
            let folded = folded.map(|all| all[..stored.points.len()].iter().map(|n| u64::from(*n)).collect());
            Selected::folded(
                Page::new(Arc::new(stored)),
                conflated.into(),
                folded.unwrap_or_default(),
            )
        },
    });
    prop::collection::vec(batch, 1..3)
}

/// A field: its text without the alias, and the type of what it holds.
type Choice = (&'static str, Option<usize>);

const TYPES: [(&str, &[Choice]); 4] = [
    (
        "PointBatch",
        &[
            ("cursor", None),
            ("backfill", None),
            ("conflated", None),
            ("__typename", None),
            ("points", Some(1)),
            ("points", Some(1)),
        ],
    ),
    (
        "LivePoint",
        &[
            ("key", None),
            ("ts", None),
            ("value", None),
            ("folded", None),
            ("__typename", None),
            ("series", Some(2)),
            ("series", Some(2)),
        ],
    ),
    (
        "Series",
        &[
            ("id", None),
            ("key", None),
            ("metric", None),
            ("__typename", None),
            ("label(name: \"site\")", None),
            ("label(name: $label)", None),
            ("label(name: $default)", None),
            ("labels", Some(3)),
        ],
    ),
    ("Label", &[("name", None), ("value", None), ("__typename", None)]),
];

const VARIABLES: [(&str, &str); 3] = [
    ("$no", "Boolean! = false"),
    ("$label", "String!"),
    ("$default", "String! = \"rack\""),
];

/// A selection set on a type, without its braces.
fn selection(of: usize, depth: u32) -> BoxedStrategy<String> {
    let choice = (0..TYPES[of].1.len(), any::<bool>(), directive());
    let field = choice.prop_flat_map(move |(nth, aliased, directive)| {
        let (text, holds) = TYPES[of].1[nth];
        // One alias always means one field, or validation would refuse most documents.
        let alias = match aliased || text.contains('(') {
            true => format!("k{nth}: "),
            false => String::new(),
        };
        match holds {
            None => Just(format!("{alias}{text} {directive}")).boxed(),
            Some(inner) => selection(inner, depth)
                .prop_map(move |set| format!("{alias}{text} {directive} {{ {set} }}"))
                .boxed(),
        }
    });
    let item = if depth == 0 {
        field.boxed()
    } else {
        let on = prop_oneof![Just(String::new()), Just(format!("on {}", TYPES[of].0))];
        let inline = (on, directive(), selection(of, depth - 1))
            .prop_map(|(on, directive, set)| format!("... {on} {directive} {{ {set} }}"));
        let spread = directive().prop_map(move |directive| format!("... F{of} {directive}"));
        prop_oneof![6 => field, 1 => inline, 1 => spread].boxed()
    };
    prop::collection::vec(item, 1..5)
        .prop_map(|items| items.join(" "))
        .boxed()
}

fn directive() -> impl Strategy<Value = &'static str> {
    let words = vec![
        "@skip(if: true)",
        "@include(if: true)",
        "@include(if: $no)",
        "@skip(if: $no)",
    ];
    prop_oneof![8 => Just(""), 1 => select(words)]
}

fn document() -> impl Strategy<Value = String> {
    let fragment = |of| selection(of, 0);
    let fragments = (fragment(0), fragment(1), fragment(2), fragment(3));
    (select(vec!["", "x: "]), selection(0, 2), fragments).prop_map(|(alias, set, (a, b, c, d))| {
        // Only fragments and variables that are used, else validation refuses the document.
        let mut body = format!("{{ {alias}points {{ {set} }} }}");
        let mut fragments = vec![(0, a), (1, b), (2, c), (3, d)];
        while let Some(at) = fragments
            .iter()
            .position(|(of, _)| body.contains(&format!("... F{of} ")))
        {
            let (of, set) = fragments.remove(at);
            body.push_str(&format!(" fragment F{of} on {} {{ {set} }}", TYPES[of].0));
        }
        let variables = VARIABLES.iter().filter(|(name, _)| body.contains(name));
        let variables: Vec<_> = variables
            .map(|(name, definition)| format!("{name}: {definition}"))
            .collect();
        match variables.is_empty() {
            true => format!("subscription {body}"),
            false => format!("subscription({}) {body}", variables.join(", ")),
        }
    })
}

fn texts(payloads: BoxStream<'static, Payload>) -> Vec<(String, bool)> {
    let text = |payload| match payload {
        Payload::Next(next) => {
            let mut text = Vec::new();
            next.json.write(&mut text);
            (String::from_utf8(text).unwrap(), next.cursor.is_some())
        }
        Payload::Refused(errors) => (serde_json::to_string(&errors).unwrap(), false),
    };
    payloads.map(text).collect::<Vec<_>>().now_or_never().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_written_directly_is_what_resolvers_would_have_answered(
        document in document(),
        batches in batches(),
    ) {
        let expected = batches.len();
        let schema = Schema::build(Query, EmptyMutation, Subscriptions(batches, Shapes::default())).finish();
        let request = || Request::new(&document).variables(Variables::from_json(json!({"label": "site"})));
        let coded = |mut response: Response| { errors::complete(&mut response); response };
        let resolved = texts(plain(schema.execute_stream(request()).map(coded).boxed(), true));
        let slot = Slot::default();
        let responses = schema.execute_stream(request().data(slot.clone())).map(coded).boxed();
        let direct = texts(payloads(slot, responses, true));
        // The errors of a document that is refused come in any order.
        prop_assume!(resolved.len() > 1);
        prop_assert_eq!(
            direct.iter().map(|(text, _)| text).collect::<Vec<_>>(),
            resolved.iter().map(|(text, _)| text).collect::<Vec<_>>()
        );
        // A document that is valid did go the direct way.
        prop_assert_eq!(direct.iter().filter(|(_, direct)| *direct).count(), expected, "{}", document);
    }
}
