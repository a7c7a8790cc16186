//! Whether a scope contains what an older one has shown, told from the texts of their matchers.

use super::{LabelMatcher, METRIC_NAME, MatchOp, Scope, Selector};

/// Every series that `selector` selects in the scope `old` is in the scope `new`. It may say no where
/// only more than the texts could prove it, and never yes where one is not.
pub fn contains(new: &Scope, selector: &Selector, old: &Scope) -> bool {
    new == old || (old.selectors().iter()).all(|part| has_all_of(new, &[selector, part]))
}

/// Every series that all of `selectors` select is in the scope, as far as the texts prove it.
pub fn has_all_of(scope: &Scope, selectors: &[&Selector]) -> bool {
    scope.is_everything() || {
        let known = Vec::from_iter(selectors.iter().flat_map(|selector| tests(selector)));
        let mut wanted = scope.selectors().iter();
        selects_nothing(&known) || wanted.any(|all| tests(all).all(|wanted| follows(wanted, &known)))
    }
}

/// One condition of a selector: on its metric or on a label.
#[derive(Clone, Copy)]
enum Test<'a> {
    Metric(&'a str),
    Label(&'a LabelMatcher),
}

fn tests(selector: &Selector) -> impl Iterator<Item = Test<'_>> {
    let metric = selector.metric.as_deref().map(Test::Metric);
    metric.into_iter().chain(selector.labels.iter().map(Test::Label))
}

/// The conditions on one name contradict each other.
fn selects_nothing(known: &[Test<'_>]) -> bool {
    let contradicted = |one: &Test<'_>, other: &Test<'_>| {
        let beginnings = one.beginning().zip(other.beginning());
        one.equal().is_some_and(|value| !other.passes(value))
            || beginnings.is_some_and(|(a, b)| !a.starts_with(b) && !b.starts_with(a))
    };
    known.iter().any(|one| {
        let same = known.iter().filter(|other| other.name() == one.name());
        same.into_iter().any(|other| contradicted(one, other))
    })
}

/// What passes all of `known` passes `wanted`.
fn follows(wanted: Test<'_>, known: &[Test<'_>]) -> bool {
    let of_one = |known: &Test<'_>| {
        known.is(wanted)
            || known.equal().is_some_and(|value| wanted.passes(value))
            || wanted.unequal().is_some_and(|value| !known.passes(value))
            || (known.beginning().zip(wanted.beginning()))
                .is_some_and(|(longer, begin)| longer.starts_with(begin))
    };
    wanted.beginning() == Some("")
        || known
            .iter()
            .filter(|test| test.name() == wanted.name())
            .any(of_one)
}

impl<'a> Test<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Metric(_) => METRIC_NAME,
            Self::Label(matcher) => &matcher.name,
        }
    }

    fn passes(self, value: &str) -> bool {
        match self {
            Self::Metric(metric) => metric == value,
            Self::Label(matcher) => matcher.matches(value),
        }
    }

    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Metric(one), Self::Metric(other)) => one == other,
            (Self::Label(one), Self::Label(other)) => one == other,
            _ => false,
        }
    }

    /// The only value that passes.
    fn equal(self) -> Option<&'a str> {
        match self {
            Self::Metric(metric) => Some(metric),
            Self::Label(_) => self.value_of(MatchOp::Equal),
        }
    }

    /// The only value that does not pass.
    fn unequal(self) -> Option<&'a str> {
        self.value_of(MatchOp::NotEqual)
    }

    /// What all values begin with that pass.
    fn beginning(self) -> Option<&'a str> {
        self.value_of(MatchOp::StartsWith)
    }

    fn value_of(self, op: MatchOp) -> Option<&'a str> {
        match self {
            Self::Label(matcher) if matcher.op == op => Some(&matcher.value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::Series;

    #[test]
    fn what_was_asked_for_goes_on_where_the_new_scope_has_all_of_it() {
        use MatchOp::{Equal, Matches, NotEqual, StartsWith};
        let everything = Selector::default();
        let berlin = Selector::of(None, &[("site", Equal, "berlin")]);
        let machines = Selector::of(None, &[(METRIC_NAME, StartsWith, "machines_")]);
        let temperature = Selector::of(Some("machines_temperature"), &[]);
        let not_paris = Selector::of(None, &[("site", NotEqual, "paris")]);
        let b = Selector::of(None, &[("site", Matches, "b.*")]);
        let all = || Scope::everything();
        let scope = |selectors: &[&Selector]| Scope::any_of(selectors.iter().map(|s| (*s).clone()));
        for (new, asked, old, expected) in [
            (all(), &everything, scope(&[&berlin]), true),
            (scope(&[&berlin]), &everything, all(), false),
            (scope(&[&berlin]), &berlin, all(), true),
            (scope(&[]), &berlin, all(), false),
            (scope(&[]), &berlin, scope(&[]), true),
            (scope(&[&machines]), &temperature, all(), true),
            (scope(&[&machines]), &everything, scope(&[&temperature]), true),
            (scope(&[&temperature]), &machines, all(), false),
            (scope(&[&not_paris]), &berlin, all(), true),
            (scope(&[&not_paris]), &b, all(), true),
            (scope(&[&b]), &b, all(), true),
            (scope(&[&berlin]), &b, all(), false),
            // The part of the old scope that went away had nothing of what was asked for.
            (
                scope(&[&machines]),
                &temperature,
                scope(&[&machines, &Selector::of(Some("weather"), &[])]),
                true,
            ),
            (
                scope(&[&machines]),
                &everything,
                scope(&[&machines, &Selector::of(Some("weather"), &[])]),
                false,
            ),
        ] {
            assert_eq!(
                contains(&new, asked, &old),
                expected,
                "{asked:?} of {old:?} in {new:?}"
            );
        }
    }

    const VALUES: [&str; 5] = ["", "a", "aa", "ab", "b"];

    fn any_matcher() -> impl Strategy<Value = LabelMatcher> {
        use MatchOp::{Equal, Matches, NotEqual, NotMatches, StartsWith};
        let name = prop::sample::select(vec![METRIC_NAME, "site", "rack"]);
        let plain = prop::sample::select(vec![Equal, NotEqual, StartsWith]);
        let regex = prop::sample::select(vec![Matches, NotMatches]);
        let texts = prop::sample::select(vec!["a.*", "a|b", ".+", "b?"]);
        let test = prop_oneof![
            3 => (plain, prop::sample::select(VALUES.to_vec())),
            1 => (regex, texts),
        ];
        (name, test)
            .prop_map(|(name, (op, value))| LabelMatcher::new(name.to_owned(), op, value.to_owned()).unwrap())
    }

    fn any_selector(most: usize) -> impl Strategy<Value = Selector> {
        let metric = prop::option::weighted(0.3, prop::sample::select(vec!["a", "aa"]));
        let labels = prop::collection::vec(any_matcher(), 0..=most);
        (metric, labels).prop_map(|(metric, labels)| Selector::new(metric.map(str::to_owned), labels))
    }

    fn any_scope(most: usize) -> impl Strategy<Value = Scope> {
        prop::collection::vec(any_selector(most), 0..=2).prop_map(Scope::any_of)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn it_never_says_yes_where_a_series_is_missing(
            new in any_scope(1),
            asked in any_selector(1),
            old in any_scope(2),
        ) {
            if contains(&new, &asked, &old) {
                for metric in ["a", "aa", "b"] {
                    for (site, rack) in VALUES.iter().flat_map(|site| VALUES.map(|rack| (*site, rack))) {
                        let labels = [("site", site), ("rack", rack)];
                        let series = Series::new(metric, labels.into_iter().filter(|(_, value)| !value.is_empty()));
                        let shown = asked.matches(&series) && old.matches(&series);
                        prop_assert!(!shown || new.matches(&series), "{series:?}");
                    }
                }
            }
        }
    }
}
