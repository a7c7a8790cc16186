"""A server with access control, to which whoever has a key writes and which everybody reads."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))

from support.server import Server, binary, eventually, free_port  # noqa: E402

# The bucket and the database of the documentation are a stream; there is another.
CONFIG = """
[http]
drain = "1s"
[auth]
anonymous = "reader"
[auth.roles.reader]
operations = ["read"]
read = ["*"]
streams = ["*"]
[auth.roles.sender]
operations = ["publish"]
write = ["*"]
streams = ["metrics"]
[[stream]]
name = "metrics"
[[stream]]
name = "others"
"""


class Receiver(Server):
    """Restarts at its address."""

    def __init__(self, config):
        super().__init__(config, free_port())
        try:
            self.key = self.new_key()
        except Exception:
            self.stop()
            raise

    def new_key(self):
        command = [binary(), "keys", "create", "sender", "--role", "sender", "--config", self.config, "--data-dir", self.dir]
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "NO_COLOR": "1"}
        return subprocess.run(command, env=environment, text=True, check=True, capture_output=True).stdout.strip()

    def points(self, metric):
        """All that the API has: metric, labels, microseconds and value."""
        answer = self.get("/api/v1/points", metric=metric, format="ndjson", ts="us", **{"from": 0})
        points = map(json.loads, answer.text.splitlines())
        return sorted(shown(point["metric"], point["labels"], point["ts"], point["value"]) for point in points)

    def rows(self, *metrics):
        """How many are in Postgres."""
        names = ", ".join(f"'{metric}'" for metric in metrics)
        return int(self.sql(f"select count(*) from points join series on series.id = series_id where metric in ({names})"))

    def has(self, points):
        """These, and no others of their metrics; each once."""
        wanted = sorted({shown(*point) for point in points})
        metrics = sorted({point[0] for point in points})
        eventually(f"{len(wanted)} points are stored", lambda: self.rows(*metrics) >= len(wanted))
        assert self.rows(*metrics) == len(wanted)
        assert [point for metric in metrics for point in self.points(metric)] == wanted


def shown(metric, labels, ts, value):
    return json.dumps([metric, labels, ts, float(value)], sort_keys=True)


def started(directory, config):
    path = directory / "streamsync.toml"
    path.write_text(config)
    return Receiver(path)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    receiver = started(tmp_path_factory.mktemp("receiver"), CONFIG)
    yield receiver
    receiver.stop()


@pytest.fixture
def strict(tmp_path):
    """Takes few requests in a second."""
    receiver = started(tmp_path, CONFIG.replace("[auth.roles.sender]", "[auth.roles.sender]\nlimits = { requests_per_second = 2 }"))
    yield receiver
    receiver.stop()
