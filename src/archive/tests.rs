//! The whole way of a day on a real Postgres and a local folder.

use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::data::{Micros, Series};
use crate::store::PATIENCE;
use crate::store::archive::{Standing, alone, archives, days};
use crate::store::testing::Database;

/// Everything that is stored of the points, bit by bit.
const POINTS: &str = r#"select s.key, s.metric, s.labels, s.stream, extract(epoch from ts), float8send(value),
        partition_id, "offset", extract(epoch from recorded_at)
    from points p join series s on s.id = p.series_id order by s.key collate "C", ts"#;
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// A database with one closed day, and a folder for the archive.
struct World {
    db: Database,
    folder: tempfile::TempDir,
    target: Target,
    day: Day,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        let world = Self {
            db: Database::create().await,
            target: Target::open(&url, &S3::default()).unwrap(),
            folder,
            day: Day::of(Micros::from_rfc3339("2026-01-01T00:00:00Z").unwrap()),
        };
        world
            .db
            .run(
                "create table points_p20260101 partition of points
                    for values from ('2026-01-01Z') to ('2026-01-02Z');
                insert into days (day) values ('2026-01-01');
                update rollup_edge set edge = '2026-01-02Z'",
            )
            .await;
        world
    }

    async fn with_points(count: u32) -> Self {
        let world = Self::new().await;
        world.series(&Series::new("m", [("site", "north")])).await;
        world
            .db
            .run(&format!(
                "insert into points select 1, 7, timestamptz '2026-01-01Z' + n * interval '1 ms', n / 3.0, n,
                    '2026-01-01Z' from generate_series(1, {count}) n"
            ))
            .await;
        world
    }

    async fn series(&self, series: &Series) -> i32 {
        let insert = "insert into series (key, metric, labels, stream)
            values ($1, $2, $3::text::jsonb, 's') on conflict (key) do update set stream = 's' returning id";
        let (key, metric, labels) = (&*series.key, &*series.metric, series.labels_json());
        let row = self.db.client.query_one(insert, &[&key, &metric, &labels]).await;
        row.unwrap().get(0)
    }

    async fn archive(&self) -> Result<Option<Archived>, ArchiveError> {
        let mut client = alone(&self.db.url, PATIENCE).await.unwrap().expect("nobody else");
        archive(&mut client, self.day, &self.target, |_| ()).await
    }

    async fn drop_day(&self) {
        self.db
            .run("drop table points_p20260101; delete from series where true")
            .await;
        assert!(self.points().await.is_empty());
    }

    async fn restore(&self) -> Result<u64, ArchiveError> {
        let copies = archives(&self.db.client, Micros::FIRST, Micros::LAST)
            .await
            .unwrap();
        restore(&self.db.url, &copies[0], &S3::default(), WEEK, |_| ()).await
    }

    async fn points(&self) -> Vec<String> {
        self.db.rows(POINTS).await
    }

    async fn standing(&self) -> Standing {
        days(&self.db.client, Micros::FIRST, Micros::LAST).await.unwrap()[0].standing
    }

    fn file(&self, version: i64) -> PathBuf {
        self.folder
            .path()
            .join(format!("points/2026/01/01-v{version}.parquet"))
    }

    fn corrupt(&self, version: i64) {
        let mut bytes = std::fs::read(self.file(version)).unwrap();
        // Within the first column chunk, not in the footer.
        let at = bytes.len() / 3;
        bytes[at] ^= 0x20;
        std::fs::write(self.file(version), bytes).unwrap();
    }
}

#[tokio::test]
async fn a_day_that_was_dropped_comes_back_as_it_was() {
    let world = World::with_points(20_000).await;
    let before = world.points().await;
    let copy = world.archive().await.unwrap().expect("the day is due");
    assert_eq!((copy.rows, copy.version), (20_000, 1));
    assert_eq!(copy.bytes, std::fs::metadata(world.file(1)).unwrap().len());
    assert_eq!(world.standing().await, Standing::Archived);
    assert_eq!(world.archive().await.unwrap(), None, "once is enough");

    world.drop_day().await;
    assert_eq!(world.restore().await.unwrap(), 20_000);
    assert_eq!(world.points().await, before);
    let kept = "select day, keep_until > now() + interval '6 days' from restored";
    assert_eq!(world.db.rows(kept).await, ["2026-01-01|t"]);
    // The rollups were made of these very points.
    assert_eq!(world.db.rows("select count(*) from invalidations").await, ["0"]);
    assert_eq!(world.standing().await, Standing::Archived);
    assert_eq!(world.restore().await.unwrap(), 0, "what is there stays");
}

#[tokio::test]
async fn any_value_and_any_label_comes_back_bit_by_bit() {
    let world = World::new().await;
    let value = prop_oneof![
        proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO,
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        Just(-0.0),
    ];
    let text = || "[^\0]{0,12}";
    let series = (text(), vec((text(), text()), 0..4));
    let point = (0..86_400_000_000_i64, value, any::<i32>(), any::<i64>());
    let many = vec((series, vec(point, 0..6)), 1..12);
    for _ in 0..24 {
        let values = many.new_tree(&mut TestRunner::default()).unwrap().current();
        world
            .db
            .run("truncate points, archives, series restart identity")
            .await;
        for ((metric, labels), points) in values {
            let id = world.series(&Series::new(metric, labels)).await;
            for (at, value, partition, offset) in points {
                let insert = "insert into points values ($1, $2,
                    timestamptz '2026-01-01Z' + $5 * interval '1 us', $3, $4,
                    '2026-01-01Z'::timestamptz - $5 * interval '7 ms') on conflict do nothing";
                let at = at as f64;
                let row = world
                    .db
                    .client
                    .execute(insert, &[&id, &partition, &value, &offset, &at])
                    .await;
                row.unwrap();
            }
        }
        let before = world.points().await;
        if before.is_empty() {
            continue;
        }
        world.archive().await.unwrap().expect("the day is due");
        world.db.run("truncate points, series restart identity").await;
        assert_eq!(world.restore().await.unwrap(), before.len() as u64);
        assert_eq!(world.points().await, before);
    }
}

#[tokio::test]
async fn a_day_of_any_size_is_held_in_memory_by_row_groups() {
    let rows = file::ROW_GROUP * 2 + 5;
    let world = World::with_points(rows as u32).await;
    let mut pages = Vec::new();
    let mut client = alone(&world.db.url, PATIENCE)
        .await
        .unwrap()
        .expect("nobody else");
    let archived = archive(&mut client, world.day, &world.target, |page| pages.push(page)).await;
    assert_eq!(archived.unwrap().expect("the day is due").rows, rows as u64);
    assert!(pages.iter().all(|page| *page <= 8_192));
    let file = std::fs::File::open(world.file(1)).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let groups = reader.metadata().row_groups();
    let sizes: Vec<_> = groups.iter().map(|group| group.num_rows()).collect();
    assert_eq!(sizes, [file::ROW_GROUP as i64, file::ROW_GROUP as i64, 5]);
    let facts = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let fact = |key: &str| {
        facts
            .iter()
            .find(|fact| fact.key == key)
            .and_then(|f| f.value.clone())
    };
    assert_eq!(fact("streamsync.rows"), Some(rows.to_string()));
    assert_eq!(fact("streamsync.day").as_deref(), Some("2026-01-01"));
}

#[tokio::test]
async fn a_day_that_changed_is_archived_again() {
    let world = World::with_points(10).await;
    world.archive().await.unwrap().expect("the day is due");
    world
        .db
        .run("update points set value = 99; update days set version = 2")
        .await;
    let copy = world.archive().await.unwrap().expect("the day is due again");
    assert_eq!(copy.version, 2);
    let recorded = "select version, url, checksum from archives";
    assert_eq!(
        world.db.rows(recorded).await,
        [format!("2|{}|{}", copy.url, copy.checksum)]
    );
    assert!(world.file(1).exists() && world.file(2).exists());
}

#[tokio::test]
async fn points_that_came_after_the_copy_stay_and_have_the_rollups_made_anew() {
    let world = World::with_points(3).await;
    world.archive().await.unwrap().expect("the day is due");
    world.db.run("delete from points").await;
    world
        .db
        .run(
            "insert into points values (1, 9, timestamptz '2026-01-01Z' + interval '2 ms', 42, 0, '2026-01-01Z');
            update days set version = 2",
        )
        .await;
    assert_eq!(world.restore().await.unwrap(), 2);
    let values = "select value from points order by ts";
    assert_eq!(world.db.rows(values).await, ["0.3333333333333333", "42", "1"]);
    let log = "select series_ids, extract(milliseconds from max_ts) from invalidations";
    assert_eq!(world.db.rows(log).await, ["{1}|3.000"]);
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn a_file_that_the_store_has_damaged_is_noticed_and_not_recorded() {
    let world = World::with_points(5_000).await;
    let damaged = world.file(1);
    // Other tests pass here as well, with files of their own.
    fail::cfg_callback("archive-uploaded", move || {
        if let Ok(mut bytes) = std::fs::read(&damaged) {
            let at = bytes.len() / 3;
            bytes[at] ^= 0x20;
            let _ = std::fs::write(&damaged, bytes);
        }
    })
    .unwrap();
    let noticed = world.archive().await;
    fail::remove("archive-uploaded");
    assert!(
        matches!(
            noticed,
            Err(ArchiveError::Differs { .. } | ArchiveError::Parquet(_))
        ),
        "{noticed:?}"
    );
    assert_eq!(world.db.rows("select count(*) from archives").await, ["0"]);
    assert_eq!(world.standing().await, Standing::Due);
    world
        .archive()
        .await
        .unwrap()
        .expect("the next run writes it anew");
    assert_eq!(world.standing().await, Standing::Archived);
}

#[tokio::test]
async fn a_damaged_file_brings_nothing_back() {
    let world = World::with_points(20_000).await;
    world.archive().await.unwrap().expect("the day is due");
    world.corrupt(1);
    world.drop_day().await;
    assert!(world.restore().await.is_err());
    assert!(world.points().await.is_empty());
    assert_eq!(world.db.rows("select count(*) from restored").await, ["0"]);
}

#[tokio::test]
async fn one_node_at_a_time_archives_and_each_day_once() {
    let world = World::with_points(10).await;
    let schedule = || Schedule {
        database: world.db.url.clone(),
        target: world.target.clone(),
        after: Duration::ZERO,
        every: WEEK,
        metrics: Default::default(),
    };
    let other = alone(&world.db.url, PATIENCE)
        .await
        .unwrap()
        .expect("nobody else");
    schedule().once().await.unwrap();
    assert_eq!(world.standing().await, Standing::Due);
    drop(other);
    let (one, two) = (schedule(), schedule());
    let both = async || -> Result<u64, ArchiveError> {
        futures_util::try_join!(one.once(), two.once())?;
        Ok(one.metrics.archived_days.get() + two.metrics.archived_days.get())
    };
    // The session that was dropped ends a moment later.
    while both().await.unwrap() == 0 {}
    assert_eq!(both().await.unwrap(), 1);
    assert_eq!(world.standing().await, Standing::Archived);
}

#[test]
fn an_url_is_a_folder_or_a_bucket_and_holds_no_keys() {
    let open =
        |url: &str| Target::open(url, &S3::default()).map(|target| target.of_day(Day::of(Micros(0)), 3));
    let target = open("s3://bucket/a/b/").unwrap();
    assert_eq!(target.url, "s3://bucket/a/b/points/1970/01/01-v3.parquet");
    assert_eq!(target.path.as_ref(), "a/b/points/1970/01/01-v3.parquet");
    assert_eq!(
        open("file:///a").unwrap().path.as_ref(),
        "a/points/1970/01/01-v3.parquet"
    );
    for wrong in ["", "/folder", "file://", "file://host/a", "ftp://a/b", "s3://"] {
        assert!(matches!(open(wrong), Err(BadTarget::Form)), "{wrong}");
    }
    assert!(matches!(
        open("s3://key:secret@bucket/"),
        Err(BadTarget::Credentials)
    ));
    assert!(open("file:///a/../b").is_err());
}
