//! Texts with places for claims, such as `site-{{ claims.site }}`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const CLAIMS: &str = "claims.";
/// No claim that is filled in is longer.
const CLAIM_MAX: usize = 1_024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Claim(String),
}

/// One value for each claim.
pub type Values<'c> = BTreeMap<&'c str, String>;

/// Whether the text is more than fixed words.
pub fn has_place(text: &str) -> bool {
    text.contains(OPEN)
}

/// In how many places the text has claims, or what looks like it.
pub fn places(text: &str) -> usize {
    text.matches(OPEN).count()
}

impl Template {
    /// # Errors
    /// A place that is not closed or names no claim.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once(OPEN) {
            let (place, after) = after
                .split_once(CLOSE)
                .ok_or_else(|| format!("'{text}': '{OPEN}' is not closed"))?;
            let claim = place.trim().strip_prefix(CLAIMS).filter(|name| is_name(name));
            let claim = claim.ok_or_else(|| {
                format!("'{text}': write {OPEN} claims.name {CLOSE}, with the name of a claim")
            })?;
            parts.extend((!before.is_empty()).then(|| Part::Text(before.to_owned())));
            parts.push(Part::Claim(claim.to_owned()));
            rest = after;
        }
        parts.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
        Ok(Self(parts))
    }

    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Claim(name) => Some(name.as_str()),
        })
    }

    /// `None` where a claim has no value.
    pub fn fill(&self, values: &Values<'_>) -> Option<String> {
        let mut text = String::new();
        for part in &self.0 {
            text.push_str(match part {
                Part::Text(fixed) => fixed,
                Part::Claim(name) => values.get(name.as_str())?,
            });
        }
        Some(text)
    }

    /// The text with each of the values that its claims have, at most a hundred.
    pub fn fill_all(&self, claims: &Map<String, Value>) -> Vec<String> {
        const MOST: usize = 100;
        let ways = ways(&self.claims().collect(), claims, MOST);
        ways.iter().filter_map(|way| self.fill(way)).collect()
    }

    /// The text, where every claim has exactly one value.
    pub fn fill_one(&self, claims: &Map<String, Value>) -> Option<String> {
        let mut values = Values::new();
        for name in self.claims() {
            let [value] = <[String; 1]>::try_from(values_of(claims, name)).ok()?;
            values.insert(name, value);
        }
        self.fill(&values)
    }
}

/// Each way to give every claim one of its values; none where a claim is missing. More than `most` are
/// not made: the answer then has one more.
pub fn ways<'n>(names: &BTreeSet<&'n str>, claims: &Map<String, Value>, most: usize) -> Vec<Values<'n>> {
    let mut ways = vec![Values::new()];
    for name in names {
        let values = values_of(claims, name);
        let longer = ways.iter().flat_map(|way| {
            values.iter().map(move |value| {
                let mut way = way.clone();
                way.insert(*name, value.clone());
                way
            })
        });
        ways = longer.take(most + 1).collect();
    }
    ways
}

/// The claim's value, or those of a list. An empty text is no value: it would select the series that
/// lack the label.
fn values_of(claims: &Map<String, Value>, name: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let usable = |text: &String| !text.is_empty() && text.len() <= CLAIM_MAX;
    let found = match claims.get(name) {
        Some(whole) => Some(whole),
        None => within(claims, name),
    };
    let values: BTreeSet<String> = match found {
        Some(Value::Array(all)) => all.iter().filter_map(text).filter(usable).collect(),
        Some(one) => text(one).into_iter().filter(usable).collect(),
        None => BTreeSet::new(),
    };
    values.into_iter().collect()
}

/// `a.b` is the claim `b` of the object `a`.
fn within<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    let (first, rest) = name.split_once('.')?;
    let inner = claims.get(first)?.as_object()?;
    inner.get(rest).or_else(|| within(inner, rest))
}

fn is_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
    !name.is_empty() && name.chars().all(legal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_place_takes_the_one_value_of_its_claim() {
        let claims = claims(json!({
            "site": "berlin", "n": 7, "on": true, "list": ["a"], "two": ["a", "b"], "empty": "", "none": null,
            "realm": {"role": "reader"}, "https://example.org/tenant": "t", "long": "x".repeat(CLAIM_MAX + 1),
        }));
        for (text, filled) in [
            ("fixed", Some("fixed")),
            ("", Some("")),
            ("{{claims.site}}", Some("berlin")),
            (
                "a-{{ claims.site }}-{{ claims.n }}{{ claims.on }}",
                Some("a-berlin-7true"),
            ),
            ("{{ claims.list }}", Some("a")),
            ("{{ claims.realm.role }}", Some("reader")),
            ("{{ claims.https://example.org/tenant }}", Some("t")),
            ("{{ claims.two }}", None),
            ("x{{ claims.empty }}", None),
            ("{{ claims.none }}", None),
            ("{{ claims.realm }}", None),
            ("{{ claims.long }}", None),
            ("{{ claims.nowhere }}", None),
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(template.fill_one(&claims).as_deref(), filled, "{text}");
        }
    }

    #[test]
    fn what_is_no_place_for_a_claim_is_refused() {
        for text in [
            "{{",
            "{{ claims.a",
            "{{ site }}",
            "{{ claims. }}",
            "{{ claims.a b }}",
            "{{}}",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_are_combined_up_to_a_bound() {
        let claims = claims(json!({"a": ["1", "2", "1"], "b": ["x", "y"], "many": Vec::from_iter(0..1_000)}));
        let count = |names: &[&'static str]| ways(&names.iter().copied().collect(), &claims, 16).len();
        assert_eq!(count(&[]), 1);
        assert_eq!(count(&["a", "b"]), 4);
        assert_eq!(count(&["a", "gone"]), 0);
        assert_eq!(count(&["many", "a"]), 17);
    }
}
