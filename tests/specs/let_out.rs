//! Who is let out, or may do less, while something is open: it ends, on every node, and what is still
//! allowed goes on without a gap.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use streamsync::data::Micros;

use crate::support::asking;
use crate::support::guarded::Guarded;
use crate::support::issuer::Issuer;
use crate::support::kafka::{Record, point};
use crate::support::live::{Event, Subscriber};
use crate::support::open::{Open, SOCKETS, STREAMS, WAYS, Way};
use crate::support::streamsync::Plan;
use crate::support::{StreamSync, eventually, seconds_ago};

/// Far more than the second that it takes at most, for a machine that has much else to do.
const SOON: Duration = Duration::from_secs(10);
/// Points of each metric in a piece.
const PIECE: usize = 10;

/// The metrics of all tests here.
const KEPT: &str = "kept";
const LOST: &str = "lost";

/// A role that reads these metrics.
fn reader(metrics: &[&str]) -> String {
    format!("[auth.roles.reader]\noperations = [\"read\"]\nread = {metrics:?}\n")
}

/// Numbered points of each metric, sent in pieces.
struct Traffic<'p> {
    plan: &'p Plan,
    began: Micros,
    sent: usize,
}

impl<'p> Traffic<'p> {
    fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            began: seconds_ago(3_000),
            sent: 0,
        }
    }

    async fn pieces(&mut self, count: usize) {
        for _ in 0..count {
            let numbers = self.sent..self.sent + PIECE;
            let of = |n: usize| [KEPT, LOST].map(|metric| self.point(metric, n));
            let records: Vec<Record> = numbers.flat_map(of).collect();
            self.plan.send(&records).await;
            self.sent += PIECE;
        }
    }

    fn point(&self, metric: &str, n: usize) -> Record {
        let at = self.began.plus(Duration::from_millis(n as u64));
        point(metric, at, n as f64).key("k")
    }

    /// The values of one metric so far.
    fn values(&self) -> Vec<f64> {
        (0..self.sent).map(|n| n as f64).collect()
    }
}

/// The answer to a question with this credential.
async fn ask(node: &StreamSync, credential: &str, query: &str) -> Value {
    let bearer = format!("Bearer {credential}");
    asking::ask(node, &[("authorization", &bearer)], query).await.1
}

/// Sends more until these nodes know that the holder of this key reads only one metric.
async fn until_narrower(nodes: &[&StreamSync], key: &str, traffic: &mut Traffic<'_>) {
    for node in nodes {
        eventually("the role is narrower", async || {
            traffic.pieces(1).await;
            let answer = ask(node, key, "{ me { read } }").await;
            (answer["data"]["me"]["read"] == json!([KEPT])).then_some(())
        })
        .await;
    }
}

/// One of each way, by turns on these nodes, that gets these metrics.
async fn open(ways: &[Way], nodes: &[&StreamSync], credential: &str, metrics: &[&str]) -> Vec<Open> {
    let open = ways.iter().zip(nodes.iter().cycle()).map(async |(way, node)| {
        let mut open = Open::new(*way, node, credential).await.expect("it is let in");
        for metric in metrics {
            open.subscribe(metric, None).await.expect("it is subscribed");
        }
        open
    });
    join_all(open).await
}

#[actix_web::test]
async fn a_revoked_key_ends_everything_that_is_open_on_every_node() {
    let server = Guarded::of(StreamSync::plan().await.settings(&reader(&[KEPT]))).await;
    let (key, other) = (
        server.key("panel", "reader", &[]),
        server.key("other", "reader", &[]),
    );
    let (one, two) = (server.node().await, server.node().await);
    let nodes = [&one, &two];
    let mut traffic = Traffic::new(&server.plan);
    let mut let_out = open(&WAYS, &nodes, &key, &[KEPT]).await;
    let_out.extend(open(&WAYS, &[&two, &one], &key, &[KEPT]).await);
    let mut stays = open(&WAYS, &nodes, &other, &[KEPT]).await;
    traffic.pieces(2).await;
    for open in &mut let_out {
        assert_eq!(open.values(KEPT, traffic.sent).await, traffic.values());
    }

    let began = Instant::now();
    assert!(server.keys(&["revoke", "panel"]).status.success());
    let ends = let_out.iter_mut().map(|open| open.last(KEPT));
    let ends = join_all(ends).await;
    println!(
        "{} subscriptions on two nodes ended {:?} after the revocation began",
        ends.len(),
        began.elapsed()
    );
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    for ((_, code, _), way) in ends.into_iter().zip(WAYS.into_iter().cycle()) {
        let expected = if SOCKETS.contains(&way) {
            "4403"
        } else {
            "UNAUTHENTICATED"
        };
        assert_eq!(code, expected, "{way:?}");
    }
    for node in nodes {
        // More than five failures of an address would have to wait.
        for way in SOCKETS {
            assert_eq!(
                Open::new(way, node, &key).await.err().as_deref(),
                Some("4403"),
                "{way:?}"
            );
        }
        for way in STREAMS {
            let mut stream = Open::new(way, node, &key).await.expect("nothing is asked yet");
            assert_eq!(
                stream.subscribe(KEPT, None).await,
                Err("401".to_owned()),
                "{way:?}"
            );
        }
    }
    // Others have noticed nothing.
    traffic.pieces(2).await;
    for open in &mut stays {
        assert_eq!(open.values(KEPT, traffic.sent).await, traffic.values());
    }
}

#[actix_web::test]
async fn a_narrower_role_ends_what_it_forbids_and_all_else_has_every_point_once() {
    let both = reader(&[KEPT, LOST]);
    let server = Guarded::of(StreamSync::plan().await.settings(&both)).await;
    let key = server.key("panel", "reader", &[]);
    let (one, two) = (server.node().await, server.node().await);
    let nodes = [&one, &two];
    let mut traffic = Traffic::new(&server.plan);
    let mut open = open(&WAYS, &nodes, &key, &[KEPT, LOST]).await;
    traffic.pieces(5).await;
    server.reload(&reader(&[KEPT]), &nodes);
    until_narrower(&nodes, &key, &mut traffic).await;
    traffic.pieces(5).await;
    let mut ends = Vec::new();
    for open in &mut open {
        let (values, code, cursor) = open.last(LOST).await;
        assert_eq!(code, "FORBIDDEN");
        assert_eq!(values, traffic.values()[..values.len()]);
        assert_eq!(
            open.subscribe(LOST, None).await,
            Ok(()),
            "a series that is none of the role's"
        );
        ends.push((values, cursor));
    }
    // A wider one changes nothing for what runs, and who comes back goes on where it was.
    server.reload(&both, &nodes);
    for node in nodes {
        eventually("the role is wider", async || {
            traffic.pieces(1).await;
            let answer = ask(node, &key, "{ me { read } }").await;
            (answer["data"]["me"]["read"] == json!([KEPT, LOST])).then_some(())
        })
        .await;
    }
    traffic.pieces(5).await;
    for ((open, (mut values, cursor)), (way, node)) in
        { open.iter_mut().zip(ends) }.zip(WAYS.iter().zip(nodes.iter().cycle()))
    {
        assert_eq!(open.values(KEPT, traffic.sent).await, traffic.values(), "{way:?}");
        let mut again = Open::new(*way, node, &key).await.expect("it is let in");
        let resumed = again.subscribe(LOST, cursor.as_deref()).await;
        resumed.expect("it goes on");
        values.extend(again.values(LOST, traffic.sent - values.len()).await);
        assert_eq!(values, traffic.values(), "{way:?}");
    }
}

/// Expires this long from now, or a second earlier. A token is good for half a minute longer than it says.
fn expiring_in(seconds: i64) -> (Value, Micros) {
    let leeway = 30;
    let now = Micros::now().0 / 1_000_000;
    let claims = json!({"role": "reader", "exp": now + seconds - leeway});
    (claims, Micros((now + seconds) * 1_000_000))
}

/// Time for all to subscribe before their token expires.
const IN_TIME: i64 = 10;

#[actix_web::test]
async fn an_expired_token_ends_streams_at_once_and_sockets_after_a_grace_unless_another_has_come() {
    const GRACE: Duration = Duration::from_secs(2);
    let issuer = Issuer::new();
    let settings = format!("[auth]\ngrace = \"2s\"\n{}{}", reader(&[KEPT]), issuer.settings());
    let server = Guarded::of(StreamSync::plan().await.settings(&settings)).await;
    let (one, two) = (server.node().await, server.node().await);
    let nodes = [&one, &two];
    let mut traffic = Traffic::new(&server.plan);
    let (claims, expires) = expiring_in(IN_TIME);
    let token = issuer.token(claims);
    let mut silent = open(&WAYS, &nodes, &token, &[KEPT]).await;
    let mut renewing = open(&SOCKETS, &nodes, &token, &[KEPT]).await;
    let ends = silent
        .iter_mut()
        .map(async |open| (open.last(KEPT).await, Micros::now()));
    let renewals = async {
        let over = expires.plus(GRACE).plus(Duration::from_secs(1));
        let mut lives = 300;
        while Micros::now() < over {
            traffic.pieces(1).await;
            lives += 1;
            let exp = Micros::now().0 / 1_000_000 + lives;
            let next = issuer.token(json!({"role": "reader", "exp": exp}));
            for open in &mut renewing {
                assert_eq!(open.renew(&next).await, Ok(()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Somebody else's is not taken, and nothing comes of it.
        let strange = issuer.token(json!({"role": "reader", "sub": "eve"}));
        for open in &mut renewing {
            assert_eq!(open.renew(&strange).await, Err("refused".to_owned()));
        }
        traffic.pieces(1).await;
    };
    let (ends, ()) = tokio::join!(join_all(ends), renewals);
    for (((values, code, _), at), way) in ends.into_iter().zip(WAYS) {
        let (expected, after) = match SOCKETS.contains(&way) {
            true => ("4401", expires.plus(GRACE)),
            false => ("UNAUTHENTICATED", expires),
        };
        println!("{way:?} ended {} ms after it was due", (at.0 - after.0) / 1_000);
        assert_eq!(code, expected, "{way:?}");
        assert!(
            after <= at && at < after.plus(SOON),
            "{way:?}: {at} instead of {after}"
        );
        assert_eq!(values, traffic.values()[..values.len()], "{way:?}");
    }
    for open in &mut renewing {
        assert_eq!(open.values(KEPT, traffic.sent).await, traffic.values());
    }
}

#[actix_web::test]
async fn changes_of_roles_and_issuers_reach_who_goes_on_with_an_expired_token() {
    let issuer = Issuer::new();
    let settings =
        |metrics: &[&str], issuer: &str| format!("[auth]\ngrace = \"1h\"\n{}{issuer}", reader(metrics));
    let trusted = issuer.settings();
    let plan = StreamSync::plan()
        .await
        .settings(&settings(&[KEPT, LOST], &trusted));
    let server = Guarded::of(plan).await;
    let key = server.key("probe", "reader", &[]);
    let node = server.node().await;
    let mut traffic = Traffic::new(&server.plan);
    let (claims, expires) = expiring_in(IN_TIME);
    let mut open = open(&SOCKETS, &[&node], &issuer.token(claims), &[KEPT, LOST]).await;
    while Micros::now() <= expires {
        traffic.pieces(1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.reload(&settings(&[KEPT], &trusted), &[&node]);
    until_narrower(&[&node], &key, &mut traffic).await;
    traffic.pieces(1).await;
    for open in &mut open {
        let (values, code, _) = open.last(LOST).await;
        assert_eq!(
            (&*code, &*values),
            ("FORBIDDEN", &traffic.values()[..values.len()])
        );
        assert_eq!(open.values(KEPT, traffic.sent).await, traffic.values());
    }
    server.reload(&settings(&[KEPT], ""), &[&node]);
    for open in &mut open {
        assert_eq!(open.last(KEPT).await.1, "4401");
    }
}

#[actix_web::test]
async fn who_watches_the_pipeline_sees_the_streams_of_its_role_as_it_is_at_each_moment() {
    let role = |streams: &[&str]| {
        format!("[auth.roles.watcher]\noperations = [\"read\"]\nread = [\"*\"]\nstreams = {streams:?}\n")
    };
    let plan = StreamSync::plan().await;
    let (own, other) = (plan.stream.clone(), format!("{}-b", plan.stream));
    let plan = plan.settings(&role(&[&own])).another_stream(&other, "");
    let server = Guarded::of(plan).await;
    let key = server.key("panel", "watcher", &[]);
    let node = server.node().await;
    let mut socket = Subscriber::socket(&node, "graphql-transport-ws").await;
    let query = "subscription { pipeline(every: \"250ms\") { streams { name } } }";
    socket
        .send(json!({"type": "connection_init", "payload": {"token": key}}))
        .await;
    socket
        .send(json!({"type": "subscribe", "id": "1", "payload": {"query": query}}))
        .await;
    assert_eq!(
        socket.frame().await.expect("a greeting")["type"],
        "connection_ack"
    );
    let mut seen = async || match socket.event().await {
        Event::Next(state) => {
            let streams = state["data"]["pipeline"]["streams"]
                .as_array()
                .expect("streams")
                .len();
            Ok(streams)
        }
        Event::Error(errors) => Err(errors[0]["extensions"]["code"].clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(seen().await, Ok(1));
    server.reload(&role(&[&own, &other]), &[&node]);
    eventually("it sees both", async || (seen().await == Ok(2)).then_some(())).await;
    server.reload(&role(&[&other]), &[&node]);
    let end = eventually("it ends", async || seen().await.err()).await;
    assert_eq!(end, "FORBIDDEN");
}
