"""The program as somebody installed it, confined, until a test ends it."""

import contextlib
import signal
import time

import requests
from support.server import end, eventually


class Serving:
    def __init__(self, child, log, url):
        self.child, self._log, self.url = child, log, url

    def log(self):
        return self._log.read_text()

    def get(self, path, **more):
        if self.child.poll() is not None:
            raise RuntimeError(f"the server ended:\n{self.log()}")
        return requests.get(f"{self.url}{path}", **more)

    def signal(self, which):
        self.child.send_signal(which)

    def limit(self, name):
        """The soft one of the kernel."""
        with open(f"/proc/{self.child.pid}/limits") as limits:
            return next(line for line in limits if line.startswith(name))[len(name) :].split()[0]

    def stop(self):
        """Its exit code, and the seconds that it took."""
        began = time.monotonic()
        end(self.child, signal.SIGTERM)
        return self.child.returncode, time.monotonic() - began


@contextlib.contextmanager
def serving(machine, words, confined, environment, port):
    log = machine.folder / "log"
    with open(log, "w") as file:
        child = machine.start(*words, confined=confined, environment=environment, log=file)
    server = Serving(child, log, f"http://127.0.0.1:{port}")
    try:
        eventually("the server listens", lambda: server.get("/livez").ok)
        yield server
    finally:
        if child.poll() is None:
            end(child)


def stores_a_point(server, headers):
    """Through Kafka into Postgres and back."""
    point = {"metric": "machines_temperature", "labels": {"device": "m7"}, "value": 21.5}
    answer = requests.post(f"{server.url}/api/v1/points", params={"stream": "machines"}, json=[point], headers=headers)
    assert answer.ok, answer.text
    asked = {"metric": "machines_temperature", "from": 0, "format": "csv"}
    eventually("the point is stored", lambda: "21.5" in server.get("/api/v1/points", params=asked, headers=headers).text)
