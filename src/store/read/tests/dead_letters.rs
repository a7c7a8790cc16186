//! Dead letters: newest first, filtered, whole enough to send again.

use super::super::DeadLetterFilter;
use super::*;

async fn world_with_dead_letters() -> World {
    let world = World::new().await;
    world
        .db
        .run(
            r#"insert into dead_letters
               (stream, reason, detail, topic, topic_id, partition, "offset", recorded_at, key,
                payload, payload_size, headers, resolved_at)
               select 's', 'not_json', 'd', case when n % 2 = 0 then 'even' else 'odd' end, 'id', 0, n,
                      timestamptz 'epoch', 'k', '{', case when n = 3 then 70000 else 1 end,
                      '[["trace", "AQL/"], ["trace", ""], ["bad", 1]]',
                      case when n = 4 then now() end
               from generate_series(1, 9) n"#,
        )
        .await;
    world
}

#[tokio::test]
async fn pages_show_each_open_letter_once_newest_first() {
    let world = world_with_dead_letters().await;
    let ids = async |filter: DeadLetterFilter, first| {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = world
                .reader
                .dead_letters(&Streams::All, &filter, after, first)
                .await
                .unwrap();
            seen.extend(page.rows.iter().map(|letter| letter.id));
            after = seen.last().copied();
            if !page.more {
                return seen;
            }
        }
    };
    assert_eq!(
        ids(DeadLetterFilter::default(), 3).await,
        [9, 8, 7, 6, 5, 3, 2, 1]
    );
    let even = DeadLetterFilter {
        topic: Some("even".to_owned()),
        resolved_too: true,
        ..DeadLetterFilter::default()
    };
    assert_eq!(ids(even, 2).await, [8, 6, 4, 2]);
    let unknown = DeadLetterFilter {
        topic: Some("nul\0".to_owned()),
        ..DeadLetterFilter::default()
    };
    assert!(ids(unknown, 2).await.is_empty());
}

#[tokio::test]
async fn letters_are_found_by_stream_and_reason_and_counted_by_both_most_first() {
    let world = world_with_dead_letters().await;
    world
        .db
        .run(
            r#"insert into dead_letters
               (stream, reason, detail, topic, topic_id, partition, "offset", recorded_at, payload_size,
                headers, last_failed_at)
               select case when n % 3 = 0 then 's' else 'other' end, 'too_old', 'd', 'even', 'id', 1, n,
                      timestamptz 'epoch', 0, '[]', timestamptz 'epoch' + n * interval '1 s'
               from generate_series(1, 6) n"#,
        )
        .await;
    let ids = async |stream: Option<&str>, reason: Option<&str>| -> Vec<i64> {
        let filter = DeadLetterFilter {
            stream: stream.map(str::to_owned),
            reason: reason.map(str::to_owned),
            ..DeadLetterFilter::default()
        };
        let page = world
            .reader
            .dead_letters(&Streams::All, &filter, None, 100)
            .await
            .unwrap();
        page.rows.iter().map(|letter| letter.id).collect()
    };
    assert_eq!(ids(Some("s"), Some("too_old")).await, [15, 12]);
    assert_eq!(ids(Some("other"), None).await, [14, 13, 11, 10]);
    assert_eq!(ids(None, Some("too_old")).await, [15, 14, 13, 12, 11, 10]);
    assert!(ids(Some("nul\0"), None).await.is_empty());

    let counts = world.reader.dead_letter_counts(&Streams::All).await.unwrap();
    let seen: Vec<_> = counts
        .iter()
        .map(|c| format!("{} {} {} {}", c.stream, c.topic, c.reason, c.count))
        .collect();
    // The resolved one does not wait.
    let expected = [
        "s odd not_json 5",
        "other even too_old 4",
        "s even not_json 3",
        "s even too_old 2",
    ];
    assert_eq!(seen, expected);
    assert_eq!(counts[1].newest, Micros(5_000_000));
}

#[tokio::test]
async fn pages_and_counts_of_many_letters_come_from_indexes() {
    let world = world_with_dead_letters().await;
    world
        .db
        .run(
            r#"insert into dead_letters
               (stream, reason, detail, topic, topic_id, partition, "offset", recorded_at, payload_size, headers)
               select 's' || n % 3, case when n < 9 then 'rare' else 'often' end, repeat('d', 200), 'even', 'id', 2, n, now(), 0, '[]'
               from generate_series(1, 20000) n"#,
        )
        .await;
    world.db.run("vacuum analyze dead_letters").await;
    let plan = async |query: &str| world.db.rows(&format!("explain {query}")).await.join("\n");
    let page = "select * from dead_letters where resolved_at is null and";
    let reason = plan(&format!("{page} reason = 'rare' order by id desc limit 100")).await;
    assert!(reason.contains("dead_letters_reason"), "{reason}");
    let stream = plan(&format!("{page} stream = 'nobody' order by id desc limit 100")).await;
    assert!(stream.contains("dead_letters_stream"), "{stream}");
    let counts = "select stream, topic, reason, count(*), max(last_failed_at) from dead_letters
                  where resolved_at is null group by 1, 2, 3";
    let counts = plan(counts).await;
    assert!(
        counts.contains("Index Only Scan using dead_letters_reason"),
        "{counts}"
    );
}

#[tokio::test]
async fn a_letter_carries_what_a_redrive_needs() {
    let world = world_with_dead_letters().await;
    let letters = world
        .reader
        .dead_letters_by_id(&Streams::All, &[3, 1, 77])
        .await
        .unwrap();
    assert_eq!(letters.iter().map(|l| l.id).collect::<Vec<_>>(), [1, 3]);
    let letter = &letters[0];
    assert_eq!(letter.payload.as_deref(), Some(&b"{"[..]));
    assert_eq!(letter.key.as_deref(), Some(&b"k"[..]));
    assert_eq!(letter.recorded_at, Micros(0));
    assert_eq!(letter.headers[0].value, [1, 2, 255]);
    assert_eq!(letter.headers.len(), 2);
    assert!(!letter.truncated());
    assert!(letters[1].truncated());
}
