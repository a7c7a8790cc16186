//! Dead letters as Kafka records again: key, time, payload and headers unchanged, and three headers
//! that identify the dead letter for the writer.

use std::collections::BTreeSet;

use super::errors::Code;
use crate::data::Header;
use crate::data::headers;
use crate::store::read::DeadLetter;
use crate::write::Record;

/// What is sent, and what is not and why.
#[derive(Debug, Default)]
pub struct Plan {
    pub records: Vec<Record>,
    /// The dead letter of each record.
    pub sent: Vec<i64>,
    pub skipped: Vec<(i64, Skipped)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    #[error("no dead letter has this id")]
    NotFound,
    #[error("an earlier redrive has stored it")]
    AlreadyResolved,
    #[error("not all of its payload was kept")]
    PayloadTruncated,
    #[error("its stream is no longer configured")]
    UnknownStream,
}

impl Skipped {
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotFound => Code::NotFound.as_str(),
            Self::AlreadyResolved => "ALREADY_RESOLVED",
            Self::PayloadTruncated => Code::PayloadTruncated.as_str(),
            Self::UnknownStream => "UNKNOWN_STREAM",
        }
    }
}

/// `letters` are the existing ones of `ids`; `topic` is the redrive topic of a stream.
pub fn plan<'a>(
    ids: &BTreeSet<i64>,
    letters: Vec<DeadLetter>,
    topic: impl Fn(&str) -> Option<&'a str>,
) -> Plan {
    let mut plan = Plan::default();
    let found: BTreeSet<i64> = letters.iter().map(|letter| letter.id).collect();
    for id in ids.difference(&found) {
        plan.skipped.push((*id, Skipped::NotFound));
    }
    for letter in letters {
        let id = letter.id;
        match record(letter, &topic) {
            Ok(record) => {
                plan.records.push(record);
                plan.sent.push(id);
            }
            Err(why) => plan.skipped.push((id, why)),
        }
    }
    plan
}

fn record<'a>(letter: DeadLetter, topic: &impl Fn(&str) -> Option<&'a str>) -> Result<Record, Skipped> {
    if letter.resolved_at.is_some() {
        return Err(Skipped::AlreadyResolved);
    }
    if letter.truncated() {
        return Err(Skipped::PayloadTruncated);
    }
    let topic = topic(&letter.stream).ok_or(Skipped::UnknownStream)?;
    let ours = [headers::DEAD_LETTER, headers::ATTEMPT, headers::ORIGIN];
    let origin = format!("{}/{}/{}", letter.topic, letter.partition, letter.offset);
    let attempt = letter.attempts.saturating_add(1);
    let mut headers = letter.headers;
    // A record of another producer may have our headers; they would name another dead letter.
    headers.retain(|header| !ours.contains(&header.name.as_str()));
    headers.extend([
        header(headers::DEAD_LETTER, letter.id.to_string()),
        header(headers::ATTEMPT, attempt.to_string()),
        header(headers::ORIGIN, origin),
    ]);
    Ok(Record {
        topic: topic.into(),
        key: letter.key,
        payload: letter.payload,
        timestamp: Some(letter.recorded_at),
        headers: headers.into(),
    })
}

fn header(name: &str, value: String) -> Header {
    Header {
        name: name.to_owned(),
        value: value.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Micros;

    fn letter(id: i64) -> DeadLetter {
        DeadLetter {
            id,
            stream: "machines".to_owned(),
            reason: "not_json".to_owned(),
            detail: String::new(),
            element: None,
            topic: "t".to_owned(),
            partition: 3,
            offset: 42,
            recorded_at: Micros(5_000),
            key: Some(b"k".to_vec()),
            payload: Some(b"{".to_vec()),
            payload_size: 1,
            headers: vec![
                header(headers::DEAD_LETTER, "forged".to_owned()),
                header("own", "1".to_owned()),
            ],
            attempts: 2,
            last_failed_at: Micros(0),
            resolved_at: None,
        }
    }

    #[test]
    fn a_letter_goes_out_as_it_came_with_its_id_attempt_and_origin() {
        let plan = plan(&BTreeSet::from([7]), vec![letter(7)], |_| Some("again"));
        assert_eq!(
            plan.records,
            [Record {
                topic: "again".into(),
                key: Some(b"k".to_vec()),
                payload: Some(b"{".to_vec()),
                timestamp: Some(Micros(5_000)),
                headers: [
                    header("own", "1".to_owned()),
                    header(headers::DEAD_LETTER, "7".to_owned()),
                    header(headers::ATTEMPT, "3".to_owned()),
                    header(headers::ORIGIN, "t/3/42".to_owned()),
                ]
                .into(),
            }]
        );
        assert_eq!(plan.sent, [7]);
    }

    #[test]
    fn what_cannot_be_sent_is_named_with_its_reason() {
        let resolved = DeadLetter {
            resolved_at: Some(Micros(1)),
            ..letter(1)
        };
        let cut = DeadLetter {
            payload_size: 100_000,
            ..letter(2)
        };
        let foreign = DeadLetter {
            stream: "gone".to_owned(),
            ..letter(3)
        };
        let letters = vec![resolved, cut, foreign];
        let plan = plan(&BTreeSet::from([1, 2, 3, 4]), letters, |stream| {
            (stream == "machines").then_some("again")
        });
        assert!(plan.records.is_empty());
        assert_eq!(
            plan.skipped,
            [
                (4, Skipped::NotFound),
                (1, Skipped::AlreadyResolved),
                (2, Skipped::PayloadTruncated),
                (3, Skipped::UnknownStream),
            ]
        );
    }
}
