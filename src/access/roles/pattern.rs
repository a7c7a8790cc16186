//! One selector of a role: a Prometheus selector whose metric may end in `*`, and whose values may have
//! places for claims. The text is parsed once; claims are filled in as values, never as text.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::template::{self, Template};
use crate::data::{LabelMatcher, METRIC_NAME, MatchOp, Selector};
use crate::history::promql;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// All that does not depend on claims.
    fixed: Selector,
    /// Labels, and the metric as `__name__`, that equal what is filled in.
    filled: Vec<(String, Template)>,
}

impl Pattern {
    /// # Errors
    /// It is no selector, or has a place where there can be none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let why = |why: String| format!("'{text}' is no series selector: {why}");
        let (prefix, rest) = split_prefix(text.trim());
        let mut selector = match prefix {
            // The parser takes no empty selector.
            Some("") if rest.is_empty() => Selector::default(),
            Some(prefix) => {
                promql::selector(&format!("{prefix}{rest}")).map_err(|error| why(error.to_string()))?
            }
            None => promql::selector(text).map_err(|error| why(error.to_string()))?,
        };
        if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
            let begins = LabelMatcher::new(METRIC_NAME.to_owned(), MatchOp::StartsWith, prefix.to_owned());
            selector.metric = None;
            selector
                .labels
                .push(begins.map_err(|error| why(error.to_string()))?);
        }
        let (mut fixed, mut filled) = (Vec::new(), Vec::new());
        for matcher in selector.labels {
            if matcher.op == MatchOp::Equal && template::has_place(&matcher.value) {
                filled.push((matcher.name, Template::parse(&matcher.value)?));
            } else {
                fixed.push(matcher);
            }
        }
        let metric = match selector.metric {
            Some(metric) if template::has_place(&metric) => {
                filled.push((METRIC_NAME.to_owned(), Template::parse(&metric)?));
                None
            }
            metric => metric,
        };
        // Of the text: the parser escapes braces in regular expressions.
        let places = filled.iter().flat_map(|(_, text)| text.claims()).count();
        if template::places(text) != places {
            return Err(why("a claim can stand only in a value behind '='".to_owned()));
        }
        Ok(Self {
            fixed: Selector::new(metric, fixed),
            filled,
        })
    }

    pub fn needs_claims(&self) -> bool {
        !self.filled.is_empty()
    }

    /// With one selector for each way to fill in the claims: none where one is missing. Beyond `most`
    /// there is one more.
    pub fn selectors(&self, claims: &Map<String, Value>, most: usize) -> Vec<Selector> {
        let names: BTreeSet<&str> = self.filled.iter().flat_map(|(_, text)| text.claims()).collect();
        let ways = template::ways(&names, claims, most);
        ways.iter().filter_map(|values| self.fill(values)).collect()
    }

    fn fill(&self, values: &template::Values<'_>) -> Option<Selector> {
        let mut metric = self.fixed.metric.clone();
        let mut labels = self.fixed.labels.clone();
        for (name, text) in &self.filled {
            let value = text.fill(values)?;
            if name == METRIC_NAME && metric.is_none() {
                metric = Some(value);
            } else {
                labels.push(LabelMatcher::new(name.clone(), MatchOp::Equal, value).ok()?);
            }
        }
        Some(Selector::new(metric, labels))
    }
}

/// `machines_*{…}` to `machines_` and `{…}`.
fn split_prefix(text: &str) -> (Option<&str>, &str) {
    let is_metric = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = text.find(|c| !is_metric(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    match rest.strip_prefix('*').map(str::trim_start) {
        Some(rest) if rest.is_empty() || rest.starts_with('{') => (Some(name), rest),
        _ => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::data::Series;

    fn claims(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_star_stands_for_the_rest_of_a_metrics_name() {
        let site = |site: &str| [("site", site.to_owned())];
        for (text, metric, label, selected) in [
            (r#"machines_*{site="b"}"#, "machines_x", "b", true),
            (r#"machines_*{site="b"}"#, "machines_", "b", true),
            (r#"machines_*{site="b"}"#, "machines", "b", false),
            (r#"machines_*{site="b"}"#, "machines_x", "c", false),
            (r#" machines_* { site =~ "b|c" } "#, "machines_x", "c", true),
            ("machines_*", "machines_x", "", true),
            ("machines_*{}", "machines_x", "", true),
            ("machines", "machines_x", "", false),
            ("*", "anything", "", true),
            (r#"*{site="b"}"#, "anything", "b", true),
            (r#"*{site="b"}"#, "anything", "c", false),
            (r#"{__name__="a.b"}"#, "a.b", "", true),
        ] {
            let pattern = Pattern::parse(text).unwrap();
            let series = Series::new(metric, site(label));
            let found = pattern
                .selectors(&Map::new(), 16)
                .iter()
                .any(|s| s.matches(&series));
            assert_eq!(found, selected, "{text} {metric} {label}");
        }
    }

    #[test]
    fn what_is_no_selector_of_series_is_refused() {
        for text in [
            "",
            "{}",
            "m{",
            "m*n",
            "m**",
            "sum(m)",
            "m offset 5m",
            "m[5m]",
            "m @ 1",
            "a or b",
            r#"m{a="1" or b="2"}"#,
            r#"m{a=~"("}"#,
            r#"m{a=~"{{ claims.a }}"}"#,
            r#"m{a!="{{ claims.a }}"}"#,
            r#"m{"{{ claims.a }}"="b"}"#,
            r#"m{a="{{ a }}"}"#,
            "{{ claims.metric }}",
            "m{{ claims.rest }}",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn claims_are_values_and_never_become_syntax() {
        let pattern = Pattern::parse(r#"machines_*{site="{{ claims.site }}", kind="pump"}"#).unwrap();
        assert!(pattern.needs_claims());
        let evil = r#"x"} or {a="b"#;
        let found = pattern.selectors(&claims(json!({"site": [evil, "berlin", ".*"]})), 16);
        let values: Vec<_> = found
            .iter()
            .map(|s| s.labels.iter().find(|m| m.name == "site").unwrap())
            .collect();
        assert!(values.iter().all(|matcher| matcher.op == MatchOp::Equal));
        assert_eq!(
            Vec::from_iter(values.iter().map(|m| &*m.value)),
            [".*", "berlin", evil]
        );
        assert!(pattern.selectors(&claims(json!({"site": ""})), 16).is_empty());
        assert!(pattern.selectors(&Map::new(), 16).is_empty());
    }

    #[test]
    fn a_selector_is_shown_as_it_was_written() {
        for text in [
            "*",
            "machines_*",
            "machines",
            r#"{__name__="a.b"}"#,
            r#"*{site="b"}"#,
            r#"machines_*{a!="\\d",site=~"b|c"}"#,
            r#"m{a="\"x\"",b!~"é.*"}"#,
        ] {
            assert_eq!(Pattern::parse(text).unwrap().fixed.to_string(), text);
        }
    }

    #[test]
    fn the_metric_can_be_a_claim_too() {
        let pattern = Pattern::parse(r#"{__name__="{{ claims.metric }}"}"#).unwrap();
        let found = pattern.selectors(&claims(json!({"metric": "m"})), 16);
        assert_eq!(found[0].metric.as_deref(), Some("m"));
    }
}
