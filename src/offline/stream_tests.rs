//! `streamsync test`: what becomes of the records of `[[stream.test]]`, beside what is expected.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::{Config, StreamConfig, StreamTest};
use crate::data::{Assigned, Credits, Header, Micros, OffsetRange, RawBatch, RawRecord};
use crate::telemetry::Metrics;
use crate::transform::Transform;

pub fn run(config: &Config) -> Result<()> {
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for stream in &config.streams {
        for test in &stream.tests {
            match compare(stream, test)? {
                None => passed += 1,
                Some(difference) => {
                    failed += 1;
                    println!("FAILED {} / {}\n{difference}", stream.name, test.name);
                }
            }
        }
    }
    match (passed, failed) {
        (0, 0) => bail!("no stream of the configuration has a [[stream.test]]"),
        (_, 0) => println!("{passed} passed"),
        _ => bail!("{passed} passed, {failed} failed"),
    }
    Ok(())
}

/// Line by line what is missing (-), and what is there instead (+); nothing if they are equal.
pub fn compare(stream: &StreamConfig, test: &StreamTest) -> Result<Option<String>> {
    let wanted = match &test.dead_letter {
        Some(reason) => vec![format!("dead letter {reason}")],
        None => test.points.iter().map(|line| as_shown(line)).collect(),
    };
    let found = outcome(stream, test)?;
    let is_same = |found: &String, wanted: &String| match test.dead_letter.is_some() {
        true => found.split(": ").next() == Some(wanted),
        false => found == wanted,
    };
    if found.len() == wanted.len()
        && found
            .iter()
            .zip(&wanted)
            .all(|(found, wanted)| is_same(found, wanted))
    {
        return Ok(None);
    }
    let mut difference = String::new();
    for line in wanted.iter().filter(|line| !found.contains(line)) {
        writeln!(difference, "  - {line}")?;
    }
    for line in &found {
        let sign = if wanted.contains(line) { ' ' } else { '+' };
        writeln!(difference, "  {sign} {line}")?;
    }
    Ok(Some(difference))
}

/// The points as `series value time`, or the dead letter with its reason.
fn outcome(stream: &StreamConfig, test: &StreamTest) -> Result<Vec<String>> {
    let payload = match (&test.input, &test.input_base64) {
        (Some(text), None) => text.clone().into_bytes(),
        (None, Some(text)) => STANDARD.decode(text)?,
        _ => bail!(
            "{} / {}: a test has either input or input_base64",
            stream.name,
            test.name
        ),
    };
    let batch = Transform::new([stream.plan()]).apply(record(stream, test, &payload)?, &Metrics::default());
    let dead = batch
        .rejected
        .iter()
        .map(|dead| format!("dead letter {}: {}", dead.reason, dead.detail));
    let points = batch.points.iter().map(|point| {
        let key = &batch.series[point.series as usize].key;
        format!("{key} {} {}", point.value, point.ts)
    });
    Ok(dead.chain(points).collect())
}

/// A point with its time as it is printed.
fn as_shown(line: &str) -> String {
    let parts = line.trim().rsplit_once(' ');
    match parts.and_then(|(point, time)| Some((point, Micros::from_rfc3339(time)?))) {
        Some((point, time)) => format!("{point} {time}"),
        None => line.trim().to_owned(),
    }
}

/// Kafka's timestamp of the record; unless it is set, that of the first point expected.
fn recorded(test: &StreamTest) -> Micros {
    let expected = test.points.first().and_then(|line| line.trim().rsplit_once(' '));
    let expected = expected.and_then(|(_, time)| Micros::from_rfc3339(time));
    test.time.or(expected).unwrap_or_else(Micros::now)
}

fn record(stream: &StreamConfig, test: &StreamTest, payload: &[u8]) -> Result<RawBatch> {
    let of = Assigned {
        partition_id: 0,
        owner_epoch: 0,
        stream: Arc::from(stream.name.as_str()),
        topic: Arc::from(stream.topic()),
        partition: 0,
        redrive: false,
    };
    let key = test.key.as_deref().unwrap_or_default().as_bytes();
    let arena = [key, payload].concat();
    let end = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let header = |(name, value): (&String, &String)| Header {
        name: name.clone(),
        value: value.clone().into_bytes(),
    };
    let credits = Credits::new(arena.len());
    Ok(RawBatch {
        ranges: vec![OffsetRange {
            of: Arc::new(of),
            from: 0,
            to: 1,
            leader_epoch: None,
        }],
        records: vec![RawRecord {
            range: 0,
            offset: 0,
            timestamp: recorded(test),
            key: test.key.as_ref().map(|_| 0..end(key.len())),
            payload: Some(end(key.len())..end(arena.len())),
            headers: test.headers.iter().map(header).collect(),
        }],
        permit: credits.acquire(1, Duration::ZERO).context("no memory")?,
        arena,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    const EXAMPLES: &str = include_str!("../../docs/streams.md");

    fn config(text: &str) -> Config {
        Config::from_text(text, &Overrides::default()).unwrap_or_else(|error| panic!("{text}\n{error:#}"))
    }

    #[test]
    fn every_example_of_the_documentation_gives_what_it_says() {
        let blocks = EXAMPLES.split("```toml\n").skip(1);
        let mut tests = 0;
        for block in blocks.filter_map(|block| block.split("```").next()) {
            for stream in config(block).streams {
                for test in &stream.tests {
                    let difference = compare(&stream, test).unwrap();
                    assert_eq!(
                        difference,
                        None,
                        "{} / {}\n{}",
                        stream.name,
                        test.name,
                        difference.clone().unwrap_or_default()
                    );
                    tests += 1;
                }
            }
        }
        assert!(tests > 10, "{tests}");
    }

    #[test]
    fn a_test_that_fails_shows_what_is_missing_and_what_is_there_instead() {
        let text = "[[stream]]\nname = \"m\"\nvalues = [\"t\", \"v\"]\n[[stream.test]]\nname = \"one\"\n\
                    input = '{\"ts\": \"2026-11-28T17:44:05Z\", \"t\": 1, \"v\": 2}'\n\
                    points = [\"m_t{} 1 2026-11-28T17:44:05Z\", \"m_v{} 3 2026-11-28T17:44:05Z\"]";
        let mut stream = config(text).streams.remove(0);
        let mut test = stream.tests.remove(0);
        let shown = compare(&stream, &test).unwrap().unwrap();
        let lines = [
            "  - m_v{} 3 2026-11-28T17:44:05.000000Z",
            "    m_t{} 1 2026-11-28T17:44:05.000000Z",
            "  + m_v{} 2 2026-11-28T17:44:05.000000Z",
            "",
        ];
        assert_eq!(shown, lines.join("\n"));
        test.dead_letter = Some("missing_field".to_owned());
        assert!(
            compare(&stream, &test)
                .unwrap()
                .unwrap()
                .starts_with("  - dead letter missing_field\n  + m_t")
        );
        test.input = Some("{}".to_owned());
        assert_eq!(compare(&stream, &test).unwrap(), None);
    }
}
