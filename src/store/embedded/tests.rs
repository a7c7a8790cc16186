//! The private server on this machine's real PostgreSQL; as root also the change of user.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio_postgres::NoTls;

use super::{Embedded, EmbeddedError, Joined};

mod root;

const HOLD: &str = "STREAMSYNC_TEST_HOLD";
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A data directory that every user can reach, as the one of an ordinary checkout.
fn open_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn sql(url: &str, statement: &str) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let running = tokio::spawn(connection);
        let rows = client.simple_query(statement).await.unwrap();
        drop(client);
        running.await.unwrap().unwrap();
        rows.iter()
            .find_map(|row| match row {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
            .unwrap_or_default()
    })
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Gone, or a zombie that whoever adopted it has not reaped yet.
fn is_gone(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
        stat.rsplit(')').next().unwrap().trim().starts_with('Z')
    })
}

fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

fn socket_dir(url: &str) -> String {
    let host = url.split(['@', '/']).nth(3).unwrap();
    host.replace("%2F", "/")
}

/// Another process that starts the server and holds it until it is killed.
struct Holder {
    child: Child,
    dir: std::path::PathBuf,
}

impl Holder {
    fn start(dir: &Path, uid: Option<u32>) -> Self {
        let mut binary = std::env::current_exe().unwrap();
        if uid.is_some() {
            // The build may lie where nobody else comes, as below /root.
            let within_reach = dir.join("holder");
            fs::copy(&binary, &within_reach).unwrap();
            binary = within_reach;
        }
        let mut command = Command::new(binary);
        command
            .args(["--exact", "store::embedded::tests::holder", "--ignored"])
            .env(HOLD, dir)
            .env_remove("SUDO_UID")
            .current_dir("/")
            .stdout(Stdio::null());
        if let Some(uid) = uid {
            command.uid(uid).gid(uid);
        }
        let mut child = None;
        eventually("the holder is started", || match command.spawn() {
            Ok(started) => {
                child = Some(started);
                true
            }
            // A child of another thread holds the copy open until it becomes its own program.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => false,
            Err(error) => panic!("{error}"),
        });
        let mut this = Self {
            child: child.unwrap(),
            dir: dir.to_owned(),
        };
        eventually("the holder has a server", || {
            assert!(this.child.try_wait().unwrap().is_none(), "the holder ended");
            this.dir.join("held").exists()
        });
        this
    }

    /// What the holder wrote: the server's pid and its URL.
    fn held(&self) -> (u32, String) {
        let text = fs::read_to_string(self.dir.join("held")).unwrap();
        let (pid, url) = text.split_once(' ').unwrap();
        (pid.parse().unwrap(), url.to_owned())
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        fs::remove_file(self.dir.join("held")).unwrap();
    }
}

#[test]
#[ignore = "run by the tests that need another process"]
fn holder() {
    let Some(dir) = std::env::var_os(HOLD) else {
        return;
    };
    let dir = Path::new(&dir);
    let server = Embedded::start(dir).unwrap();
    let unfinished = dir.join("held.unfinished");
    fs::write(&unfinished, format!("{} {}", server.pid(), server.url())).unwrap();
    fs::rename(unfinished, dir.join("held")).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn a_private_server_keeps_its_data_over_a_stop_and_leaves_no_process_behind() {
    let dir = open_dir();
    let server = Embedded::start(dir.path()).unwrap();
    let (pid, url) = (server.pid(), server.url());
    sql(&url, "create table kept as select 42 as answer");
    assert_eq!(sql(&url, "show listen_addresses"), "");
    assert_eq!(sql(&url, "show synchronous_commit"), "on");
    assert_eq!(sql(&url, "show fsync"), "on");
    assert!(matches!(
        Embedded::start(dir.path()),
        Err(EmbeddedError::InUse(_))
    ));
    server.stop().unwrap();
    assert!(is_gone(pid));

    let again = Embedded::start(dir.path()).unwrap();
    assert_eq!(again.url(), url);
    assert_eq!(sql(&url, "select answer from kept"), "42");
    again.stop().unwrap();
}

#[test]
fn a_command_uses_the_server_that_runs_or_one_of_its_own_and_makes_no_cluster() {
    let dir = open_dir();
    for nothing in [dir.path().join("nowhere"), dir.path().to_owned()] {
        let refused = Embedded::join(&nothing).map(drop);
        assert!(matches!(refused, Err(EmbeddedError::Nothing(_))), "{refused:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

    let server = Embedded::start(dir.path()).unwrap();
    let Joined::Running(url) = Embedded::join(dir.path()).unwrap() else {
        panic!("a second server");
    };
    assert_eq!(url, server.url());
    sql(&url, "create table kept as select 8 as answer");
    server.stop().unwrap();
    let Joined::Started(own) = Embedded::join(dir.path()).unwrap() else {
        panic!("nobody runs");
    };
    assert_eq!(sql(&own.url(), "select answer from kept"), "8");
    let pid = own.pid();
    drop(own);
    assert!(is_gone(pid));
}

#[test]
fn the_socket_s_directory_has_a_name_that_nobody_can_guess_and_take() {
    let dir = open_dir();
    let server = Embedded::start(dir.path()).unwrap();
    let socket = socket_dir(&server.url());
    assert!(socket.len() + "/.s.PGSQL.5432".len() <= 103, "{socket}");
    let meta = fs::symlink_metadata(&socket).unwrap();
    assert_eq!(meta.mode() & 0o777, 0o700);
    assert_eq!(meta.uid(), fs::metadata(server.data()).unwrap().uid());
    server.stop().unwrap();
    assert!(!Path::new(&socket).exists());

    // Somebody knows the name and has something else under it: another one is found.
    fs::write(&socket, "in the way").unwrap();
    let again = Embedded::start(dir.path()).unwrap();
    assert_ne!(socket_dir(&again.url()), socket);
    again.stop().unwrap();
    fs::remove_file(&socket).unwrap();

    // What the file says is no path.
    for text in ["../../etc", "/tmp/elsewhere", "", "0123456789abcdeg"] {
        fs::write(dir.path().join("socket"), text).unwrap();
        let again = Embedded::start(dir.path()).unwrap();
        let socket = socket_dir(&again.url());
        assert!(
            socket.starts_with("/tmp/.streamsync-") && socket.len() == 33,
            "{socket}"
        );
        again.stop().unwrap();
    }
}

#[test]
fn a_program_killed_with_9_leaves_no_server_and_the_next_start_has_the_data() {
    let dir = open_dir();
    let holder = Holder::start(dir.path(), None);
    let (pid, url) = holder.held();
    sql(&url, "create table kept as select 7 as answer");
    holder.kill();

    let server = Embedded::start(dir.path()).unwrap();
    assert_ne!(server.pid(), pid);
    assert_eq!(sql(&server.url(), "select answer from kept"), "7");
    assert!(is_gone(pid));
    server.stop().unwrap();
}

#[test]
fn a_killed_program_s_server_ends_without_anybody_starting_again() {
    let dir = open_dir();
    let holder = Holder::start(dir.path(), None);
    let (pid, url) = holder.held();
    holder.kill();
    eventually("the server ended by itself", || is_gone(pid));
    fs::remove_dir(socket_dir(&url)).unwrap();
}

#[test]
fn a_server_that_did_outlive_its_program_is_taken_over() {
    let dir = open_dir();
    let first = Embedded::start(dir.path()).unwrap();
    let url = first.url();
    sql(&url, "create table kept as select 3 as answer");
    // The same command line, but nobody's child in particular.
    let line = fs::read(format!("/proc/{}/cmdline", first.pid())).unwrap();
    let owner = fs::metadata(first.data()).unwrap();
    first.stop().unwrap();
    let words: Vec<_> = line.split(|b| *b == 0).filter(|w| !w.is_empty()).collect();
    let words: Vec<_> = words.iter().map(|w| std::str::from_utf8(w).unwrap()).collect();
    let socket_dir = words
        .iter()
        .find_map(|w| w.strip_prefix("unix_socket_directories="))
        .unwrap();
    fs::create_dir(socket_dir).unwrap();
    fs::set_permissions(socket_dir, fs::Permissions::from_mode(0o700)).unwrap();
    chown(socket_dir, Some(owner.uid()), Some(owner.gid())).unwrap();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stderr(Stdio::null()).current_dir("/");
    if is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let mut leftover = command.spawn().unwrap();
    eventually("the leftover listens", || {
        Path::new(socket_dir).join(".s.PGSQL.5432").exists()
    });

    let server = Embedded::start(dir.path()).unwrap();
    assert!(leftover.wait().unwrap().success());
    assert_ne!(server.pid(), leftover.id());
    assert_eq!(sql(&url, "select answer from kept"), "3");
    server.stop().unwrap();
}

#[test]
fn a_killed_postmaster_is_noticed_and_recovered_from() {
    let dir = open_dir();
    let server = Embedded::start(dir.path()).unwrap();
    sql(&server.url(), "create table kept as select 9 as answer");
    kill(server.pid(), Signal::KILL);
    eventually("the end is noticed", || !server.is_running());
    drop(server);
    let server = Embedded::start(dir.path()).unwrap();
    assert_eq!(sql(&server.url(), "select answer from kept"), "9");
    server.stop().unwrap();
}

#[test]
fn root_becomes_another_user_and_a_directory_out_of_its_reach_is_replaced() {
    if !is_root() {
        return;
    }
    // As below /root: nobody else may pass.
    let closed = tempfile::tempdir().unwrap();
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let server = Embedded::start(closed.path()).unwrap();
    assert!(!server.data().starts_with(closed.path()));
    assert_ne!(fs::metadata(server.data()).unwrap().uid(), 0);
    let place = server.data().parent().unwrap().to_owned();
    sql(&server.url(), "create table kept as select 5 as answer");
    server.stop().unwrap();

    let again = Embedded::start(closed.path()).unwrap();
    assert_eq!(sql(&again.url(), "select answer from kept"), "5");
    again.stop().unwrap();
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn a_database_that_is_not_where_the_link_leads_is_missed_and_not_replaced_by_an_empty_one() {
    let dir = open_dir();
    let volume = dir.path().join("volume/postgres");
    std::os::unix::fs::symlink(&volume, dir.path().join("postgres")).unwrap();
    for refused in [
        Embedded::start(dir.path()).map(drop),
        Embedded::join(dir.path()).map(drop),
    ] {
        assert!(matches!(refused, Err(EmbeddedError::Gone(_))), "{refused:?}");
    }
    assert!(!volume.exists());
}

#[test]
fn an_ordinary_user_runs_it_as_himself() {
    if !is_root() {
        return;
    }
    let dir = open_dir();
    chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let holder = Holder::start(dir.path(), Some(NOBODY));
    let (pid, url) = holder.held();
    assert_eq!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), NOBODY);
    holder.kill();
    eventually("the server ended", || is_gone(pid));
    fs::remove_dir(socket_dir(&url)).unwrap();
}
