//! `streamsync test`: what becomes of the records of `[[stream.test]]`, beside what is expected.

use std::fmt::Write;
use std::sync::Arc;

use anyhow::{Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::outcome::became;
use crate::config::{Config, StreamConfig, StreamTest};
use crate::data::{Header, LoneRecord, Micros};
use crate::decode::registry::SchemaRegistry;
use crate::inspect::Inspector;

pub async fn run(config: &Config) -> Result<()> {
    let registry = config.registry().map_err(anyhow::Error::msg)?;
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for stream in &config.streams {
        for test in &stream.tests {
            match compare(stream, test, registry.as_ref()).await? {
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
pub async fn compare(
    stream: &StreamConfig,
    test: &StreamTest,
    registry: Option<&Arc<SchemaRegistry>>,
) -> Result<Option<String>> {
    let wanted = match &test.dead_letter {
        Some(reason) => vec![format!("dead letter {reason}")],
        None => test.points.iter().map(|line| as_shown(line)).collect(),
    };
    let found = outcome(stream, test, registry).await?;
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
async fn outcome(
    stream: &StreamConfig,
    test: &StreamTest,
    registry: Option<&Arc<SchemaRegistry>>,
) -> Result<Vec<String>> {
    let payload = match (&test.input, &test.input_base64) {
        (Some(text), None) => text.clone().into_bytes(),
        (None, Some(text)) => STANDARD.decode(text)?,
        _ => bail!(
            "{} / {}: a test has either input or input_base64",
            stream.name,
            test.name
        ),
    };
    let header = |(name, value): (&String, &String)| Header {
        name: name.clone(),
        value: value.clone().into_bytes(),
    };
    let record = LoneRecord {
        timestamp: recorded(test),
        key: test.key.as_ref().map(|key| key.clone().into_bytes()),
        payload: Some(payload),
        headers: test.headers.iter().map(header).collect(),
        ..LoneRecord::default()
    };
    let plan = stream.plan(registry).map_err(anyhow::Error::msg)?;
    let name = Arc::clone(&plan.name);
    let mut inspector = Inspector::new([plan], registry.cloned());
    let inspected = inspector.inspect(&name, record).await;
    Ok(became(&inspected.map_err(anyhow::Error::msg)?))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    const PAGES: [&str; 3] = [
        include_str!("../../README.md"),
        include_str!("../../docs/streams.md"),
        include_str!("../../docs/migrating.md"),
    ];

    fn config(text: &str) -> Config {
        Config::from_text(text, &Overrides::default()).unwrap_or_else(|error| panic!("{text}\n{error:#}"))
    }

    #[actix_web::test]
    async fn every_example_of_the_documentation_gives_what_it_says() {
        let blocks = PAGES.into_iter().flat_map(|page| page.split("```toml\n").skip(1));
        let blocks = blocks.filter_map(|block| block.split("```").next());
        let mut tests = 0;
        // The others are configurations of other programs.
        let runs = |block: &&str| cfg!(feature = "vrl") || !block.contains("\ntransform = ");
        for block in blocks.filter(|block| block.contains("[[stream]]")).filter(runs) {
            let example = config(block);
            let registry = example.registry().unwrap();
            for stream in example.streams {
                for test in &stream.tests {
                    let difference = compare(&stream, test, registry.as_ref()).await.unwrap();
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

    #[actix_web::test]
    async fn a_test_that_fails_shows_what_is_missing_and_what_is_there_instead() {
        let text = "[[stream]]\nname = \"m\"\nvalues = [\"t\", \"v\"]\n[[stream.test]]\nname = \"one\"\n\
                    input = '{\"ts\": \"2026-11-28T17:44:05Z\", \"t\": 1, \"v\": 2}'\n\
                    points = [\"m_t{} 1 2026-11-28T17:44:05Z\", \"m_v{} 3 2026-11-28T17:44:05Z\"]";
        let mut stream = config(text).streams.remove(0);
        let mut test = stream.tests.remove(0);
        let shown = compare(&stream, &test, None).await.unwrap().unwrap();
        let lines = [
            "  - m_v{} 3 2026-11-28T17:44:05.000000Z",
            "    m_t{} 1 2026-11-28T17:44:05.000000Z",
            "  + m_v{} 2 2026-11-28T17:44:05.000000Z",
            "",
        ];
        assert_eq!(shown, lines.join("\n"));
        test.dead_letter = Some("missing_field".to_owned());
        assert!(
            compare(&stream, &test, None)
                .await
                .unwrap()
                .unwrap()
                .starts_with("  - dead letter missing_field\n  + m_t")
        );
        test.input = Some("{}".to_owned());
        assert_eq!(compare(&stream, &test, None).await.unwrap(), None);
    }
}
