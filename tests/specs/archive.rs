//! The archive from the terminal and on its schedule, with a local folder.

use std::path::Path;
use std::process::Command;

use crate::support::streamsync::{Plan, command};
use crate::support::terminal::{Ended, directory, run};
use crate::support::{StreamSync, eventually};

/// Two closed days of the past with points, and how often a node looks for them.
async fn plan(folder: &Path) -> Plan {
    let plan = StreamSync::plan().await.settings(&format!(
        "[archive]\nurl = \"file://{}\"\nevery = \"1s\"",
        folder.display()
    ));
    of(&plan, &["migrate"]).printed();
    plan.database
        .run(
            r#"create table points_a partition of points for values from ('2026-01-01Z') to ('2026-01-02Z');
            create table points_b partition of points for values from ('2026-01-02Z') to ('2026-01-03Z');
            insert into series (key, metric, labels, stream) values ('m{a="x"}', 'm', '{"a": "x"}', 's');
            insert into points select 1, 1, timestamptz '2026-01-01Z' + n * interval '1 hour', n / 3.0, n, '2026-01-01Z'
                from generate_series(0, 35) n;
            insert into days (day) values ('2026-01-01'), ('2026-01-02');
            update rollup_edge set edge = '2026-01-03Z'"#,
        )
        .await;
    plan
}

fn command_of(plan: &Plan, arguments: &[&str]) -> (Command, tempfile::TempPath) {
    let file = plan.file();
    let mut command = command();
    command.args(arguments).arg("--config").arg(&file);
    (command, file)
}

fn of(plan: &Plan, arguments: &[&str]) -> Ended {
    let (mut command, _file) = command_of(plan, arguments);
    run(&mut command)
}

#[actix_web::test]
async fn archive_and_restore_say_day_by_day_what_went_and_what_came_back() {
    let folder = directory();
    let plan = plan(folder.path()).await;
    let before = plan.database.points().await;
    let due = of(&plan, &["archive", "--dry-run"]).printed();
    assert_eq!(
        due,
        "2026-01-01 would be archived\n2026-01-02 would be archived\n"
    );
    let archived = of(&plan, &["archive", "--to", "2026-01-01T06:00:00Z"]).printed();
    assert!(archived.starts_with("2026-01-01 v1 24 rows "), "{archived}");
    assert!(
        archived.contains(" bytes sha256:") && archived.lines().count() == 1,
        "{archived}"
    );
    let rest = of(&plan, &["archive"]).printed();
    assert!(rest.starts_with("2026-01-02 v1 12 rows "), "{rest}");
    assert_eq!(of(&plan, &["archive"]).printed(), "");
    let again = of(&plan, &["archive", "--from", "2026-01-02"]).printed();
    assert_eq!(again, "2026-01-02 is in the archive as it is\n");
    let list = of(&plan, &["archive", "--list"]).printed();
    assert!(
        list.contains("/points/2026/01/02-v1.parquet\n") && list.lines().count() == 2,
        "{list}"
    );

    plan.database.run("drop table points_a").await;
    let restored = of(
        &plan,
        &[
            "restore",
            "--from",
            "2026-01-01",
            "--to",
            "2026-01-02T01:00:00Z",
            "--keep",
            "1d",
        ],
    );
    assert_eq!(
        restored.printed(),
        "2026-01-01 24 rows, 24 of them restored, kept for 1day\n\
         2026-01-02 12 rows, 0 of them restored, kept for 1day\n"
    );
    assert_eq!(plan.database.points().await, before);
    let nothing = of(&plan, &["restore", "--from", "2025-01-01", "--to", "2025-01-02"]);
    assert!(nothing.complaint().contains("holds nothing"));
}

#[actix_web::test]
async fn a_running_node_archives_what_is_due() {
    let folder = directory();
    let plan = plan(folder.path()).await;
    let node = plan.start().await;
    eventually("both days are archived", async || {
        let days = "select count(*) from archives where rows in (24, 12)";
        (plan.database.value(days).await == "2").then_some(())
    })
    .await;
    assert_eq!(node.metric("streamsync_archived_days_total", "").await, 2.0);
    assert_eq!(node.metric("streamsync_archive_errors_total", "").await, 0.0);
    node.stop().await;
}

#[actix_web::test]
async fn an_archive_that_cannot_be_written_is_told_and_the_node_stays_ready() {
    let folder = directory();
    let plan = plan(folder.path()).await;
    // A file where the folder has to be.
    std::fs::write(folder.path().join("points"), "").expect("a file");
    let node = plan.start().await;
    eventually("the failure is counted", async || {
        (node.metric("streamsync_archive_errors_total", "").await > 0.0).then_some(())
    })
    .await;
    eventually("the failure is told", async || {
        let log = node.log();
        log.contains("archiving failed; retrying later").then_some(())
    })
    .await;
    node.ready().await;
    std::fs::remove_file(folder.path().join("points")).expect("it is there");
    eventually("it is archived after all", async || {
        let days = "select count(*) from archives";
        (plan.database.value(days).await == "2").then_some(())
    })
    .await;
    node.stop().await;
}

#[cfg(feature = "failpoints")]
#[actix_web::test]
async fn a_crash_before_a_copy_is_recorded_leaves_the_day_to_the_next_run() {
    let folder = directory();
    let plan = plan(folder.path()).await;
    let (mut crashing, _file) = command_of(&plan, &["archive"]);
    let crashed = run(crashing.env("FAILPOINTS", "before-archive-recorded=return"));
    assert_eq!(crashed.code, None, "{crashed:?}");
    assert!(folder.path().join("points/2026/01/01-v1.parquet").exists());
    assert_eq!(plan.database.value("select count(*) from archives").await, "0");
    assert_eq!(of(&plan, &["archive"]).printed().lines().count(), 2);
    assert_eq!(plan.database.value("select count(*) from archives").await, "2");
}

#[actix_web::test]
async fn a_wrong_archive_is_explained() {
    let plan = StreamSync::plan()
        .await
        .settings("[archive]\nurl = \"s3://me:hush@bucket\"\nendpoint = \"minio:9000\"\nevery = \"1ms\"");
    let said = of(&plan, &["check"]).complaint();
    for mistake in ["archive.url: put keys", "archive.endpoint:", "archive.every:"] {
        assert!(said.contains(mistake), "{mistake:?} is not in\n{said}");
    }
    assert!(!said.contains("hush"));
}
