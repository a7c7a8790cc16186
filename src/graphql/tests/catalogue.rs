//! What there is, searched as a client searches it.

use super::*;

#[tokio::test]
async fn labels_and_their_values_come_with_how_many_series_carry_them() {
    let world = World::new().await;
    let query = r#"{ labels(selector: {metric: "t"}, search: "ITE") { name series }
        labelValues(name: "site", selector: {}, search: "B") { value series }
        all: labelValues(name: "site", selector: {}, first: 1) { value series }
        none: labels(selector: {}, search: "%") { name }
        metrics(search: "T", first: 10) { name series } }"#;
    assert_eq!(
        world.data(query).await,
        json!({
            "labels": [{"name": "site", "series": 2}],
            "labelValues": [{"value": "b", "series": 1}],
            "all": [{"value": "a", "series": 1}],
            "none": [],
            "metrics": [{"name": "t", "series": 2}],
        })
    );
}

#[tokio::test]
async fn what_is_looked_for_is_bounded() {
    let world = World::new().await;
    let long = "x".repeat(257);
    for query in [
        "{ labels(selector: {}, first: 0) { name } }".to_owned(),
        "{ labels(selector: {}, first: 1001) { name } }".to_owned(),
        "{ metrics(first: 1001) { name } }".to_owned(),
        format!("{{ metrics(search: \"{long}\") {{ name }} }}"),
        format!("{{ labels(selector: {{}}, search: \"{long}\") {{ name }} }}"),
        format!("{{ labelValues(name: \"a\", selector: {{}}, search: \"{long}\") {{ value }} }}"),
        format!(
            "{{ labels(selector: {{metric: \"{}\"}}) {{ name }} }}",
            "x".repeat(60_000)
        ),
    ] {
        assert_eq!(
            world.code(&query).await,
            "BAD_USER_INPUT",
            "{}",
            &query[..60.min(query.len())]
        );
    }
    let many: String = (0..10)
        .map(|n| format!("l{n}: labels(selector: {{}}) {{ name }} "))
        .collect();
    assert_eq!(
        world.code(&format!("{{ {many} }}")).await,
        "GRAPHQL_VALIDATION_FAILED"
    );
}
