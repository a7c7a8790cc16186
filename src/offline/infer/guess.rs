//! A mapping for a sample: of the ways to look into its records the one that gives most points.

use super::fields::{Field, Fields, survey};
use super::guessed::{Guess, Line};
use super::metric;
use super::names;
use super::roles::{self, Role};
use super::sample::{Sample, format_name};
use super::shells;
use crate::data::TimeUnit;
use crate::decode::Format;
use crate::offline::words::{count, counted};
use crate::transform::{Envelope, Mapping, TimeField, TimeSource};

/// The guess, and the sample as it is to be read.
///
/// # Errors
/// What the fields hold, if none of them is a number.
pub fn guess(sample: &mut Sample) -> Result<Guess, String> {
    let envelope = shells::envelope(sample);
    let mut mapping = Mapping {
        envelope: envelope.as_ref().map(|line| line.item),
        ..Mapping::default()
    };
    if let Some(names_all) = shells::that_name_all(sample, envelope.clone()) {
        return Ok(names_all);
    }
    let mut whole = survey(sample, &mapping);
    let null = roles::nulls(&whole);
    if sample.format == Format::Csv && !null.is_empty() {
        sample.csv.null.clone_from(&null);
        whole = survey(sample, &mapping);
    }
    let mut best = of_fields(&whole, mapping.envelope, false);
    let without = best.points;
    for array in &whole.arrays {
        mapping.each = Some(array.clone());
        let inside = survey(sample, &mapping);
        let mut guess = of_fields(&inside, mapping.envelope, true);
        if guess.points > best.points {
            let (objects, records, points) = (inside.objects, sample.records.len(), guess.points);
            let why = format!(
                "{} in {}, {}; without it {}",
                counted(objects, "object"),
                counted(records, "record"),
                counted(points, "point"),
                count(without)
            );
            guess.each = Some(Line::new(array.clone(), why));
            best = guess;
        }
    }
    if best.points == 0 {
        return Err(no_numbers(sample, &whole));
    }
    if let Some(Line { item: each, .. }) = &best.each {
        best.left_out.retain(|(field, _)| !is_part(field, each));
    }
    for array in &whole.arrays {
        let is_used = best.each.as_ref().is_some_and(|each| is_part(array, &each.item));
        if !is_used {
            let why = "an array of objects; another stream may read it with `each`".to_owned();
            best.left_out.retain(|(field, _)| field != array);
            best.left_out.push((array.clone(), why));
        }
    }
    best.envelope = envelope;
    best.null = null;
    Ok(best)
}

/// Whether the names of a path follow each other in another one.
fn is_part(path: &str, of: &str) -> bool {
    format!(".{of}.").contains(&format!(".{path}."))
}

fn of_fields(fields: &Fields, envelope: Option<Envelope>, is_each: bool) -> Guess {
    let mut guess = Guess::default();
    let time = time(fields, envelope);
    let used = time
        .as_ref()
        .map(|line| line.item.field.clone())
        .unwrap_or_default();
    guess.time = Some(time.unwrap_or_else(|| {
        let from_kafka = TimeField {
            from: Some(TimeSource::Kafka),
            ..TimeField::default()
        };
        let why = "no field looks like a time, so points have that of their Kafka record";
        Line::new(from_kafka, why)
    }));
    let mut labels: Vec<&Field> = Vec::new();
    let mut names = roles::Names::default();
    for whole in roles::whole_objects(fields, envelope) {
        match whole {
            roles::Whole::Values(line, points) => {
                guess.points += points;
                guess.values.push(line);
            }
            roles::Whole::Labels(line) => guess.labels.push(line),
        }
    }
    let all: Vec<String> = roles::all_of(&guess.values, &guess.labels);
    for field in &fields.fields {
        let is_in = |object: &String| {
            field
                .path
                .strip_prefix(object.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        };
        if field.path == used || all.iter().any(is_in) {
            continue;
        }
        match roles::role(field, fields, envelope, is_each) {
            Role::Value(value, why) => match names.value(value) {
                Ok(value) => {
                    guess.points += field.numeric().max(field.seen.min(field.texts));
                    guess.values.push(Line::new(value, why));
                }
                Err(why) => guess.left_out.push((field.path.clone(), why)),
            },
            Role::Label => labels.push(field),
            Role::Out(why) => guess.left_out.push((field.path.clone(), why)),
            Role::Nothing => {}
        }
    }
    if let Some(found) = metric::of(&labels, &guess.values) {
        labels.retain(|field| field.path != found.item.field);
        guess.metric = Some(found);
    }
    for field in labels {
        if names::is_unit(&field.path) && guess.values.len() > 1 {
            let why = "the unit of one of several values".to_owned();
            guess.left_out.push((field.path.clone(), why));
            continue;
        }
        match names.label(field) {
            Ok(label) => guess
                .labels
                .push(Line::new(label, roles::texts(field, fields.objects))),
            Err(why) => guess.left_out.push((field.path.clone(), why)),
        }
    }
    if fields.is_cut {
        guess
            .left_out
            .push(("…".to_owned(), "more fields than are looked at".to_owned()));
    }
    guess
}

/// The field that most speaks for being the time of an object.
fn time(fields: &Fields, envelope: Option<Envelope>) -> Option<Line<TimeField>> {
    let mut best: Option<(_, Line<TimeField>)> = None;
    for field in &fields.fields {
        let Some(found) = field.times.best() else { continue };
        if field.is_outer && !shells::is_time_around(envelope, &field.path) {
            continue;
        }
        let is_text = field.texts > 0 && found.as_time.unit.is_none();
        let is_large = !matches!(found.as_time.unit, None | Some(TimeUnit::S)) && !names::is_id(&field.path);
        let rank = match names::time(&field.path) {
            0 if is_text => 1,
            0 if is_large => 0,
            0 => continue,
            rank => rank,
        };
        let is_everywhere = field.seen * 20 >= fields.objects * 19;
        let depth = field.path.matches('.').count();
        let score = (is_everywhere, rank, !field.is_outer, usize::MAX - depth);
        if best.as_ref().is_some_and(|(most, _)| *most >= score) {
            continue;
        }
        let mut as_time = found.as_time.clone();
        as_time.field.clone_from(&field.path);
        if field.seen < fields.objects {
            as_time.on_missing = Some(TimeSource::Kafka);
        }
        let mut why = roles::numbers(field, fields.objects);
        if let Some(unit) = as_time.unit {
            why = format!("{why}, as {} in this century", unit.name());
        }
        if found.zone_is_guessed {
            why.push_str("; the zone is a guess: no text says one");
        }
        if found.is_ambiguous {
            why.push_str("; day and month may be the other way round: no day is beyond 12");
        }
        best = Some((score, Line::new(as_time, why)));
    }
    best.map(|(_, line)| line)
}

fn no_numbers(sample: &Sample, fields: &Fields) -> String {
    const SHOWN: usize = 20;
    let shown = fields
        .fields
        .iter()
        .filter(|field| field.objects == 0)
        .take(SHOWN);
    let shown: Vec<String> = shown
        .map(|field| match field.example() {
            "" => field.path.clone(),
            example => format!("{} ('{example}')", field.path),
        })
        .collect();
    format!(
        "no field of the sample holds numbers that may be values, so there would be no points; read as {}, it has: {}",
        format_name(sample.format),
        shown.join(", ")
    )
}
