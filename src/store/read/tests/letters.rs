//! Dead letters: newest first, filtered, whole enough to send again.

use super::super::LetterFilter;
use super::*;

async fn world_with_letters() -> World {
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
    let world = world_with_letters().await;
    let ids = async |filter: LetterFilter, first| {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = world.reader.dead_letters(&filter, after, first).await.unwrap();
            seen.extend(page.rows.iter().map(|letter| letter.id));
            after = seen.last().copied();
            if !page.more {
                return seen;
            }
        }
    };
    assert_eq!(ids(LetterFilter::default(), 3).await, [9, 8, 7, 6, 5, 3, 2, 1]);
    let even = LetterFilter {
        topic: Some("even".to_owned()),
        resolved_too: true,
        ..LetterFilter::default()
    };
    assert_eq!(ids(even, 2).await, [8, 6, 4, 2]);
    let unknown = LetterFilter {
        topic: Some("nul\0".to_owned()),
        ..LetterFilter::default()
    };
    assert!(ids(unknown, 2).await.is_empty());
}

#[tokio::test]
async fn a_letter_carries_what_a_redrive_needs() {
    let world = world_with_letters().await;
    let letters = world.reader.dead_letters_by_id(&[3, 1, 77]).await.unwrap();
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
