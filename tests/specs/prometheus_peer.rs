//! The same random points in StreamSync and in a Prometheus server of Debian: every function must
//! give the same numbers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::support::kafka::labelled_point;
use crate::support::{StreamSync, eventually, free_port, seconds_ago};

/// At no whole second, so that no point lies on the left end of a window: there Prometheus 2 and 3
/// differ, and ours is that of 3.
const OFF_BEAT_MILLIS: i64 = 137;

const EXPRESSIONS: [&str; 30] = [
    "gauge",
    "gauge offset 90s",
    "gauge offset -45s",
    "{__name__=~\"gau.*\",site!=\"b\"}",
    "gauge{site=~\"a|c\",line!~\"1\"}",
    "rate(counter[2m])",
    "rate(counter[20m])",
    "rate(counter[5m] offset 3m)",
    "increase(counter[5m])",
    "irate(counter[2m])",
    "delta(gauge[5m])",
    "avg_over_time(gauge[5m])",
    "min_over_time(gauge[5m])",
    "max_over_time(gauge[5m])",
    "sum_over_time(gauge[5m])",
    "count_over_time(gauge[5m])",
    "stddev_over_time(gauge[5m])",
    "last_over_time(gauge[5m])",
    "quantile_over_time(0.9, gauge[5m])",
    "quantile_over_time(1.5, gauge[5m])",
    "sum(rate(counter[5m]))",
    "sum by (site) (rate(counter[5m]))",
    "avg without (line) (gauge)",
    "min by (line) (gauge)",
    "max(gauge) - 3",
    "count by (site, line) (gauge)",
    "sum by (__name__) (gauge)",
    "-gauge / 7",
    "2 ^ (gauge % 5)",
    "3 * 4 - 1",
];

/// Metric, site, line, milliseconds and value of each point.
type Points = Vec<(&'static str, &'static str, &'static str, i64, f64)>;

/// Half an hour of points with gaps; counters that fall now and then.
fn random_points(from_millis: i64) -> Points {
    let mut runner = TestRunner::deterministic();
    let mut points = Points::new();
    for (n, (site, line)) in [("a", "1"), ("a", "2"), ("b", "1"), ("c", "2")]
        .into_iter()
        .enumerate()
    {
        let steps = (any::<bool>(), -50.0..50.0f64, 0..20u8);
        let steps = proptest::collection::vec(steps, 180)
            .new_tree(&mut runner)
            .expect("values");
        // Far from zero, which 2 and 3 do not take into account alike.
        let mut counted = 1e6;
        for (tick, (kept, value, luck)) in steps.current().into_iter().enumerate() {
            let at = from_millis + OFF_BEAT_MILLIS + n as i64 + 10_000 * tick as i64;
            counted = if luck == 0 { 1e5 } else { counted + value.abs() };
            if kept || n == 0 {
                points.push(("gauge", site, line, at, value));
                points.push(("counter", site, line, at, counted));
            }
        }
    }
    points
}

/// A Prometheus server over these points; it ends with its owner.
struct Peer {
    child: Child,
    url: String,
    _dir: tempfile::TempDir,
}

impl Peer {
    async fn over(points: &Points) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let file = |name: &str| dir.path().join(name);
        std::fs::write(file("points.om"), open_metrics(points)).expect("the points are written");
        std::fs::write(file("prometheus.yml"), "").expect("no configuration");
        let blocks = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([file("points.om"), file("data")])
            .output()
            .expect("promtool runs");
        assert!(blocks.status.success(), "{blocks:?}");
        // Between its choice and its use a port may be taken.
        for _ in 0..5 {
            if let Some((child, url)) = started(dir.path()).await {
                return Self {
                    child,
                    url,
                    _dir: dir,
                };
            }
        }
        panic!("prometheus does not start");
    }
}

/// `None` when it ended instead of listening.
async fn started(dir: &Path) -> Option<(Child, String)> {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let mut child = Command::new("prometheus")
        .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--enable-feature=promql-negative-offset")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("prometheus starts");
    let is_up = eventually("Prometheus is ready or has ended", async || {
        if child.try_wait().expect("its state").is_some() {
            return Some(false);
        }
        let answer = awc::Client::default().get(format!("{url}/-/ready")).send().await;
        answer.is_ok_and(|answer| answer.status() == 200).then_some(true)
    })
    .await;
    is_up.then_some((child, url))
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn open_metrics(points: &Points) -> String {
    let mut text = String::new();
    for metric in ["counter", "gauge"] {
        writeln!(text, "# TYPE {metric} unknown").expect("a text");
        for (_, site, line, at, value) in points.iter().filter(|point| point.0 == metric) {
            let seconds = *at as f64 / 1e3;
            writeln!(
                text,
                "{metric}{{site={site:?},line={line:?}}} {value} {seconds:.3}"
            )
            .expect("a text");
        }
    }
    text + "# EOF\n"
}

/// Each sample by its series and time.
async fn asked(url: &str, query: &str, times: &[(&str, String)]) -> BTreeMap<(String, i64), f64> {
    let mut form = vec![("query", query.to_owned())];
    form.extend_from_slice(times);
    let mut answer = awc::Client::default()
        .post(format!("{url}/api/v1/query_range"))
        .send_form(&form)
        .await
        .expect("an answer");
    let answer: Value = answer.json().limit(64 << 20).await.expect("JSON");
    assert_eq!(answer["status"], "success", "{url} {query}: {answer}");
    let mut samples = BTreeMap::new();
    for series in answer["data"]["result"].as_array().expect("series") {
        for value in series["values"].as_array().expect("values") {
            let millis = (value[0].as_f64().expect("a time") * 1e3).round() as i64;
            let number = value[1].as_str().and_then(|text| text.parse().ok());
            let of = series["metric"].to_string();
            samples.insert((of, millis), number.expect("a number"));
        }
    }
    samples
}

#[actix_web::test]
#[ignore = "needs Prometheus: make test-peers"]
async fn every_function_gives_what_a_prometheus_server_gives_on_the_same_points() {
    let from = seconds_ago(3_600).as_millis() / 60_000 * 60_000;
    let points = random_points(from);
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let records = points.iter().map(|(metric, site, line, at, value)| {
        let labels = [("site", *site), ("line", *line)];
        labelled_point(
            metric,
            &labels,
            streamsync::data::Micros::from_millis(*at),
            *value,
        )
    });
    plan.send_and_read(&records.collect::<Vec<_>>()).await;
    let peer = Peer::over(&points).await;
    let ours = format!("{}/prometheus", node.url);
    // One step that the points divide, and one that none of it divides.
    for (step, start) in [("30", from), ("7.3", from - 61_000)] {
        let seconds = |millis: i64| (millis as f64 / 1e3).to_string();
        let end = from + 2_400_000;
        let times = [
            ("start", seconds(start)),
            ("end", seconds(end)),
            ("step", step.to_owned()),
        ];
        for query in EXPRESSIONS {
            let got = asked(&ours, query, &times).await;
            let wanted = asked(&peer.url, query, &times).await;
            assert!(!wanted.is_empty(), "{query}");
            let keys = |of: &BTreeMap<(String, i64), f64>| of.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&got), keys(&wanted), "{query} every {step} s");
            for (key, wanted) in wanted {
                let got = got[&key];
                let near = (got - wanted).abs() <= 1e-9 * wanted.abs().max(1.0);
                assert!(near || got == wanted, "{query} {key:?}: {got} for {wanted}");
            }
        }
    }
}
