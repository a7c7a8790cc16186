//! History as charts ask for it: aggregates over buckets of any calendar, groups, filled gaps, and
//! lines thinned to what a screen can show.

use serde_json::{Value, json};
use streamsync::data::Micros;

use crate::live::after;
use crate::support::kafka::labelled_point;
use crate::support::terminal::streamsync;
use crate::support::{StreamSync, eventually, seconds_ago};

const SITES: [&str; 2] = ["a", "b"];
/// Seconds after the base and value; there is nothing in the buckets at 20 and 30 s. A counter that
/// starts again on the way.
const POINTS: [(usize, f64); 5] = [(0, 1.0), (5, 4.0), (12, 10.0), (41, 2.0), (55, 7.0)];

/// Two sites with these points, the second with ten times the values.
struct Counters {
    node: StreamSync,
    base: Micros,
}

impl Counters {
    async fn stored() -> Self {
        let recent = seconds_ago(600);
        let base = Micros(recent.0 - recent.0.rem_euclid(60_000_000));
        let plan = StreamSync::plan().await;
        let node = plan.start().await;
        let mut records = Vec::new();
        for (site, factor) in SITES.into_iter().zip([1.0, 10.0]) {
            for (at, value) in POINTS {
                let labels = [("site", site), ("unit", "x")];
                records.push(labelled_point("sent", &labels, after(base, at), value * factor));
            }
        }
        plan.send(&records).await;
        let counters = Self { node, base };
        eventually("all is stored", async || {
            let lines = counters.history("", "points { ts }").await;
            let lines = lines.as_array()?;
            let of = |line: &Value| line["points"].as_array().map_or(0, Vec::len);
            (lines.iter().map(of).sum::<usize>() == 2 * POINTS.len()).then_some(())
        })
        .await;
        counters
    }

    async fn history(&self, arguments: &str, fields: &str) -> Value {
        let (from, to) = (self.base, after(self.base, 60));
        let query = format!(
            r#"{{ history(selector: {{metric: "sent"}}, from: "{from}", to: "{to}", {arguments}) {{ {fields} }} }}"#
        );
        self.node.query(&query, json!({})).await["history"].take()
    }

    /// The values of each line.
    async fn values(&self, arguments: &str) -> Value {
        let lines = self.history(arguments, "points { value }").await;
        let values = |line: &Value| -> Value {
            let points = line["points"].as_array().expect("points");
            points.iter().map(|point| point["value"].clone()).collect()
        };
        lines.as_array().expect("lines").iter().map(values).collect()
    }
}

#[actix_web::test]
async fn every_aggregate_is_what_the_points_of_the_bucket_come_to() {
    let counters = Counters::stored().await;
    let fields =
        "series { key } points { ts value avg min max sum count first last stddev percentiles increase
        rate delta }";
    let arguments = r#"step: "1m", percentiles: [0, 50, 75, 100],
        aggregate: [LAST, AVG, MIN, MAX, SUM, COUNT, FIRST, STDDEV, INCREASE, RATE, DELTA]"#;
    let lines = counters.history(arguments, fields).await;
    assert_eq!(lines[0]["series"]["key"], r#"sent{site="a",unit="x"}"#);
    let mut point = lines[0]["points"][0].clone();
    let stddev = point["stddev"].take().as_f64().expect("a number");
    // The mean of the squares is 34, the square of the mean 23.04.
    assert!((stddev - 10.96_f64.sqrt()).abs() < 1e-9, "{stddev}");
    assert_eq!(
        point,
        json!({"ts": counters.base.to_string(), "value": 7.0, "avg": 4.8, "min": 1.0, "max": 10.0, "sum": 24.0,
               "count": 5, "first": 1.0, "last": 7.0, "stddev": null, "percentiles": [1.0, 4.0, 7.0, 10.0],
               // 3 and 6; a start from 0 to 2; 5.
               "increase": 16.0, "rate": 16.0 / 60.0, "delta": 6.0})
    );
}

#[actix_web::test]
async fn gaps_are_filled_as_asked_over_the_whole_span() {
    let counters = Counters::stored().await;
    for (fill, wanted) in [
        ("NONE", json!([4.0, 10.0, 2.0, 7.0])),
        ("NULL", json!([4.0, 10.0, null, null, 2.0, 7.0])),
        ("PREVIOUS", json!([4.0, 10.0, 10.0, 10.0, 2.0, 7.0])),
        ("VALUE, fillValue: -1", json!([4.0, 10.0, -1.0, -1.0, 2.0, 7.0])),
    ] {
        let values = counters
            .values(&format!(r#"step: "10s", aggregate: [MAX], fill: {fill}"#))
            .await;
        assert_eq!(values[0], wanted, "{fill}");
    }
    let linear = counters
        .values(r#"step: "10s", aggregate: [COUNT], fill: LINEAR"#)
        .await;
    assert_eq!(linear[1], json!([2.0, 1.0, 1.0, 1.0, 1.0, 1.0]));
}

#[actix_web::test]
async fn series_become_one_line_for_each_group() {
    let counters = Counters::stored().await;
    let fields = "series { key } group { key metric labels { name value } } points { value }";
    let arguments = r#"step: "1m", aggregate: [MAX], groupBy: ["unit", "rack"], across: SUM"#;
    assert_eq!(
        counters.history(arguments, fields).await,
        json!([{
            "series": null,
            "group": {"key": r#"sent{rack="",unit="x"}"#, "metric": "sent",
                      "labels": [{"name": "rack", "value": ""}, {"name": "unit", "value": "x"}]},
            "points": [{"value": 110.0}],
        }])
    );
    for (across, wanted) in [("AVG", 55.0), ("MIN", 10.0), ("MAX", 100.0), ("COUNT", 2.0)] {
        let arguments = format!(r#"step: "1m", aggregate: [MAX], groupBy: [], across: {across}"#);
        assert_eq!(counters.values(&arguments).await, json!([[wanted]]), "{across}");
    }
    // Left out it is the mean, in either API.
    let left_out = counters
        .values(r#"step: "1m", aggregate: [MAX], groupBy: []"#)
        .await;
    assert_eq!(left_out, json!([[55.0]]));
    let (from, to) = (counters.base, after(counters.base, 60));
    let path = format!(
        "/api/v1/history?metric=sent&from={from}&to={to}&step=1m&aggregate=max&group_by=&format=json"
    );
    let (status, body) = counters.node.get(&path).await;
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        (status, &answer["series"][0]["points"]),
        (200, &json!([[from.to_string(), 55.0]]))
    );
}

#[actix_web::test]
async fn days_begin_when_they_do_in_the_time_zone() {
    let counters = Counters::stored().await;
    let days = r#"step: "1d", timeZone: "Asia/Kolkata", aggregate: [COUNT]"#;
    let lines = counters.history(days, "points { ts count }").await;
    // Five and a half hours before UTC, all year round.
    let (day, offset) = (86_400_000_000, 19_800_000_000);
    let mut wanted = std::collections::BTreeMap::new();
    for (at, _) in POINTS {
        let ts = after(counters.base, at).0 + offset;
        let start = Micros(ts - ts.rem_euclid(day) - offset);
        *wanted.entry(start.to_string()).or_insert(0) += 1;
    }
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(ts, count)| json!({"ts": ts, "count": count}))
        .collect();
    assert_eq!(lines[0]["points"], json!(wanted));
}

#[actix_web::test]
async fn a_line_has_no_more_points_than_asked_for_and_they_stay_while_the_window_moves() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let base = seconds_ago(3_000);
    let value = |n: usize| ((n * n) % 101) as f64;
    let records: Vec<_> = (0..2_000)
        .map(|n| labelled_point("wave", &[], after(base, n), value(n)))
        .collect();
    plan.send(&records).await;
    let query = "query($from: DateTime!, $to: DateTime!, $most: Int) {
        history(selector: {metric: \"wave\"}, from: $from, to: $to, maxPoints: $most) { points { ts value } } }";
    let window = async |from: usize, to: usize, most: Value| {
        let variables =
            json!({"from": after(base, from).to_string(), "to": after(base, to).to_string(), "most": most});
        let answer = node.query(query, variables).await;
        answer["history"][0]["points"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    let all = eventually("all is stored", async || {
        let all = window(0, 2_000, Value::Null).await;
        (all.len() == 2_000).then_some(all)
    })
    .await;
    let (one, other) = (
        window(0, 1_500, json!(200)).await,
        window(400, 1_900, json!(200)).await,
    );
    for points in [&one, &other] {
        assert!((100..=200).contains(&points.len()), "{}", points.len());
        assert!(points.iter().all(|point| all.contains(point)));
    }
    let (from, to) = (after(base, 400), after(base, 1_500));
    let both = |points: Vec<Value>| -> Vec<Value> {
        let ts = |point: &Value| Micros::from_rfc3339(point["ts"].as_str().expect("a time")).expect("a time");
        points
            .into_iter()
            .filter(|point| (from..to).contains(&ts(point)))
            .collect()
    };
    assert_eq!(both(one), both(other));
    assert_eq!(window(0, 150, json!(150)).await, all[..150]);
}

#[actix_web::test]
async fn the_terminal_asks_for_the_same() {
    let counters = Counters::stored().await;
    let query = |arguments: &[&str]| {
        let all = [
            &[
                "query",
                "--url",
                &counters.node.url,
                "--metric",
                "sent",
                "--last",
                "1h",
            ],
            arguments,
        ]
        .concat();
        serde_json::from_str::<Value>(&streamsync(&all).printed()).expect("JSON")["history"].take()
    };
    let grouped = query(&[
        "--step",
        "1m",
        "--aggregate",
        "max",
        "--group-by",
        "unit",
        "--across",
        "sum",
    ]);
    assert_eq!(
        grouped,
        json!([{"group": {"key": r#"sent{unit="x"}"#},
                "points": [{"ts": counters.base.to_string(), "value": 110.0}]}])
    );
    let filled = query(&[
        "--step",
        "10s",
        "--aggregate",
        "p100",
        "--fill",
        "0",
        "--time-zone",
        "Europe/Berlin",
    ]);
    let filled = filled[0]["points"].as_array().expect("points");
    assert!(
        filled.len() > 300 && filled[0]["value"] == 0.0,
        "{}",
        filled.len()
    );
    let few = query(&["--max-points", "3"]);
    assert!(few[0]["points"].as_array().expect("points").len() <= 3);
}
