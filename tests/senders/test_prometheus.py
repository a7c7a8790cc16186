"""Prometheus writes what it scrapes to StreamSync: every sample once, through a kill, and it counts none as failed."""

import json
import math
import shutil
import signal
import subprocess

import pytest
import requests
from support.server import eventually, free_port

CONFIG = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: ["127.0.0.1:{port}"]
remote_write:
  - url: {url}/prometheus/api/v1/write?stream=metrics
    authorization:
      credentials: {key}
    queue_config:
      batch_send_deadline: 500ms
"""


class Prometheus:
    def __init__(self, directory, receiver):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = directory / "prometheus.yml"
        config.write_text(CONFIG.format(port=self.port, url=receiver.url, key=receiver.key))
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / 'data'}"]
        command += [f"--web.listen-address=127.0.0.1:{self.port}"]
        with open(directory / "prometheus.log", "w") as log:
            self.child = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self):
        self.child.terminate()
        self.child.wait()

    def result(self, query, **more):
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": query, **more}).json()
        return answer["data"]["result"]

    def counted(self, name):
        """By its own metrics, of this moment."""
        lines = requests.get(f"{self.url}/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"prometheus_remote_storage_{name}_total{{"))

    def samples(self, upto):
        """All that it has until then; NaN says that there is no value."""
        found = set()
        for series in self.result('{job="prometheus"}[10m]', time=upto):
            labels = json.dumps(series["metric"], sort_keys=True)
            found |= {(labels, round(ts * 1000), float(value)) for ts, value in series["values"] if not math.isnan(float(value))}
        return found


@pytest.fixture
def prometheus(receiver, tmp_path):
    if not shutil.which("prometheus"):
        pytest.skip("**** SKIPPED: Prometheus is missing, so remote write was not tested with it ****")
    running = Prometheus(tmp_path, receiver)
    yield running
    running.stop()


def stored(receiver, upto):
    found = set()
    asked = {"label": 'job=prometheus', "from": 0, "to": f"{upto + 0.001:.3f}", "format": "ndjson", "ts": "ms"}
    for point in map(json.loads, receiver.get("/api/v1/points", **asked).text.splitlines()):
        labels = json.dumps({"__name__": point["metric"], **point["labels"]}, sort_keys=True)
        found.add((labels, int(point["ts"]), float(point["value"])))
    return found


def test_every_sample_that_prometheus_has_is_stored_once_through_a_kill(receiver, prometheus):
    eventually("Prometheus has sent some", lambda: receiver.rows("up") > 2)
    receiver.halt(signal.SIGKILL)
    eventually("Prometheus tries again", lambda: prometheus.counted("samples_retried") > 0)
    receiver.launch()
    before = receiver.rows("up")
    eventually("it goes on", lambda: receiver.rows("up") > before + 2)

    last = max(float(at) for series in prometheus.result('up{job="prometheus"}[10m]') for at, _ in series["values"])
    wanted = prometheus.samples(last)
    assert len(wanted) > 1_000
    eventually("all of them are stored", lambda: wanted <= stored(receiver, last))
    assert stored(receiver, last) == wanted
    assert prometheus.counted("samples_failed") == prometheus.counted("samples_dropped") == 0
