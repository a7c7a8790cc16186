//! Lanes that fail, and lanes that many want.

use std::net::IpAddr;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::*;
use crate::data::{MatchOp, Selector, Viewer};
use crate::store::testing::Database;

#[tokio::test]
async fn a_lane_that_fails_serves_whoever_asks_next() {
    let (asks, asked) = mpsc::channel::<Option<oneshot::Sender<()>>>(1);
    let serve = async |(): &(), asked: &mut mpsc::Receiver<Option<oneshot::Sender<()>>>| {
        while let Some(question) = asked.recv().await {
            let _ = question.expect("a question").send(());
        }
    };
    let asking = async move {
        asks.send(None).await.unwrap();
        let (reply, answer) = oneshot::channel();
        asks.send(Some(reply)).await.unwrap();
        assert_eq!(answer.await, Ok(()));
    };
    tokio::join!(lane("test", &(), asked, serve), asking);
}

#[actix::test]
async fn selectors_that_look_at_every_series_do_not_make_another_client_wait() {
    let db = Database::create().await;
    db.run("insert into series (key, metric, labels, stream) values ('m{}', 'm', '{}', 's')")
        .await;
    let catch_up = CatchUp::start(&db.url, &Arc::default()).unwrap();
    let client = |n: u8| catch_up.for_client(IpAddr::from([10, 0, 0, n]).into());
    let (greedy, modest) = (client(1), client(2));
    let selector = |n: usize| {
        let pattern = format!(".*{n}");
        Viewer::everyone().select(Selector::of(None, &[("l", MatchOp::NotMatches, &pattern)]))
    };
    let selectors: Vec<Scoped> = (0..200).map(selector).collect();
    let mut many: FuturesUnordered<_> = selectors[1..]
        .iter()
        .map(|selector| greedy.matching(selector))
        .collect();
    let mut one = std::pin::pin!(modest.matching(&selectors[0]));
    // The first statement waits until all have asked.
    db.run("begin; lock table series in access exclusive mode").await;
    assert!(many.next().now_or_never().is_none());
    assert!((&mut one).now_or_never().is_none());
    db.run("commit").await;
    let mut before = 0;
    let names = loop {
        tokio::select! {
            biased;
            names = &mut one => break names.unwrap().expect("few series"),
            answer = many.next() => {
                answer.expect("it waits longer than the other").unwrap();
                before += 1;
            }
        }
    };
    assert_eq!(names.len(), 1);
    assert!(before < 3, "{before} of 199 were answered before it");
}

#[actix::test]
async fn one_client_cannot_have_all_places_of_a_lane() {
    let db = Database::create().await;
    let catch_up = CatchUp::start(&db.url, &Arc::default()).unwrap();
    let client = |n: u8| catch_up.for_client(IpAddr::from([10, 0, 0, n]).into());
    let (greedy, modest) = (client(1), client(2));
    let mut open = Vec::new();
    for _ in 0..OPEN_EACH {
        open.push(greedy.lanes.open.turn(greedy.client, Class::Heavy).await.unwrap());
    }
    assert_eq!(greedy.horizon().await.unwrap_err(), FeedError::Overloaded);
    assert!(modest.horizon().await.is_ok());
    open.pop();
    assert!(greedy.horizon().await.is_ok());
}
