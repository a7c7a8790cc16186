//! Root and the user whom Postgres runs as: whatever that user puts in its way, no file of root's
//! changes hands. These need root; as another user they say so and end.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use super::*;

/// Root's alone, and what it must still be afterwards.
struct Secret(tempfile::TempDir);

impl Secret {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let secret = Self(dir);
        fs::write(secret.path(), "root's").unwrap();
        fs::set_permissions(secret.path(), fs::Permissions::from_mode(0o600)).unwrap();
        secret
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("secret")
    }

    fn is_untouched(&self) -> bool {
        let meta = fs::metadata(self.path()).unwrap();
        let kept = (meta.uid(), meta.mode() & 0o777) == (0, 0o600);
        kept && fs::read_to_string(self.path()).unwrap() == "root's"
    }
}

fn uid_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().uid()
}

/// A data directory as an earlier version left it: the Postgres user's, with all that is in it.
fn of_an_earlier_version() -> (tempfile::TempDir, u32) {
    let dir = open_dir();
    let server = Embedded::start(dir.path()).unwrap();
    sql(&server.url(), "create table kept as select 11 as answer");
    let (uid, gid) = {
        let meta = fs::metadata(server.data()).unwrap();
        (meta.uid(), meta.gid())
    };
    server.stop().unwrap();
    fs::remove_file(dir.path().join("socket")).unwrap();
    for name in ["", "lock", "postgres.log"] {
        chown(dir.path().join(name), Some(uid), Some(gid)).unwrap();
    }
    fs::set_permissions(dir.path().join("postgres.log"), fs::Permissions::from_mode(0o644)).unwrap();
    (dir, uid)
}

#[test]
fn only_the_cluster_belongs_to_the_postgres_user() {
    if !is_root() {
        return;
    }
    let dir = open_dir();
    let place = dir.path().join("made/by/us");
    let server = Embedded::start(&place).unwrap();
    assert_ne!(uid_of(&place.join("postgres")), 0);
    for name in ["", "lock", "socket", "postgres.log"] {
        assert_eq!(uid_of(&place.join(name)), 0, "{name}");
    }
    assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o755);
    assert_eq!(
        fs::metadata(place.join("postgres.log")).unwrap().mode() & 0o777,
        0o600
    );
    assert!(fs::metadata(place.join("postgres.log")).unwrap().len() > 0);
    let socket = socket_dir(&server.url());
    let meta = fs::symlink_metadata(&socket).unwrap();
    assert_eq!((meta.uid(), meta.mode() & 0o777), (uid_of(server.data()), 0o700));
    server.stop().unwrap();
}

#[test]
fn a_data_directory_of_an_earlier_version_is_taken_back_and_works_on() {
    if !is_root() {
        return;
    }
    let (dir, uid) = of_an_earlier_version();
    let server = Embedded::start(dir.path()).unwrap();
    assert_eq!(sql(&server.url(), "select answer from kept"), "11");
    assert_eq!((uid_of(dir.path()), uid_of(server.data())), (0, uid));
    let log = fs::metadata(dir.path().join("postgres.log")).unwrap();
    assert_eq!(log.mode() & 0o777, 0o600);
    server.stop().unwrap();
}

#[test]
fn links_and_pipes_in_the_place_of_our_files_are_refused_and_what_they_lead_to_is_left_alone() {
    if !is_root() {
        return;
    }
    for name in ["lock", "postgres.log", "socket"] {
        let secret = Secret::new();
        let (dir, uid) = of_an_earlier_version();
        let path = dir.path().join(name);
        let plant: [(&str, &dyn Fn()); 4] = [
            ("a link", &|| symlink(secret.path(), &path).unwrap()),
            ("a link to nothing", &|| {
                symlink("/etc/streamsync-no-such-file", &path).unwrap()
            }),
            ("a second name", &|| fs::hard_link(secret.path(), &path).unwrap()),
            ("a pipe", &|| {
                let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
                rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
            }),
        ];
        for (what, plant) in plant {
            let _ = fs::remove_file(&path);
            chown(dir.path(), Some(uid), None).unwrap();
            plant();
            let refused = Embedded::start(dir.path()).map(drop);
            assert!(
                matches!(&refused, Err(EmbeddedError::Suspicious(at)) if at.ends_with(name)),
                "{what} in the place of {name}: {refused:?}"
            );
            assert!(secret.is_untouched(), "{what} in the place of {name}");
            assert!(!Path::new("/etc/streamsync-no-such-file").exists());
        }
    }
}

#[test]
fn a_link_to_the_cluster_is_followed_only_from_root_or_from_whoever_owns_the_cluster() {
    if !is_root() {
        return;
    }
    let (dir, uid) = of_an_earlier_version();
    let foreign = open_dir();
    chown(foreign.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let link = dir.path().join("postgres");
    fs::rename(&link, dir.path().join("moved")).unwrap();
    symlink(foreign.path(), &link).unwrap();
    rustix::fs::chownat(
        rustix::fs::CWD,
        &link,
        Some(rustix::fs::Uid::from_raw(uid)),
        None,
        rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
    )
    .unwrap();
    let refused = Embedded::start(dir.path()).map(drop);
    assert!(
        matches!(refused, Err(EmbeddedError::Suspicious(_))),
        "{refused:?}"
    );
    assert_eq!(fs::read_dir(foreign.path()).unwrap().count(), 0);

    // Its own, moved to another disk, as the same user's link says.
    fs::remove_file(&link).unwrap();
    symlink(dir.path().join("moved"), &link).unwrap();
    let server = Embedded::start(dir.path()).unwrap();
    assert_eq!(sql(&server.url(), "select answer from kept"), "11");
    server.stop().unwrap();
}

#[test]
fn no_process_but_the_cluster_s_own_server_is_ended() {
    if !is_root() {
        return;
    }
    let (dir, uid) = of_an_earlier_version();
    // A process of root's listens, and the cluster's files say it were its server.
    let bait = tempfile::tempdir().unwrap();
    let _listening = std::os::unix::net::UnixListener::bind(bait.path().join(".s.PGSQL.5432")).unwrap();
    let data = dir.path().canonicalize().unwrap().join("postgres");
    let says = format!(
        "{}\n{}\n0\n5432\n{}\n\n",
        std::process::id(),
        data.display(),
        bait.path().display()
    );
    fs::write(data.join("postmaster.pid"), says).unwrap();
    chown(data.join("postmaster.pid"), Some(uid), None).unwrap();
    // We live to see that it starts.
    let server = Embedded::start(dir.path()).unwrap();
    assert_eq!(sql(&server.url(), "select answer from kept"), "11");
    server.stop().unwrap();
}
