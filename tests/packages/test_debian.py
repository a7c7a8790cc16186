"""The Debian package is made, installed, run as its unit says, and removed, in a copy of this machine's root. There is no systemd:
what the unit says of user, root, limits and folders is done by hand; its seccomp filter is not."""

import re
import resource
import shutil
import signal
import subprocess

import pytest
from conftest import PASSWORD
from machine import Confined
from serving import serving, stores_a_point
from support.server import ROOT, eventually, free_port

UNIT = "/usr/lib/systemd/system/streamsync.service"
CONFIG = "/etc/streamsync/streamsync.toml"
DEFAULT = "/etc/default/streamsync"
# Of systemd's ten: the higher, the more a service could do if it were taken over.
EXPOSURE = 2.0


@pytest.fixture(scope="module")
def package(stripped, tmp_path_factory):
    path = tmp_path_factory.mktemp("package") / "streamsync.deb"
    ended = subprocess.run([ROOT / "scripts/package", stripped, path], capture_output=True, text=True)
    if ended.returncode == 75:
        pytest.skip("cargo-deb cannot be had")
    assert ended.returncode == 0, ended.stderr
    return path


@pytest.fixture
def installed(machine, package):
    machine.path("/root").mkdir(parents=True)
    shutil.copy(package, machine.path("/root/streamsync.deb"))
    dpkg(machine, "--install", "/root/streamsync.deb")
    return machine


def dpkg(machine, *words):
    ended = machine.run("dpkg", *words, environment={"DEBIAN_FRONTEND": "noninteractive"})
    assert ended.returncode == 0, ended.stdout + ended.stderr


def exists(machine, path):
    return machine.run("test", "-e", path).returncode == 0


def account(machine):
    """Its numbers and home."""
    found = re.search(r"^streamsync:[^:]*:(\d+):(\d+):[^:]*:([^:]*):/usr/sbin/nologin$", machine.run("getent", "passwd", "streamsync").stdout, re.MULTILINE)
    return found and (int(found[1]), int(found[2]), found[3])


def unit(machine):
    """Its settings; those that are given several times as a list."""
    settings = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", machine.run("cat", UNIT).stdout, re.MULTILINE):
        settings.setdefault(name, []).append(value)
    return settings


def environment(machine, settings):
    (file,) = settings["EnvironmentFile"]
    given = machine.run("cat", file.lstrip("-")).stdout.splitlines()
    return dict(line.split("=", 1) for line in [*settings["Environment"], *given] if line and line[0] != "#")


def test_it_is_installed_with_a_user_and_removed_without_a_trace(installed):
    user, group, home = account(installed)
    assert user < 1000 and home == "/var/lib/streamsync"
    stat = installed.run("stat", "--format=%a %U %G", CONFIG, DEFAULT).stdout.split("\n")
    assert stat[:2] == ["640 root streamsync"] * 2
    assert "streamsync 0." in installed.run("/usr/bin/streamsync", "--version").stdout
    for command, file in [("completions", "/usr/share/bash-completion/completions/streamsync"), ("man", "/usr/share/man/man1/streamsync.1.gz")]:
        knows = installed.run("/usr/bin/streamsync", command, "--help").returncode == 0
        assert exists(installed, file) == knows
    # Whoever edited a file keeps it, through the next version and until it is purged.
    installed.write(DEFAULT, "STREAMSYNC_LISTEN=127.0.0.1:1\n", 0o640, group)
    dpkg(installed, "--install", "/root/streamsync.deb")
    assert installed.run("cat", DEFAULT).stdout == "STREAMSYNC_LISTEN=127.0.0.1:1\n"
    dpkg(installed, "--remove", "streamsync")
    assert not exists(installed, "/usr/bin/streamsync") and not exists(installed, UNIT)
    assert exists(installed, DEFAULT) and exists(installed, CONFIG)
    dpkg(installed, "--purge", "streamsync")
    assert not exists(installed, DEFAULT) and not exists(installed, "/etc/streamsync")
    assert not account(installed)


def test_the_image_has_what_the_package_needs(package):
    needed = subprocess.run(["dpkg-deb", "--field", package, "Depends"], check=True, capture_output=True, text=True).stdout
    needed = {one.split()[0] for one in needed.split(",")}
    image = re.search(r"AS runtime.*?apt-get install -y --no-install-recommends ([^\\]*)", (ROOT / "Dockerfile").read_text(), re.DOTALL)[1]
    # Debian's smallest image has the first two; the image makes its user by itself.
    assert needed <= {"libc6", "libgcc-s1", "adduser", *image.split()}


def test_data_stays_when_it_is_purged(installed):
    installed.write("/var/lib/streamsync/precious", "data")
    dpkg(installed, "--purge", "streamsync")
    assert exists(installed, "/var/lib/streamsync/precious") and account(installed)


def test_it_runs_as_its_unit_says(installed, postgres):
    settings = unit(installed)
    user, group, _ = account(installed)
    one = lambda name: settings[name][0]
    assert (one("User"), one("Group"), one("ProtectSystem"), one("PrivateTmp")) == ("streamsync", "streamsync", "strict", "yes")
    state = f"/var/lib/{one('StateDirectory')}"
    # Root of a container may have fewer, and may not raise it.
    files = min(int(one("LimitNOFILE")), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    confined = Confined(user, group, (state, "/tmp"), one("WorkingDirectory"), files, one("UMask"))
    port = free_port()
    installed.write("/etc/streamsync/database-password", PASSWORD + "\n", 0o640, group)
    told = {
        "STREAMSYNC_LISTEN": f"127.0.0.1:{port}",
        "DATABASE_URL": f"postgres://streamsync@127.0.0.1:{postgres}/unit",
        "DATABASE_PASSWORD_FILE": "/etc/streamsync/database-password",
    }
    installed.write(DEFAULT, "".join(f"{name}={value}\n" for name, value in told.items()), 0o640, group)
    own = environment(installed, settings)
    assert own["STREAMSYNC_CONFIG"] == CONFIG and own["STREAMSYNC_DATA_DIR"] == state
    with serving(installed, one("ExecStart").split(), confined, own, port) as server:
        eventually("it is ready", lambda: server.get("/readyz").ok)
        assert server.limit("Max open files") == str(files)
        stores_a_point(server, {})
        assert one("ExecReload") == "/bin/kill -HUP $MAINPID"
        server.signal(signal.SIGHUP)
        eventually("it has read its configuration again", lambda: "read the configuration again" in server.log())
        assert "Read-only file system" not in server.log()
        returned, took = server.stop()
    assert returned == 0 and took < int(one("TimeoutStopSec"))


def test_systemd_takes_the_unit_and_finds_little_exposed(installed):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is missing")
    verified = installed.run("systemd-analyze", "verify", "--man=no", UNIT)
    assert verified.returncode == 0 and "streamsync" not in verified.stderr, verified.stderr
    judged = installed.run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", UNIT)
    assert judged.returncode == 0 and "Overall exposure level" in judged.stdout, judged.stdout + judged.stderr
