"""Schema registries as child processes: Apicurio Registry, or what stands in for it."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest
import requests
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.serialization import MessageField, SerializationContext

from support.server import ROOT, eventually, free_port

APICURIO = ROOT / "scripts" / "registry"
STAND_IN = pathlib.Path(__file__).with_name("stand_in.py")
REGISTRIES = [pytest.param(False, id="stand-in"), pytest.param(True, id="apicurio")]
UNAVAILABLE = 75
# Java starts slowly on a loaded machine.
PATIENCE = 240


class Registry:
    """At the same address and with the same schemas, however often it is stopped and started."""

    def __init__(self, is_real):
        # scripts/test-api says so loudly.
        if is_real and subprocess.run([APICURIO, "fetch"]).returncode == UNAVAILABLE:
            pytest.skip("Apicurio Registry cannot be had here")
        self.is_real = is_real
        self.port = free_port()
        self.dir = tempfile.mkdtemp(prefix="streamsync-registry-")
        self.url = f"http://127.0.0.1:{self.port}" + ("/apis/ccompat/v7" if is_real else "")
        self.child = None

    def launch(self):
        command = [APICURIO, "serve"] if self.is_real else [sys.executable, STAND_IN]
        self.child = subprocess.Popen([*command, self.dir, str(self.port)])

    def is_up(self):
        if self.child.poll() is not None:
            log = pathlib.Path(self.dir) / "log"
            said = log.read_text()[-4000:] if log.exists() else ""
            raise RuntimeError(f"the registry ended with {self.child.returncode}:\n{said}")
        return requests.get(f"{self.url}/subjects").ok

    def answers(self):
        eventually("the registry answers", self.is_up, PATIENCE)

    def stop(self):
        os.kill(self.child.pid, signal.SIGTERM)
        try:
            self.child.wait(60)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def discard(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def client(self):
        """A new one, which has cached nothing."""
        return SchemaRegistryClient({"url": self.url})

    def register(self, subject, text, kind="AVRO", references=()):
        return self.client().register_schema(subject, Schema(text, kind, list(references)))


class Topic:
    """Where records of a stream go: by the official producer."""

    def __init__(self, server, stream):
        self.server, self.stream, self.sent = server, stream, 0
        self.producer = Producer({"bootstrap.servers": server.brokers(), "log_level": 0})

    def context(self):
        return SerializationContext(self.stream, MessageField.VALUE, [])

    def send(self, serializer, *values):
        for value in values:
            context = self.context()
            self.send_bytes(serializer(value, context), context.headers)

    def send_bytes(self, payload, headers=()):
        failures = []
        told = lambda error, _: failures.append(error)
        self.producer.produce(self.stream, payload, headers=list(headers), on_delivery=told)
        assert self.producer.flush(30) == 0 and failures == [None], failures
        self.sent += 1

    def stored(self, site):
        """`metric value ts` of the points of a site, and the labels that some have."""
        answer = self.server.get("/api/v1/points", **{"from": 0, "label": f"site={site}", "ts": "us"}).json()
        rows = []
        for series in answer["series"]:
            more = {name: value for name, value in series["labels"].items() if name != "site"}
            rows += [(series["metric"], more, ts, value) for ts, value in series["points"]]
        return sorted(rows, key=str)

    def has(self, site, *rows):
        wanted = sorted(rows, key=str)
        try:
            eventually(f"{site} is stored", lambda: self.stored(site) == wanted)
        except AssertionError as error:
            found = "\n".join(map(str, [*self.stored(site), *self.letters()]))
            raise AssertionError(f"found:\n{found}\nwanted:\n" + "\n".join(map(str, wanted))) from error

    def letters(self, reason=None):
        query = """query ($stream: String!, $reason: String) {
            deadLetters(stream: $stream, reason: $reason) { nodes { id reason detail decoded } } }"""
        return self.server.graphql(query, stream=self.stream, reason=reason)["deadLetters"]["nodes"]

    def counters(self):
        streams = self.server.graphql("{ pipeline { streams { name records stored replaced deadLetters } } }")["pipeline"]["streams"]
        return next(stream for stream in streams if stream["name"] == self.stream)
