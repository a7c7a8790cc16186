//! What is kept of dead letters: no more bytes than the quotas, and always the letter itself.

use crate::store::testing::batches::{Input, Node};
use crate::store::{DeadLetterQuota, WriterConfig};

const LETTERS: &str = r#"select "offset", payload is not null, payload_size > 0, payload_sha256 is not null
    from dead_letters order by 1"#;

async fn with(of_a_stream: u64, in_all: u64) -> Node {
    Node::with(WriterConfig {
        dead_letters: DeadLetterQuota { of_a_stream, in_all },
        ..WriterConfig::default()
    })
    .await
}

#[tokio::test]
async fn beyond_the_quota_of_its_stream_or_of_all_a_letter_is_kept_without_its_payload() {
    // Each takes four bytes: an empty payload of `[]` and no headers, `[]`.
    for (of_a_stream, in_all) in [(8, 100), (100, 8)] {
        let mut node = with(of_a_stream, in_all).await;
        let a = node.own(0).await;
        let bad = |from, to| {
            let input = Input::empty().range(&a, from, to);
            (from..to).fold(input, |input, at| input.bad(at, "no"))
        };
        node.write(bad(0, 3)).await;
        let kept = ["0|t|t|t", "1|t|t|t", "2|f|t|t"];
        assert_eq!(node.db.rows(LETTERS).await, kept);
        node.write(bad(3, 4)).await;
        assert_eq!(node.db.rows(LETTERS).await[3], "3|f|t|t");
        assert_eq!(node.metrics.dead_letters_cut.get(), 2);
        let usage = "select stream, bytes from dead_letter_usage";
        assert_eq!(node.db.rows(usage).await, ["machines|8"]);

        // However letters go, there is room again.
        node.db
            .run(r#"delete from dead_letters where "offset" = 1"#)
            .await;
        assert_eq!(node.db.rows(usage).await, ["machines|4"]);
        node.write(bad(4, 6)).await;
        assert_eq!(node.db.rows(LETTERS).await[3..], ["4|t|t|t", "5|f|t|t"]);
        // Kafka gave the offset out once more: the row is of another record now.
        node.db
            .run(
                r#"delete from dead_letters where "offset" <> 4; delete from commits;
                update ingest_offsets set next_offset = 4"#,
            )
            .await;
        node.write(bad(4, 5)).await;
        assert_eq!(node.db.rows(usage).await, ["machines|4"]);
    }
}
