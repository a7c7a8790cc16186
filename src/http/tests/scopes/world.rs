//! A server over a random catalogue, asked by viewers with random roles.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpMessage, test, web};
use parking_lot::Mutex;

use super::super::{settings, writes};
use crate::access::{Access, Identity, Principal};
use crate::actors::aggregates::Aggregates;
use crate::actors::hub::HubHandle;
use crate::cache::LatestCache;
use crate::data::stored::Range;
use crate::data::{Grant, Installation, Micros, Selector, Series, Stored, StoredPoint, StoredSeries, Viewer};
use crate::feed::{CatchUp, Feeds};
use crate::graphql::{self, Api};
use crate::http::{HttpConfig, Parts, PerWorker, services};
use crate::live::index::Limits;
use crate::store::read::{ReadLimits, Reader};
use crate::store::testing::Database;
use crate::telemetry::Metrics;

/// Whoever the header `x-viewer` names by number.
type Viewers = Arc<Mutex<Vec<Arc<Principal>>>>;

pub struct World {
    pub db: Database,
    pub hub: HubHandle,
    pub catalogue: Vec<Arc<Series>>,
    key: Arc<Installation>,
    viewers: Viewers,
    /// The next offset.
    offset: Cell<i64>,
}

impl World {
    pub async fn start(catalogue: Vec<Arc<Series>>) -> Self {
        let db = Database::create().await;
        db.run(
            "create table points_all partition of points default;
             insert into ingest_offsets (stream, topic, partition, epoch, topic_id, next_offset)
             values ('s1', 't1', 0, 1, 'x', 0), ('s2', 't2', 0, 1, 'x', 0), ('s3', 't3', 0, 1, 'x', 0);
             insert into dead_letters (stream, reason, detail, topic, topic_id, partition, \"offset\",
                                       recorded_at, payload_size, headers)
             select 's' || 1 + n % 3, 'not_json', 'd', 't', 'id', 0, n, now(), 0, '[]'
             from generate_series(1, 20) n;",
        )
        .await;
        for series in &catalogue {
            let insert =
                "insert into series (key, metric, labels, stream) values ($1, $2, $3::text::jsonb, 's1')";
            let labels = series.labels_json();
            let row: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
                [&&*series.key, &&*series.metric, &labels];
            db.client.execute(insert, &row).await.unwrap();
        }
        let hub = HubHandle::start(
            db.url.clone(),
            1 << 20,
            Limits::default(),
            LatestCache::local(1_000),
            Arc::<Metrics>::default(),
            Arc::default(),
        );
        let key = Installation::new("id".to_owned(), &[1; 32]).unwrap();
        Self {
            db,
            hub,
            catalogue,
            key: Arc::new(key),
            viewers: Viewers::default(),
            offset: Cell::new(0),
        }
    }

    pub fn set(&self, viewer: usize, grant: Grant) {
        let subject = format!("key:{viewer}");
        let viewer_of = Viewer::new(subject.as_str(), Arc::new(grant));
        let principal = Arc::new(Principal {
            viewer: viewer_of.with_sealed_cursors(Arc::clone(&self.key)),
            identity: Identity::Anonymous,
            name: subject.as_str().into(),
            role: "random".into(),
            expires: None,
        });
        let mut viewers = self.viewers.lock();
        match viewers.get_mut(viewer) {
            Some(before) => *before = principal,
            None => viewers.push(principal),
        }
    }

    pub fn viewer(&self, viewer: usize) -> Viewer {
        self.viewers.lock()[viewer].viewer.clone()
    }

    /// The keys of the series that a viewer gets who asks for these: a fold over all there are.
    pub fn visible(&self, viewer: usize, selector: &Selector) -> BTreeSet<String> {
        let grant = self.viewer(viewer).grant().clone();
        let seen = |series: &&Arc<Series>| {
            let mut scope = grant.read.selectors().iter();
            selector.matches(series) && scope.any(|selector| selector.matches(series))
        };
        let seen = self.catalogue.iter().filter(seen);
        seen.map(|series| series.key.to_string()).collect()
    }

    pub async fn app(
        &self,
    ) -> impl Service<actix_http::Request, Response = ServiceResponse, Error = Error> + use<> {
        let metrics = Arc::<Metrics>::default();
        let catch_up = CatchUp::start(&self.db.url, &metrics).unwrap();
        let feeds = Feeds::new(self.hub.clone(), catch_up, 1 << 20, &metrics);
        let aggregates = Aggregates::start(self.db.url.clone(), self.hub.clone(), metrics).unwrap();
        let url = self.db.url.clone();
        let parts = Parts {
            schema: Api::new(graphql::tests::services()),
            per_worker: Arc::new(move || {
                let reader = Reader::new(url.clone(), ReadLimits::default()).unwrap();
                let (own, own_feeds, aggregates) = (reader.clone(), feeds.clone(), aggregates.clone());
                PerWorker {
                    data: Rc::new(move |client| {
                        let mut data = async_graphql::Data::default();
                        data.insert(own.clone());
                        data.insert(client);
                        data.insert(own_feeds.clone());
                        data.insert(aggregates.clone());
                        data
                    }),
                    reader: Some(reader),
                    feeds: Some(feeds.clone()),
                }
            }),
            live: settings(),
            writes: writes(),
            access: Access::open(),
            metrics: Arc::default(),
            status: Arc::default(),
        };
        let viewers = web::Data::new(Arc::clone(&self.viewers));
        let app = App::new()
            .app_data(viewers)
            .wrap(from_fn(as_viewer))
            .configure(services(&HttpConfig::default(), &parts));
        test::init_service(app).await
    }

    /// One point of each series, committed as the writer does and given to the hub. Its value is the number
    /// of the series.
    pub async fn commit(&self) {
        let count = self.catalogue.len() as i64;
        let from = self.offset.get();
        let to = from + count;
        self.offset.set(to);
        let start = 1_767_225_600 + from;
        self.db
            .run(&format!(
                "begin;
                 insert into points select 1 + n, 1, to_timestamp({start} + n), n, {from} + n, now()
                 from generate_series(0, {count} - 1) n;
                 insert into commits (partition_id, from_offset, to_offset, min_ts, max_ts, points, series_ids)
                 values (1, {from}, {to}, to_timestamp({start}), to_timestamp({start} + {count}), {count},
                         (select array_agg(n) from generate_series(1, {count}) n));
                 update ingest_offsets set next_offset = {to} where partition_id = 1; commit;"
            ))
            .await;
        let point = |n: i64| StoredPoint {
            series: n as u32,
            ts: Micros((start + n) * 1_000_000),
            value: n as f64,
            partition_id: 1,
            offset: from + n,
        };
        let series = |(at, series): (usize, &Arc<Series>)| StoredSeries {
            id: at as i32 + 1,
            series: Arc::clone(series),
        };
        self.hub.publish(Arc::new(Stored {
            ranges: vec![Range {
                partition_id: 1,
                from,
                to,
            }],
            series: self.catalogue.iter().enumerate().map(series).collect(),
            points: (0..count).map(point).collect(),
        }));
    }
}

async fn as_viewer(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let number = request.headers().get("x-viewer").unwrap().to_str().unwrap();
    let number: usize = number.parse().unwrap();
    let viewers = request.app_data::<web::Data<Viewers>>().unwrap().clone();
    let principal = Arc::clone(&viewers.lock()[number]);
    request.extensions_mut().insert(principal);
    next.call(request).await
}
