//! A rule as it is written in the configuration, with the mistakes that Prometheus finds too.

use regex::RegexBuilder;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::rule::{Action, Relabel};
use crate::data::expression::with_ascii_classes;
use crate::data::pattern::from_re2;

/// What a compiled expression may take.
const REGEX_BYTES_MAX: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { source_labels = [\"host\"], regex = \"(.*):.*\", target_label = \"host\" }"
)]
struct Table {
    #[serde(default)]
    action: Action,
    source_labels: Option<Vec<String>>,
    separator: Option<String>,
    regex: Option<String>,
    modulus: Option<u64>,
    target_label: Option<String>,
    replacement: Option<String>,
}

impl<'de> Deserialize<'de> for Relabel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Table::deserialize(deserializer)?
            .checked()
            .map_err(D::Error::custom)
    }
}

impl Table {
    fn checked(self) -> Result<Relabel, String> {
        let action = self.action;
        self.check_settings()?;
        let regex = self.regex.as_deref().unwrap_or("(.*)");
        let regex = with_ascii_classes(&from_re2(regex)).and_then(|regex| {
            RegexBuilder::new(&format!("^(?s:{regex})$"))
                .size_limit(REGEX_BYTES_MAX)
                .build()
                .map_err(|error| error.to_string())
        });
        // The first line says that there is a mistake, the last one which.
        let last = |why: String| {
            let last = why.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        };
        let regex = regex.map_err(|why| format!("regex is no usable regular expression: {}", last(why)))?;
        let separator = self.separator.unwrap_or_else(|| ";".to_owned());
        if action == Action::HashMod && self.modulus.unwrap_or(0) == 0 {
            return Err("hashmod needs a modulus, 1 or more".to_owned());
        }
        Ok(Relabel {
            action,
            source_labels: self.source_labels.unwrap_or_default(),
            separator,
            regex,
            modulus: self.modulus.unwrap_or(0),
            target_label: self.target_label.unwrap_or_default(),
            replacement: self.replacement.unwrap_or_else(|| "$1".to_owned()),
        })
    }

    fn check_settings(&self) -> Result<(), String> {
        let needs_target = matches!(
            self.action,
            Action::Replace
                | Action::HashMod
                | Action::Lowercase
                | Action::Uppercase
                | Action::KeepEqual
                | Action::DropEqual
        );
        let name = format!("{:?}", self.action).to_lowercase();
        if needs_target && self.target_label.as_ref().is_none_or(String::is_empty) {
            return Err(format!("{name} needs a target_label"));
        }
        let given = [
            ("source_labels", self.source_labels.is_some()),
            ("separator", self.separator.is_some()),
            ("regex", self.regex.is_some()),
            ("modulus", self.modulus.is_some()),
            ("target_label", self.target_label.is_some()),
            ("replacement", self.replacement.is_some()),
        ];
        let known: &[&str] = match self.action {
            Action::Replace => &[
                "source_labels",
                "separator",
                "regex",
                "target_label",
                "replacement",
            ],
            Action::HashMod => &["source_labels", "separator", "modulus", "target_label"],
            Action::Keep | Action::Drop => &["source_labels", "separator", "regex"],
            Action::Lowercase | Action::Uppercase => &["source_labels", "separator", "target_label"],
            Action::KeepEqual | Action::DropEqual => &["source_labels", "target_label"],
            Action::LabelMap => &["regex", "replacement"],
            Action::LabelDrop | Action::LabelKeep => &["regex"],
        };
        match given
            .iter()
            .find(|(setting, given)| *given && !known.contains(setting))
        {
            Some((setting, _)) => Err(format!("{name} has no {setting}; it has {}", known.join(", "))),
            None => Ok(()),
        }
    }
}
