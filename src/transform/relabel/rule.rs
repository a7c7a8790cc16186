//! One rule, and what it does to metric and labels. The same as `relabel_config` of Prometheus.

use std::borrow::Cow;

use md5::{Digest, Md5};
use regex::Regex;
use serde::Deserialize;

use crate::data::METRIC_NAME;

/// One step, with the names and defaults of Prometheus.
#[derive(Clone, Debug)]
pub struct Relabel {
    pub(super) action: Action,
    pub(super) source_labels: Vec<String>,
    pub(super) separator: String,
    /// Matches a whole text.
    pub(super) regex: Regex,
    pub(super) modulus: u64,
    pub(super) target_label: String,
    pub(super) replacement: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    #[default]
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

impl PartialEq for Relabel {
    fn eq(&self, other: &Self) -> bool {
        let words = |rule: &Self| {
            (
                rule.action,
                rule.source_labels.clone(),
                rule.separator.clone(),
                rule.regex.as_str().to_owned(),
                rule.modulus,
                rule.target_label.clone(),
                rule.replacement.clone(),
            )
        };
        words(self) == words(other)
    }
}

/// Labels by their names, each once, the metric among them.
struct Working<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Working<'a> {
    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// An empty value is no label.
    fn set(&mut self, name: &str, value: Cow<'a, str>) {
        if value.is_empty() {
            return self.0.retain(|(known, _)| known != name);
        }
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((Cow::Owned(name.to_owned()), value)),
        }
    }
}

/// Metric and labels, sorted by name.
pub(super) type Made<'a> = (Cow<'a, str>, Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// What the rules make of a series; `None` if one drops it. Labels that begin with `__` are gone in the
/// end.
pub(super) fn apply<'a>(
    rules: &[Relabel],
    metric: &'a str,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<Made<'a>> {
    let metric = (Cow::Borrowed(METRIC_NAME), Cow::Borrowed(metric));
    let labels = labels.map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value)));
    let mut working = Working([metric].into_iter().chain(labels).collect());
    if !rules.iter().all(|rule| rule.step(&mut working)) {
        return None;
    }
    let mut labels = working.0;
    let metric = labels.iter().position(|(name, _)| name == METRIC_NAME);
    let metric = metric.map_or(Cow::Borrowed(""), |at| labels.swap_remove(at).1);
    labels.retain(|(name, _)| !name.starts_with("__"));
    labels.sort_by(|(a, _), (b, _)| a.cmp(b));
    Some((metric, labels))
}

impl Relabel {
    /// False if the series is dropped.
    fn step(&self, labels: &mut Working<'_>) -> bool {
        let source = self.source_labels.iter().map(|name| labels.get(name));
        let text = source.collect::<Vec<_>>().join(&self.separator);
        let target = &self.target_label;
        match self.action {
            Action::Keep => return self.regex.is_match(&text),
            Action::Drop => return !self.regex.is_match(&text),
            Action::KeepEqual => return labels.get(target) == text,
            Action::DropEqual => return labels.get(target) != text,
            Action::Replace => self.replace(&text, labels),
            Action::HashMod => labels.set(target, hash_mod(&text, self.modulus).to_string().into()),
            Action::Lowercase => labels.set(target, text.to_lowercase().into()),
            Action::Uppercase => labels.set(target, text.to_uppercase().into()),
            Action::LabelDrop => labels.0.retain(|(name, _)| !self.regex.is_match(name)),
            Action::LabelKeep => labels.0.retain(|(name, _)| self.regex.is_match(name)),
            Action::LabelMap => {
                for (name, value) in labels.0.clone() {
                    let name = self.expand(&name, &self.replacement);
                    if let Some(name) = name.filter(|name| !name.is_empty()) {
                        labels.set(&name, value);
                    }
                }
            }
        }
        true
    }

    fn replace(&self, text: &str, labels: &mut Working<'_>) {
        let Some(target) = self.expand(text, &self.target_label) else {
            return;
        };
        if let Some(value) = self
            .expand(text, &self.replacement)
            .filter(|_| !target.is_empty())
        {
            labels.set(&target, value.into());
        }
    }

    /// The template with what the groups of the expression matched; `None` if it does not match.
    fn expand(&self, text: &str, template: &str) -> Option<String> {
        let found = self.regex.captures(text)?;
        let mut out = String::new();
        found.expand(template, &mut out);
        Some(out)
    }
}

/// Prometheus takes the last eight bytes of MD5.
fn hash_mod(text: &str, modulus: u64) -> u64 {
    let hash: [u8; 16] = Md5::digest(text).into();
    let last = hash[8..].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    last % modulus.max(1)
}

#[cfg(test)]
mod tests;
