"""The real binary as a child process, on embedded parts in a directory of its own."""

import csv
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from datetime import datetime, timezone

import requests

ROOT = pathlib.Path(__file__).resolve().parents[3]
PATIENCE = 90
PUBLISHED_AT_ONCE = 5_000
CONFIG = """
[http]
drain = "1s"
[rollups]
lag = "1s"
every = "200ms"
[[stream]]
name = "points"
accept = { past = "36500d", future = "1d" }
"""


class Server:
    def __init__(self, config=None, port=0):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="streamsync-api-"))
        # Run as root, the private Postgres is another user's.
        self.dir.chmod(0o755)
        self.config = self.dir / "streamsync.toml"
        self.config.write_text(config.read_text() if config else CONFIG)
        self.port, self.launches = port, 0
        self.launch()

    def launch(self):
        """With the same Postgres as before, and at the same address if it has a port of its own."""
        self.launches += 1
        self.log_path = self.dir / f"log-{self.launches}"
        command = [binary(), "serve", "--config", self.config]
        command += ["--listen", f"127.0.0.1:{self.port}", "--data-dir", self.dir]
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "NO_COLOR": "1"}
        with open(self.log_path, "w") as log:
            self.child = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        port = eventually("the server serves", self._port)
        self.url = f"http://127.0.0.1:{port}"
        eventually("the server is ready", lambda: requests.get(f"{self.url}/readyz").ok)

    def _port(self):
        found = re.search(r"serving address=127\.0\.0\.1:(\d+)", self.log())
        if not found and self.child.poll() is not None:
            raise RuntimeError(f"the server ended:\n{self.log()}")
        return found and found[1]

    def log(self):
        return self.log_path.read_text()

    def get(self, path, **parameters):
        headers = parameters.pop("headers", {})
        return requests.get(f"{self.url}{path}", params=parameters, headers=headers)

    def graphql(self, query, **variables):
        answer = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}).json()
        assert "errors" not in answer, answer
        return answer["data"]

    @staticmethod
    def point(metric, ts, value):
        return {"metric": metric, "labels": [{"name": "origin", "value": "nab"}], "ts": ts, "value": value}

    def publish(self, points):
        publish = 'mutation ($p: [PointInput!]!) { publish(stream: "points", points: $p) { accepted } }'
        self.graphql(publish, p=points)

    def publish_recorded(self):
        """Every series of demo/ through Kafka, with its own times."""
        self.recorded = {path.stem: recorded(path) for path in sorted((ROOT / "demo").glob("*.csv"))}
        points = [self.point(name, ts, value) for name, rows in self.recorded.items() for ts, value in rows]
        for at in range(0, len(points), PUBLISHED_AT_ONCE):
            self.publish(points[at : at + PUBLISHED_AT_ONCE])
        wanted = len({(p["metric"], p["ts"]) for p in points})
        eventually("all is stored", lambda: len(self.get("/api/v1/points", **{"from": 0, "format": "csv"}).text.splitlines()) == wanted + 1)

    def brokers(self):
        """The address of its Kafka."""
        return re.search(r'kafka="([^"]+)"', self.log())[1]

    def _postgres(self):
        """Where its private Postgres listens, and its binaries."""
        line = next(line for line in self.log().splitlines() if "private Postgres is up" in line)
        pid = re.search(r"pid=(\d+)", line)[1]
        data = pathlib.Path(re.search(r"data=(\S+)", line)[1])
        directory = (data / "postmaster.pid").read_text().splitlines()[4]
        return directory, pathlib.Path(os.readlink(f"/proc/{pid}/exe")).parent

    def database_url(self):
        return f"host={self._postgres()[0]} user=streamsync dbname=postgres"

    def sql(self, statements):
        """By the psql beside the server's binaries; what it answers, as text."""
        directory, binaries = self._postgres()
        command = [binaries / "psql", "-h", directory, "-U", "streamsync", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-qAtX"]
        return subprocess.run(command, input=statements, text=True, check=True, capture_output=True).stdout

    def settle(self):
        """Until the rollups hold everything."""
        behind = "select edge < now() - interval '5 minutes' or exists (select from invalidations where min_ts < edge) from rollup_edge"
        eventually("rollups are made", lambda: self.sql(behind).strip() == "f")

    def resident(self):
        """kB of memory."""
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def halt(self, how=signal.SIGTERM):
        end(self.child, how)

    def stop(self):
        self.halt()
        shutil.rmtree(self.dir, ignore_errors=True)


def end(child, how=signal.SIGTERM):
    """A process that does not end by itself is killed."""
    child.send_signal(how)
    try:
        child.wait(60)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def recorded(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    utc = lambda text: datetime.fromisoformat(text).replace(tzinfo=timezone.utc).isoformat().replace("+00:00", "Z")
    return [(utc(row["timestamp"]), float(row["value"])) for row in rows]


def free_port():
    """None that the kernel gives to a connection while nobody listens there."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) != 0:
                return port


def eventually(what, ask, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            answer = ask()
        except requests.ConnectionError:
            answer = None
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"waited {patience} s in vain for: {what}")


def binary():
    """`STREAMSYNC_BIN`, or what `cargo build` made."""
    known = os.environ.get("STREAMSYNC_BIN")
    if known:
        return known
    command = [os.environ.get("CARGO", "cargo"), "metadata", "--format-version", "1", "--no-deps", "--offline"]
    metadata = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    built = pathlib.Path(json.loads(metadata)["target_directory"]) / "debug" / "streamsync"
    if not built.exists():
        raise RuntimeError(f"{built} is missing: run cargo build, or set STREAMSYNC_BIN")
    return built
