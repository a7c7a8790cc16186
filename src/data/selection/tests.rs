//! A question of a viewer selects what the question and the scope both select.

use proptest::prelude::*;

use super::*;
use crate::data::Series;

/// Few names and values, so that selectors often agree and often contradict each other.
fn series() -> impl Strategy<Value = Series> {
    let label = ("[ab]", "[xyz]{0,2}");
    ("[mn]", prop::collection::vec(label, 0..3)).prop_map(|(metric, labels)| Series::new(metric, labels))
}

fn selector() -> impl Strategy<Value = Selector> {
    let op = prop::sample::select(vec![
        MatchOp::Equal,
        MatchOp::NotEqual,
        MatchOp::Matches,
        MatchOp::NotMatches,
        MatchOp::StartsWith,
    ]);
    let name = prop::sample::select(vec!["a", "b", METRIC_NAME]);
    let value = prop::sample::select(vec!["", "x", "xy", "x.*", "m|n", "[yz]+", "m"]);
    let matcher = (name, op, value)
        .prop_map(|(name, op, value)| LabelMatcher::new(name.to_owned(), op, value.to_owned()).unwrap());
    let metric = prop::option::of("[mn]");
    (metric, prop::collection::vec(matcher, 0..3)).prop_map(|(metric, labels)| Selector::new(metric, labels))
}

/// A question, and a scope that often has some or all of its conditions.
fn question() -> impl Strategy<Value = (Selector, Scope)> {
    let kept = prop::collection::vec(any::<bool>(), 3);
    let others = prop::collection::vec(selector(), 0..4);
    (selector(), any::<bool>(), kept, others).prop_map(|(question, metric, kept, mut others)| {
        let kept = question.labels.iter().zip(kept).filter(|(_, kept)| *kept);
        let labels = kept.map(|(matcher, _)| matcher.clone()).collect();
        if metric {
            others.push(Selector::new(question.metric.clone(), labels));
        }
        (question, Scope::any_of(others))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_scoped_is_the_conjunction_of_the_selector_and_any_of_the_scope(
        (question, scope) in question(),
        all in prop::collection::vec(series(), 1..20),
    ) {
        let scoped = Viewer::of(scope.clone()).select(question.clone());
        for series in &all {
            let expected = question.matches(series) && scope.matches(series);
            prop_assert_eq!(scoped.matches(series), expected);
            let has = |(name, value): (&str, &str)| match name {
                METRIC_NAME => &*series.metric == value,
                _ => series.label(name) == Some(value),
            };
            prop_assert!(!expected || scoped.demands().all(has));
            prop_assert!(expected || !scoped.selects_all());
        }
    }

    #[test]
    fn scopes_of_the_same_selectors_are_equal_and_others_are_not(
        one in prop::collection::vec(selector(), 0..4),
        other in prop::collection::vec(selector(), 0..4),
    ) {
        let (mut again, scope) = (one.clone(), Scope::any_of(one.clone()));
        again.reverse();
        again.extend(one.first().cloned());
        prop_assert_eq!(&Scope::any_of(again), &scope);
        let same = |a: &[Selector], b: &[Selector]| a.iter().all(|selector| b.contains(selector));
        let all = |selectors: &[Selector]| selectors.iter().any(Selector::selects_all);
        let alike = (same(&one, &other) && same(&other, &one)) || (all(&one) && all(&other));
        prop_assert_eq!(Scope::any_of(other) == scope, alike);
    }
}

#[test]
fn a_scope_is_left_out_where_it_has_all_of_the_question_and_nowhere_else() {
    let selector = |metric, labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(name, value)| (*name, MatchOp::Equal, *value));
        Selector::of(Some(metric), &Vec::from_iter(labels))
    };
    let viewer = Viewer::of(Scope::any_of([
        selector("m", &[]),
        selector("n", &[("site", "berlin")]),
    ]));
    for (question, is_left_out) in [
        (selector("m", &[]), true),
        (selector("m", &[("site", "paris")]), true),
        (selector("n", &[("site", "berlin"), ("rack", "1")]), true),
        (selector("n", &[("rack", "1")]), false),
        (selector("n", &[("site", "paris")]), false),
        (Selector::default(), false),
    ] {
        let scoped = viewer.select(question);
        assert_eq!(scoped.scope().is_everything(), is_left_out, "{scoped:?}");
    }
}

#[test]
fn a_viewer_of_nothing_sees_nothing_and_everyone_sees_all() {
    let series = Series::new("m", [("a", "x")]);
    let nobody = Viewer::of(Scope::any_of([]));
    assert!(!nobody.select(Selector::default()).matches(&series));
    assert!(Viewer::everyone().select(Selector::default()).selects_all());
}

#[test]
fn a_selector_is_measured_before_anything_of_it_is_compiled() {
    let many = |n: usize, op| -> Vec<Condition> {
        let condition = |n: usize| Condition {
            name: format!("l{n}"),
            op,
            value: "(".to_owned(),
        };
        (0..n).map(condition).collect()
    };
    let checked = |conditions| Selector::checked(None, conditions, 2).map(drop);
    assert_eq!(
        checked(many(33, MatchOp::Equal)),
        Err(BadSelector::TooManyMatchers)
    );
    assert_eq!(
        checked(many(3, MatchOp::Matches)),
        Err(BadSelector::TooManyExpressions(2))
    );
    assert!(matches!(
        checked(many(2, MatchOp::Matches)),
        Err(BadSelector::Unusable { .. })
    ));
    assert_eq!(checked(many(32, MatchOp::Equal)), Ok(()));
    let long = Selector::checked(Some("m".repeat(4_097)), Vec::new(), 0);
    assert_eq!(long, Err(BadSelector::TooLong));
}
