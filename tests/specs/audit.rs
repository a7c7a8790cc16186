//! Who did what: recorded, for administrators to read, and never changed.

use serde_json::{Value, json};

use crate::support::kafka::{point, record};
use crate::support::{StreamSync, command, eventually, seconds_ago, terminal};

const EVENTS: &str = "query($actor: String, $action: String, $first: Int, $after: String) {
    audit(actor: $actor, action: $action, first: $first, after: $after) {
        edges { node { actor role address action target outcome detail } }
        pageInfo { hasNextPage endCursor } } }";

async fn events(node: &StreamSync, variables: Value) -> Vec<Value> {
    let mut answer = node.query(EVENTS, variables).await;
    let edges = answer["audit"]["edges"].take();
    let edges = edges.as_array().cloned().unwrap_or_default();
    edges.into_iter().map(|mut edge| edge["node"].take()).collect()
}

fn detail(event: &Value) -> Value {
    let text = event["detail"].as_str().expect("a text");
    serde_json::from_str(text).expect("JSON")
}

#[actix_web::test]
async fn changes_and_exports_are_recorded_shown_and_kept() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    plan.send_and_read(&[point("m", seconds_ago(100), 1.0), record("{")])
        .await;
    let publish =
        "mutation($s: String!) { publish(stream: $s, points: [{metric: \"m\", value: 1}]) { accepted } }";
    for _ in 0..3 {
        node.query(publish, json!({"s": plan.stream})).await;
    }
    node.query(
        "mutation($s: String!) { resumeStream(stream: $s) { wasPaused } }",
        json!({"s": plan.stream}),
    )
    .await;
    let letters = node
        .query("{ deadLetters { edges { node { id } } } }", json!({}))
        .await;
    let id = &letters["deadLetters"]["edges"][0]["node"]["id"];
    node.query(
        "mutation($ids: [ID!]!) { redriveDeadLetters(ids: $ids) { sent } }",
        json!({"ids": [id]}),
    )
    .await;
    let (status, _) = node
        .get("/api/v1/points?from=0&format=csv&metric=m&label=a%3D")
        .await;
    assert_eq!(status, 200);

    let all = eventually("everything is recorded", async || {
        let all = events(&node, json!({})).await;
        (all.len() >= 4).then_some(all)
    })
    .await;
    let seen: Vec<_> = all
        .iter()
        .rev()
        .map(|event| event["action"].as_str().unwrap_or_default())
        .collect();
    // The same again within a minute is only counted.
    assert_eq!(seen, ["publish", "resume", "redrive", "export"]);
    for event in &all {
        assert_eq!(
            (&event["actor"], &event["role"]),
            (&json!("everyone"), &json!("admin"))
        );
        assert_eq!(
            (&event["address"], &event["outcome"]),
            (&json!("127.0.0.1"), &json!("done"))
        );
    }
    let export = &all[0];
    assert_eq!(export["target"], "/api/v1/points m{a=}");
    assert_eq!(detail(export)["format"], "csv");
    assert!(detail(export)["rows"].as_u64().is_some_and(|rows| rows > 0));
    assert_eq!(detail(&all[3]), json!({"points": 1}));

    // In pages, and of one kind.
    let redrives = events(&node, json!({"action": "redrive"})).await;
    assert_eq!(redrives.len(), 1);
    assert_eq!(
        events(&node, json!({"actor": "key:x"})).await,
        Vec::<Value>::new()
    );
    let page = node.query(EVENTS, json!({"first": 3})).await;
    let after = &page["audit"]["pageInfo"]["endCursor"];
    assert_eq!(events(&node, json!({"first": 3, "after": after})).await.len(), 1);
    let unknown = node.error_code(EVENTS, json!({"action": "thinking"})).await;
    assert_eq!(unknown, "BAD_USER_INPUT");

    // A line of the log for each.
    let log = node.log();
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("audit actor=everyone"))
        .collect();
    assert_eq!(lines.len(), 4, "{log}");
    assert!(
        lines[0].contains(&format!("action=publish on={}", plan.stream)),
        "{}",
        lines[0]
    );

    // What was counted is recorded at the end, at the latest.
    node.stop().await;
    let last = "select action || ' ' || (detail->>'times') || ' ' || (detail->>'points') from audit order by id desc limit 1";
    assert_eq!(plan.database.column(last).await, ["publish 2 2"]);

    let file = plan.file();
    let run = |arguments: &[&str]| {
        let mut command = command();
        terminal::run(command.args(arguments).arg("--config").arg(&file))
    };
    let deleted = run(&["delete-series", "--metric", "m", "--yes"]);
    assert!(deleted.printed().contains("deleted 1 series"));
    let table = run(&["audit", "--last", "1h"]).printed();
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(
        table
            .lines()
            .last()
            .is_some_and(|line| line.contains("series.delete  m{}")),
        "{table}"
    );
    let lines = run(&["audit", "--json", "--action", "publish"]).printed();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["detail"]["points"], 2);
    assert!(
        run(&["audit", "--action", "thinking"])
            .complaint()
            .contains("key.create")
    );
}
