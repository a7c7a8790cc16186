//! `history` as a client asks for it.

use super::*;

#[tokio::test]
async fn history_gives_points_or_buckets_with_what_was_asked_for() {
    let world = World::new().await;
    let stored = r#"{ history(selector: {metric: "t", labels: [{name: "site", value: "b"}]},
        from: "2026-01-01T00:00:00Z", to: "2026-01-01T00:00:05Z")
        { series { key label(name: "site") } points { ts value avg } } }"#;
    assert_eq!(
        world.data(stored).await,
        json!({"history": [{
        "series": {"key": "t{site=\"b\"}", "label": "b"},
        "points": [
            {"ts": "2026-01-01T00:00:01.000000Z", "value": 1.0, "avg": null},
            {"ts": "2026-01-01T00:00:03.000000Z", "value": 3.0, "avg": null},
        ]}]})
    );
    let buckets = r#"{ history(selector: {}, from: "2026-01-01T00:00:00Z", to: "2026-01-01T00:00:06Z",
        step: "4s", aggregate: [MAX, COUNT, FIRST]) { points { ts value max count first min } } }"#;
    let point = |second: &str, max: f64, count: i64, first: f64| {
        json!({"ts": format!("2026-01-01T00:00:{second}.000000Z"), "value": max, "max": max,
               "count": count, "first": first, "min": null})
    };
    assert_eq!(
        world.data(buckets).await,
        json!({"history": [
            {"points": [point("00", 2.0, 2, 0.0), point("04", 4.0, 1, 4.0)]},
            {"points": [point("00", 3.0, 2, 1.0), point("04", 5.0, 1, 5.0)]},
        ]})
    );
}

#[tokio::test]
async fn history_groups_fills_and_names_what_was_asked_for() {
    let world = World::new().await;
    let span = r#"selector: {}, from: "2026-01-01T00:00:00Z", to: "2026-01-01T00:00:06Z""#;
    let grouped = format!(
        r#"{{ history({span}, step: "1s", aggregate: [MAX, COUNT], groupBy: ["site", "rack"], fill: LINEAR)
        {{ series {{ key }} group {{ key metric labels {{ name value }} }} points {{ value count min }} }} }}"#
    );
    let point = |value: f64| json!({"value": value, "count": 1, "min": null});
    let none = json!({"value": null, "count": null, "min": null});
    let group = |site: &str| {
        json!({"key": format!(r#"t{{rack="",site="{site}"}}"#), "metric": "t",
               "labels": [{"name": "rack", "value": ""}, {"name": "site", "value": site}]})
    };
    let (a, b) = ([0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0, 5.0]);
    let mut points = [a.map(point).to_vec(), b.map(point).to_vec()];
    points[0].push(none.clone());
    points[1].insert(0, none);
    assert_eq!(
        world.data(&grouped).await,
        json!({"history": [
            {"series": null, "group": group("a"), "points": points[0]},
            {"series": null, "group": group("b"), "points": points[1]},
        ]})
    );
    let all = format!(
        r#"{{ history({span}, step: "1d", aggregate: [SUM], groupBy: [], across: COUNT, timeZone: "Asia/Kolkata")
        {{ group {{ key }} points {{ ts value sum }} }} }}"#
    );
    assert_eq!(
        world.data(&all).await,
        json!({"history": [{"group": {"key": "t{}"},
            "points": [{"ts": "2025-12-31T18:30:00.000000Z", "value": 2.0, "sum": 2.0}]}]})
    );
    let few = format!(
        "{{ history({span}, maxPoints: 2) {{ series {{ key }} group {{ key }} points {{ value }} }} }}"
    );
    let of_a = &world.data(&few).await["history"][0];
    assert_eq!(
        (&of_a["series"]["key"], &of_a["group"]),
        (&json!(r#"t{site="a"}"#), &Value::Null)
    );
    assert!(of_a["points"].as_array().unwrap().len() <= 2);
}

#[tokio::test]
async fn a_history_that_makes_no_sense_is_bad_input() {
    let world = World::new().await;
    let from = r#"selector: {}, from: "2026-01-01T00:00:00Z""#;
    for arguments in [
        r#"step: "1000y""#,
        r#"step: "soon""#,
        r#"step: "1d", timeZone: "Mars""#,
        r#"step: "1d", maxPoints: 5"#,
        r#"step: "1d", percentiles: [101]"#,
        r#"step: "1d", aggregate: [], percentiles: []"#,
        r#"step: "1d", fill: VALUE"#,
        r#"step: "1d", fill: LINEAR, fillValue: 0"#,
        "percentiles: [50]",
        "maxPoints: 1",
        "maxPoints: -1",
        "groupBy: []",
        "fill: NULL",
    ] {
        let query = format!("{{ history({from}, {arguments}) {{ points {{ value }} }} }}");
        assert_eq!(world.code(&query).await, "BAD_USER_INPUT", "{arguments}");
    }
}
