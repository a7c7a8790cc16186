//! A lookup that finds nothing ever is a mistake; so is a file that cannot be read.

use crate::data::METRIC_NAME;
use crate::transform::{LabelSource, Limits, Lookup, LookupBy, LookupFrom, LookupSettings, Mapping};

/// With what is in the files now. Tables of the database are loaded when that is there.
pub(super) fn opened(lookups: &[LookupSettings]) -> Result<Vec<Lookup>, String> {
    let opened = (1..).zip(lookups).map(|(at, settings)| {
        let lookup = Lookup::new(settings.clone());
        if let LookupFrom::File(file) = &settings.from {
            let table = lookup.read(file);
            lookup.set(table.map_err(|why| format!("lookup #{at}: {why}"))?);
        }
        Ok(lookup)
    });
    opened.collect()
}

pub(super) fn check(
    lookups: &[LookupSettings],
    mapping: &Mapping,
    limits: &Limits,
    say: &mut impl FnMut(String),
) {
    let is_all = |source: &LabelSource| matches!(source, LabelSource::All(_));
    let has_all = mapping.labels.iter().any(|label| is_all(&label.from));
    let mapped = mapping.labels.iter().map(|label| &*label.name);
    let mut known: Vec<&str> = mapped.collect();
    for (at, lookup) in (1..).zip(lookups) {
        if let LookupBy::Label(name) = &lookup.by
            && !(has_all || mapping.values.is_empty() || known.contains(&&**name))
        {
            say(format!(
                "lookup #{at}: there is no label '{name}'; to ask by a field, write field = \"{name}\""
            ));
        }
        for label in &lookup.labels {
            if let Err(error) = limits.check_label(&label.name, "") {
                say(format!("lookup #{at}: {}", error.detail));
            }
            if label.name == METRIC_NAME {
                say(format!(
                    "lookup #{at}: '{METRIC_NAME}' stands for the metric's name in selectors"
                ));
            }
            known.push(&label.name);
        }
    }
}
