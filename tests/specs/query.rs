//! Questions about what is stored: exact answers for a small known input, and errors with codes.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use streamsync::data::Micros;

use crate::live::after;
use crate::support::kafka::{Record, labelled_point, point};
use crate::support::streamsync::Plan;
use crate::support::{StreamSync, eventually, seconds_ago};

/// Two series of ten points, one of a single one, ten seconds apart from a whole minute on.
struct Known {
    plan: Plan,
    node: StreamSync,
    base: Micros,
}

impl Known {
    async fn input() -> Self {
        let plan = StreamSync::plan().await;
        let node = plan.start().await;
        let recent = seconds_ago(600);
        let base = Micros(recent.0 - recent.0.rem_euclid(60_000_000));
        let mut records = Vec::new();
        for n in 0..10 {
            let at = after(base, n * 10);
            records.push(labelled_point("temp", &[("site", "a")], at, n as f64));
            records.push(labelled_point("temp", &[("site", "b")], at, 100.0 - n as f64));
        }
        records.push(point("up", base, 1.0));
        let known = Self { plan, node, base };
        known.store(&records).await;
        known
    }

    async fn store(&self, records: &[Record]) {
        let last = self.plan.send(records).await.pop().expect("a place");
        let query = "{ pipeline { offsets { topic nextOffset } } }";
        eventually("all is stored", async || {
            let answer = self.node.query(query, json!({})).await;
            let offsets = answer["pipeline"]["offsets"].as_array()?.clone();
            let of_stream = offsets.iter().find(|o| o["topic"] == self.plan.stream)?;
            (of_stream["nextOffset"].as_i64()? > last.1).then_some(())
        })
        .await;
    }

    async fn ask(&self, query: &str) -> Value {
        self.node.query(&self.with_times(query), json!({})).await
    }

    async fn code(&self, query: &str) -> String {
        self.node.error_code(&self.with_times(query), json!({})).await
    }

    /// `$0`, `$60` … stand for that many seconds after the base.
    fn with_times(&self, query: &str) -> String {
        let mut parts = query.split('$');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            let seconds = part[..digits].parse().expect("seconds");
            text.push_str(&format!("\"{}\"{}", after(self.base, seconds), &part[digits..]));
        }
        text
    }

    fn at(&self, seconds: usize) -> String {
        after(self.base, seconds).to_string()
    }
}

const A: &str = r#"{metric: "temp", labels: [{name: "site", value: "a"}]}"#;

#[actix_web::test]
async fn metrics_and_series_are_listed_page_by_page() {
    let known = Known::input().await;
    let answer = known.ask("{ metrics { name series } }").await;
    assert_eq!(
        answer["metrics"],
        json!([{"name": "temp", "series": 2}, {"name": "up", "series": 1}])
    );
    let answer = known.ask(r#"{ metrics(prefix: "u") { name } }"#).await;
    assert_eq!(answer["metrics"], json!([{"name": "up"}]));

    let (mut keys, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let page = "query($after: String) { series(selector: {}, first: 2, after: $after) {
            nodes { key metric labels { name value } label(name: \"site\") }
            pageInfo { hasNextPage endCursor } } }";
        let answer = known.node.query(page, json!({"after": cursor})).await;
        for node in answer["series"]["nodes"].as_array().expect("nodes") {
            keys.push(node["key"].as_str().expect("a key").to_owned());
            if node["metric"] == "temp" {
                assert_eq!(node["labels"], json!([{"name": "site", "value": node["label"]}]));
            }
        }
        if answer["series"]["pageInfo"]["hasNextPage"] == false {
            break;
        }
        cursor = answer["series"]["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(keys, [r#"temp{site="a"}"#, r#"temp{site="b"}"#, "up{}"]);
}

#[actix_web::test]
async fn history_is_half_open_and_buckets_are_exact() {
    let known = Known::input().await;
    let raw = format!(
        "{{ history(selector: {A}, from: $10, to: $40) {{ series {{ key }} points {{ ts value count }} }} }}"
    );
    let answer = known.ask(&raw).await;
    let points = (1..4).map(|n| json!({"ts": known.at(n * 10), "value": n as f64, "count": null}));
    let series = json!({"key": r#"temp{site="a"}"#});
    assert_eq!(
        answer["history"],
        json!([{"series": series, "points": points.collect::<Vec<_>>()}])
    );

    let buckets = format!(
        "{{ history(selector: {A}, from: $0, to: $600, step: \"1m\",
            aggregate: [MAX, AVG, COUNT, FIRST, LAST, MIN, SUM])
            {{ points {{ ts value avg count first last max min sum }} }} }}"
    );
    let answer = known.ask(&buckets).await;
    // 0 to 5 lie in the first minute, 6 to 9 in the second.
    let bucket = |at: usize, numbers: std::ops::Range<i32>| {
        let (n, sum) = (numbers.len(), numbers.clone().sum::<i32>());
        let (first, last) = (f64::from(numbers.start), f64::from(numbers.end - 1));
        json!({"ts": known.at(at), "value": last, "avg": f64::from(sum) / n as f64, "count": n,
            "first": first, "last": last, "max": last, "min": first, "sum": f64::from(sum)})
    };
    let expected = json!([{"points": [bucket(0, 0..6), bucket(60, 6..10)]}]);
    assert_eq!(answer["history"], expected);

    let mean = format!(
        "{{ history(selector: {A}, from: $0, to: $600, step: \"1m\") {{ points {{ value avg max }} }} }}"
    );
    let first = known.ask(&mean).await["history"][0]["points"][0].clone();
    assert_eq!(first, json!({"value": 2.5, "avg": 2.5, "max": null}));
}

#[actix_web::test]
async fn points_come_in_pages_that_late_points_do_not_disturb() {
    let known = Known::input().await;
    let page = "query($from: DateTime!, $after: String) {
        points(selector: {metric: \"temp\"}, from: $from, first: 7, after: $after) {
            nodes { series { key } ts value } pageInfo { hasNextPage endCursor } } }";
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    for turn in 0.. {
        let variables = json!({"from": known.at(0), "after": cursor});
        let answer = known.node.query(page, variables).await;
        for node in answer["points"]["nodes"].as_array().expect("nodes") {
            seen.push((node["series"]["key"].to_string(), node["ts"].to_string()));
        }
        if answer["points"]["pageInfo"]["hasNextPage"] == false {
            break;
        }
        cursor = answer["points"]["pageInfo"]["endCursor"].clone();
        // Behind the cursor: they neither repeat nor hide another.
        let late = labelled_point("temp", &[("site", "a")], after(known.base, 1 + turn), 0.0);
        known.store(&[late]).await;
    }
    assert_eq!(seen.len(), 20);
    assert!(seen.is_sorted());
    let times: Vec<_> = seen.iter().map(|(_, ts)| ts.clone()).collect();
    assert_eq!(times[..10], times[10..]);
}

#[actix_web::test]
async fn latest_is_the_newest_of_history_whatever_came_last() {
    let mut known = Known::input().await;
    known.latest_is(90, 9.0).await;
    // A late point changes nothing, a correction does, a newer point of course.
    let site_a = |at, value| labelled_point("temp", &[("site", "a")], after(known.base, at), value);
    let (late, correction, newer) = (site_a(45, -1.0), site_a(90, 9.5), site_a(91, 10.0));
    known.store(&[late]).await;
    known.latest_is(90, 9.0).await;
    known.store(&[correction]).await;
    known.latest_is(90, 9.5).await;
    known.store(&[newer]).await;
    known.latest_is(91, 10.0).await;

    assert!(known.node.terminate().await.success());
    known.node = known.plan.start().await;
    let after_restart = labelled_point("temp", &[("site", "a")], after(known.base, 2), -2.0);
    known.store(&[after_restart]).await;
    known.latest_is(91, 10.0).await;
}

impl Known {
    async fn latest_is(&self, seconds: usize, value: f64) {
        let answer = self
            .ask(&format!("{{ latest(selector: {A}) {{ ts value }} }}"))
            .await;
        assert_eq!(
            answer["latest"],
            json!([{"ts": self.at(seconds), "value": value}])
        );
        let all = format!("{{ history(selector: {A}, from: $0) {{ points {{ ts value }} }} }}");
        let answer = self.ask(&all).await;
        let points = answer["history"][0]["points"].as_array().expect("points");
        assert_eq!(
            points.last(),
            Some(&json!({"ts": self.at(seconds), "value": value}))
        );
    }
}

#[actix_web::test]
async fn a_query_may_come_by_get() {
    let known = Known::input().await;
    let get = async |parameters: &str| {
        let (status, body) = known.node.get(&format!("/graphql?{parameters}")).await;
        (status, serde_json::from_str::<Value>(&body).unwrap_or_default())
    };
    let (status, answer) = get("query=%7Bmetrics%7Bname%7D%7D").await;
    assert_eq!(status, 200);
    assert_eq!(answer["data"]["metrics"][1]["name"], "up");
    let variables =
        "query=query(%24p:String)%7Bmetrics(prefix:%24p)%7Bname%7D%7D&variables=%7B%22p%22:%22u%22%7D";
    assert_eq!(
        get(variables).await.1,
        json!({"data": {"metrics": [{"name": "up"}]}})
    );
    assert_eq!(get("nothing=1").await.0, 400);
}

#[actix_web::test]
async fn every_mistake_has_its_code() {
    let known = Known::input().await;
    let all = "selector: {}";
    for (query, code) in [
        ("{ nothing }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        ("{ metrics { name ".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        (format!("{{ history({all}, from: $60, to: $0) {{ points {{ ts }} }} }}"), "BAD_USER_INPUT"),
        (format!("{{ history({all}, from: $0, aggregate: [AVG]) {{ points {{ ts }} }} }}"), "BAD_USER_INPUT"),
        (
            format!("{{ history({all}, from: $0, step: \"1m\", aggregate: []) {{ points {{ ts }} }} }}"),
            "BAD_USER_INPUT",
        ),
        (format!("{{ points({all}, from: $0, first: 0) {{ nodes {{ ts }} }} }}"), "BAD_USER_INPUT"),
        (format!("{{ points({all}, from: $0, first: 10001) {{ nodes {{ ts }} }} }}"), "BAD_USER_INPUT"),
        (format!("{{ points({all}, from: $0, after: \"x\") {{ nodes {{ ts }} }} }}"), "BAD_USER_INPUT"),
        (format!("{{ series({all}, after: \"!\") {{ nodes {{ key }} }} }}"), "BAD_USER_INPUT"),
        (
            r#"{ latest(selector: {labels: [{name: "a", op: MATCHES, value: "("}]}) { value } }"#.to_owned(),
            "BAD_USER_INPUT",
        ),
        (
            r#"mutation { publish(stream: "absent", points: [{metric: "m", value: 1}]) { accepted } }"#.to_owned(),
            "NOT_FOUND",
        ),
        (
            "{ __schema { types { fields { type { ofType { ofType { ofType { ofType { ofType { ofType { ofType {
               ofType { ofType { ofType { ofType { name } } } } } } } } } } } } } } } }"
                .to_owned(),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            format!("{{ points({all}, from: $0, first: 10000) {{ nodes {{ ts value series {{ id key metric
                labels {{ name value }} }} }} edges {{ cursor node {{ ts value }} }} }} }}"),
            "GRAPHQL_VALIDATION_FAILED",
        ),
    ] {
        assert_eq!(known.code(&query).await, code, "{query}");
    }
    // Nothing of it harmed anybody.
    assert_eq!(
        known.ask("{ metrics { name } }").await["metrics"][0]["name"],
        "temp"
    );
}

#[actix_web::test]
async fn an_answer_is_whole_or_the_error_too_many_rows() {
    let known = Known::input().await;
    // A hundred thousand more points of one series, a millisecond apart.
    let many = format!(
        "insert into points (series_id, partition_id, ts, value, \"offset\", recorded_at)
         select s.id, o.partition_id, timestamptz '{}' + n * interval '1 ms', n, 0, now()
         from generate_series(1, 99999) n,
              (select id from series where metric = 'up') s,
              (select partition_id from ingest_offsets where topic = '{}') o",
        known.base, known.plan.stream
    );
    known.plan.database.run(&many).await;
    // As the writer would have: rollups made before are stale.
    let logged = "insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
        select min(ts), max(ts), array[series_id], array[min(ts)], array[max(ts)] from points
        where series_id = (select id from series where metric = 'up') group by series_id";
    known.plan.database.run(logged).await;
    let up = |rest: &str| {
        format!(r#"{{ history(selector: {{metric: "up"}}, from: $0{rest}) {{ points {{ value }} }} }}"#)
    };
    let answer = known.ask(&up("")).await;
    assert_eq!(
        answer["history"][0]["points"].as_array().map(Vec::len),
        Some(100_000)
    );
    known.store(&[point("up", after(known.base, 500), 1.0)]).await;
    assert_eq!(known.code(&up("")).await, "TOO_MANY_ROWS");
    let answer = known.ask(&up(", step: \"1h\", aggregate: [COUNT]")).await;
    let buckets = answer["history"][0]["points"].as_array().expect("buckets");
    let counted: f64 = buckets.iter().filter_map(|b| b["value"].as_f64()).sum();
    assert_eq!(counted, 100_001.0);
}

#[actix_web::test]
async fn tools_can_read_the_schema() {
    let node = StreamSync::plan().await.launch().await;
    let schema = "{ __schema { queryType { name } subscriptionType { name } types { name fields { name
        args { name type { kind name ofType { kind name ofType { kind name ofType { name } } } } } } } } }";
    let answer = node.query(schema, json!({})).await;
    assert_eq!(answer["__schema"]["subscriptionType"]["name"], "Subscription");
    let types = answer["__schema"]["types"].as_array().expect("types");
    assert!(types.iter().any(|t| t["name"] == "SeriesSelector"));
}

#[actix_web::test]
async fn the_pipeline_tells_how_far_it_is() {
    let known = Known::input().await;
    let query = "{ pipeline { state ready missing degraded subscribers
        partitions { topic partition nextOffset endOffset lag trouble }
        streams { name paused records stored deadLetters } gaps { partition } } }";
    let own = |answer: &Value| {
        let partitions = answer["pipeline"]["partitions"].as_array().expect("partitions");
        let own = partitions.iter().find(|p| p["topic"] == known.plan.stream);
        own.expect("the stream's partition").clone()
    };
    // The consumer hears of a commit after the table has it.
    let answer = eventually("nothing is behind", async || {
        let answer = known.ask(query).await;
        (own(&answer)["lag"] == 0).then_some(answer)
    })
    .await;
    let pipeline = &answer["pipeline"];
    assert_eq!(pipeline["state"], "RUNNING");
    assert_eq!(
        (&pipeline["missing"], &pipeline["degraded"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(pipeline["gaps"], json!([]));
    let stream =
        json!([{"name": known.plan.stream, "paused": false, "records": 21, "stored": 21, "deadLetters": 0}]);
    assert_eq!(pipeline["streams"], stream);
    let expected = json!({"topic": known.plan.stream, "partition": 0, "nextOffset": 21,
        "endOffset": 21, "lag": 0, "trouble": null});
    assert_eq!(own(&answer), expected);
}

#[actix_web::test]
async fn reads_that_do_not_end_keep_no_other_client_out() {
    let known = Known::input().await;
    let database = &known.plan.database;
    // Whatever reads points waits for this lock, until the statement time-out.
    let locking = database.client().await;
    let lock = "begin; lock table points in access exclusive mode";
    locking.batch_execute(lock).await.expect("the lock");
    let stuck = known.with_times(r#"{ history(selector: {}, from: $0) { points { ts } } }"#);
    let mut stuck: FuturesUnordered<_> = (0..30).map(|_| known.node.response(&stuck, json!({}))).collect();
    let waiting = async {
        let query = "select count(*) >= 6 from pg_locks where not granted
            and database = (select oid from pg_database where datname = current_database())";
        eventually("they wait on both workers", async || {
            (database.column(query).await == ["t"]).then_some(())
        })
        .await;
    };
    // By another address, and each time by another connection, so that all workers are asked.
    let connector = awc::Connector::new().local_address([127, 0, 0, 2].into());
    let other = awc::Client::builder().connector(connector).finish();
    let metrics = async {
        waiting.await;
        for _ in 0..8 {
            let asking = other.post(format!("{}/graphql", known.node.url)).force_close();
            let mut answer = asking
                .send_json(&json!({"query": "{ metrics { name } }"}))
                .await
                .expect("an answer in time");
            let answer: Value = answer.json().await.expect("JSON");
            assert_eq!(
                answer["data"]["metrics"].as_array().map(Vec::len),
                Some(2),
                "{answer:#}"
            );
        }
    };
    tokio::select! {
        biased;
        () = metrics => {}
        answer = stuck.next() => panic!("the others are answered first: {answer:?}"),
    }
    locking.batch_execute("rollback").await.expect("the lock is gone");
}
