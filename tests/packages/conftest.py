"""A Postgres and a Redis that ask for a password, and the binary without what only debuggers read."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))

from machine import Machine  # noqa: E402
from support.server import binary, end, eventually, free_port  # noqa: E402

# What breaks a URL that has it as it is.
PASSWORD = "p@ss/w:rd%?#"


@pytest.fixture(scope="session")
def stripped(tmp_path_factory):
    path = tmp_path_factory.mktemp("binary") / "streamsync"
    subprocess.run(["strip", "-o", path, binary()], check=True)
    return path


def let_through(folder):
    """Others than root, to a temporary folder of pytest's."""
    for one in [folder, *folder.parents[:2]]:
        one.chmod(0o755)


@pytest.fixture
def machine(tmp_path):
    if os.getuid() != 0:
        pytest.skip("nothing can be installed or run as another user without root")
    (tmp_path / "machine").mkdir()
    let_through(tmp_path)
    return Machine(tmp_path / "machine")


def postgres_binaries():
    """Where scripts/setup looks."""
    beside = [pathlib.Path(found).parent for name in ["postgres"] if (found := shutil.which(name))]
    for folder in [*map(pathlib.Path, filter(None, [os.environ.get("PG_BIN_DIR")])), *beside, *sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError("there is no Postgres: scripts/setup")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """The port of one whose user `streamsync` has the password, with a database for each test."""
    folder = tmp_path_factory.mktemp("postgres")
    other = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    if other:
        shutil.chown(folder, "nobody", "nogroup")
        let_through(folder)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    binaries, port = postgres_binaries(), free_port()
    initdb = [binaries / "initdb", "-D", folder / "data", "-U", "streamsync", "-A", "scram-sha-256", f"--pwfile={folder}/password", "--no-sync", "-E", "UTF8"]
    subprocess.run(initdb, check=True, capture_output=True, cwd="/", **other)
    databases = "create database pod;\ncreate database unit;\n"
    subprocess.run([binaries / "postgres", "--single", "-D", folder / "data", "postgres"], input=databases, text=True, check=True, capture_output=True, cwd="/", **other)
    settings = ["fsync=off", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}"]
    command = [binaries / "postgres", "-D", folder / "data", "-p", str(port), *(word for setting in settings for word in ("-c", setting))]
    with open(folder / "log", "w") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **other)
    try:
        eventually("Postgres listens", lambda: "ready to accept connections" in (folder / "log").read_text())
        yield port
    finally:
        end(child)


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    """The port of one that asks for the password."""
    folder, port = tmp_path_factory.mktemp("redis"), free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--requirepass", PASSWORD, "--save", "", "--dir", folder]
    with open(folder / "log", "w") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually("Redis listens", lambda: "Ready to accept connections" in (folder / "log").read_text())
        yield port
    finally:
        end(child)
