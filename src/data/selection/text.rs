//! A selector as Prometheus writes it, with `*` behind the beginning of a metric's name.

use std::fmt;

use super::{LabelMatcher, METRIC_NAME, MatchOp, Selector};

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_prefix =
            |m: &&LabelMatcher| m.name == METRIC_NAME && m.op == MatchOp::StartsWith && is_metric(&m.value);
        let prefix = self
            .labels
            .iter()
            .find(is_prefix)
            .filter(|_| self.metric.is_none());
        let mut conditions = Vec::new();
        match (&self.metric, prefix) {
            (Some(metric), _) if is_metric(metric) => f.write_str(metric)?,
            (Some(metric), _) => conditions.push(format!("{METRIC_NAME}={metric:?}")),
            (None, Some(prefix)) => write!(f, "{}*", prefix.value)?,
            (None, None) => f.write_str("*")?,
        }
        let others = self
            .labels
            .iter()
            .filter(|m| prefix.is_none_or(|prefix| *m != prefix));
        conditions.extend(others.map(condition));
        match conditions.is_empty() {
            true => Ok(()),
            false => write!(f, "{{{}}}", conditions.join(",")),
        }
    }
}

fn condition(matcher: &LabelMatcher) -> String {
    let sign = match matcher.op {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Matches => "=~",
        MatchOp::NotMatches => "!~",
        // No text of a selector has it but for a metric.
        MatchOp::StartsWith => "^=",
    };
    format!("{}{sign}{:?}", matcher.name, matcher.value)
}

fn is_metric(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    !name.is_empty() && name.chars().all(legal) && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_written_as_prometheus_does() {
        use MatchOp::{Equal, Matches, NotEqual, NotMatches, StartsWith};
        for (metric, labels, text) in [
            (None, &[][..], "*"),
            (Some("m"), &[], "m"),
            (Some("a.b"), &[], r#"{__name__="a.b"}"#),
            (
                Some("m"),
                &[("a", Equal, "\"x\\"), ("b", NotMatches, "1.*")],
                r#"m{a="\"x\\",b!~"1.*"}"#,
            ),
            (
                None,
                &[(METRIC_NAME, StartsWith, "m_"), ("a", NotEqual, "x")],
                r#"m_*{a!="x"}"#,
            ),
            (None, &[("a", Matches, "x")], r#"*{a=~"x"}"#),
        ] {
            assert_eq!(Selector::of(metric, labels).to_string(), text);
        }
    }
}
