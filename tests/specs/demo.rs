//! `streamsync demo`: real series on embedded parts only, and nothing left behind.

use std::fs;
use std::io::Write;

use serde_json::json;

use crate::support::terminal::directory;
use crate::support::{PATIENCE, StreamSync, eventually};

const NOBODY: u32 = 65_534;

fn users() -> Vec<Option<u32>> {
    if rustix::process::geteuid().is_root() {
        return vec![None, Some(NOBODY)];
    }
    // Not by `eprintln!`, whose lines the test runner keeps to itself.
    let _ = std::io::stderr().write_all(b"SKIPPED, needs root: the demo as another user\n");
    vec![None]
}

/// Gone, or a zombie that whoever adopted it has not reaped yet.
fn is_gone(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim().starts_with('Z'))
    })
}

#[actix_web::test]
async fn the_demo_shows_data_and_leaves_no_process_behind() {
    for user in users() {
        let dir = directory();
        let mut demo = StreamSync::demo(dir.path(), user).await;
        let postgres = demo.postgres_of_the_demo();
        eventually("all series have a latest value", async || {
            let answer = demo
                .response("{ latest(selector: {}) { value } }", json!({}))
                .await;
            if let Some(early) = answer["errors"].get(0) {
                assert_eq!(early["extensions"]["code"], "UNAVAILABLE", "{early}");
            }
            (answer["data"]["latest"].as_array()?.len() == 7).then_some(())
        })
        .await;
        demo.ready().await;
        let status = demo.terminate().await;
        assert!(status.success(), "{status}\n{}", demo.log());
        assert!(is_gone(postgres), "the private Postgres was left running");

        // The data is there again; and a kill -9 leaves nobody either.
        let demo = StreamSync::demo(dir.path(), user).await;
        let postgres = demo.postgres_of_the_demo();
        demo.ready().await;
        let answer = demo.query("{ metrics { name } }", json!({})).await;
        assert_eq!(answer["metrics"].as_array().map(Vec::len), Some(6));
        demo.kill().await;
        eventually(&format!("Postgres is gone within {PATIENCE:?}"), async || {
            is_gone(postgres).then_some(())
        })
        .await;
    }
}
