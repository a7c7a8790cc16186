//! What a viewer is not meant to see is in no answer, whatever is asked.

use super::*;
use crate::data::{MatchOp, Scope, Selector};

fn of_site(site: &str) -> Selector {
    Selector::of(None, &[("site", MatchOp::Equal, site)])
}

const SPAN: &str = r#"from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z""#;

#[tokio::test]
async fn every_question_about_series_is_answered_of_the_viewers_scope() {
    let world = World::new().await;
    world
        .db
        .run(
            r#"insert into series (key, metric, labels, stream) values
               ('u{site="c",secret="x"}', 'u', '{"site":"c","secret":"x"}', 'm')"#,
        )
        .await;
    let query = format!(
        r#"{{ latest(selector: {{}}) {{ series {{ key }} }}
        history(selector: {{}}, {SPAN}) {{ series {{ key }} }}
        points(selector: {{}}, {SPAN}) {{ nodes {{ series {{ key }} }} }}
        series(selector: {{}}) {{ nodes {{ key }} }}
        metrics {{ name series }}
        labels(selector: {{}}) {{ name series }}
        labelValues(name: "site", selector: {{}}) {{ value series }} }}"#
    );
    let seen = async |scope: Scope| {
        let request = Request::new(&query)
            .data(world.reader.clone())
            .data(Viewer::of(scope));
        let answer = serde_json::to_value(world.api.execute(request).await).unwrap();
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"].clone()
    };
    let b = json!({"key": "t{site=\"b\"}"});
    let point = json!({ "series": b });
    let only_b = seen(Scope::any_of([of_site("b")])).await;
    assert_eq!(
        only_b,
        json!({
            "latest": [point],
            "history": [point],
            "points": {"nodes": [point, point, point]},
            "series": {"nodes": [b]},
            "metrics": [{"name": "t", "series": 1}],
            "labels": [{"name": "site", "series": 1}],
            "labelValues": [{"value": "b", "series": 1}],
        })
    );
    let two = seen(Scope::any_of([of_site("b"), of_site("c")])).await;
    assert_eq!(two["series"]["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(
        two["labelValues"],
        json!([{"value": "b", "series": 1}, {"value": "c", "series": 1}])
    );
    let nothing = seen(Scope::any_of([])).await;
    assert!(!nothing.to_string().contains("site"), "{nothing}");
}

#[tokio::test]
async fn nobody_is_answered_who_is_no_viewer() {
    let world = World::new().await;
    for query in ["{ latest(selector: {}) { value } }", "{ metrics { name } }"] {
        let request = Request::new(query).data(world.reader.clone());
        let answer = serde_json::to_value(world.api.execute(request).await).unwrap();
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED",
            "{answer}"
        );
    }
}
