"""The OpenTelemetry SDK for Python sends to StreamSync, set up as docs/writing.md says: what is stored is what was sent."""

import math
import re
import signal
import subprocess
import sys
import threading

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from support.documented import only
from support.server import eventually

SHOWN = "http://localhost:8080"
ROUTE = {"http.route": "/a b", "ok": True}


def variables(receiver):
    """As the page has them, with the address, the key and the stream of this server."""
    text = only("docs/writing.md", "text", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=")
    for shown, actual in [(SHOWN, receiver.url), ("ss_…", receiver.key), ("stream=otel", "stream=metrics")]:
        assert shown in text, shown
        text = text.replace(shown, actual)
    return dict(re.findall(r'^export (\w+)="?([^"\n]*)"?$', text, re.MULTILINE))


@pytest.fixture
def environment(receiver, monkeypatch):
    for name, value in variables(receiver).items():
        monkeypatch.setenv(name, value)
    # It would give up after ten seconds.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "60")
    return monkeypatch


class Exporter(OTLPMetricExporter):
    """Keeps what it sends."""

    def __init__(self):
        super().__init__()
        self.sent, self.results = [], []

    def export(self, metrics_data, *arguments, **more):
        self.sent.append(metrics_data)
        self.results.append(super().export(metrics_data, *arguments, **more).name)
        return self.results[-1]


class Program:
    """One that counts; it sends when told to."""

    def __init__(self):
        self.exporter = Exporter()
        self.provider = MeterProvider([PeriodicExportingMetricReader(self.exporter, math.inf)])
        self.meter = self.provider.get_meter("tests")

    def send(self):
        self.provider.force_flush(60_000)

    def data_points(self):
        """The resource, the metric and the point, of each request."""
        return [
            [
                (of.resource, metric, point)
                for of in sent.resource_metrics
                for scope in of.scope_metrics
                for metric in scope.metrics
                for point in metric.data.data_points
            ]
            for sent in self.exporter.sent
        ]

    def labels(self):
        """Of its resource: those that say which program it is."""
        attributes = self.data_points()[0][0][0].attributes
        return {"job": "cart", **({"instance": attributes["service.instance.id"]} if "service.instance.id" in attributes else {})}

    def times(self):
        """Microseconds of each request; all of its points have the same."""
        times = [{point.time_unix_nano // 1_000 for _, _, point in points} for points in self.data_points()]
        assert all(len(one) == 1 for one in times)
        return [time for one in times for time in one]


@pytest.fixture
def program(environment):
    program = Program()
    yield program
    program.provider.shutdown()


def test_gauges_counters_and_histograms_are_stored_as_they_were_sent(receiver, program):
    meter = program.meter
    orders, open_carts = meter.create_counter("shop.orders", unit="1"), meter.create_up_down_counter("shop.carts.open")
    temperature = meter.create_gauge("room.temperature", unit="Cel")
    seconds = meter.create_histogram("shop.seconds", explicit_bucket_boundaries_advisory=[0.5, 5, 2500])
    meter.create_observable_gauge("shop.load", [lambda _: [Observation(0.1 + 0.2, {"core": 1})]])
    for value in (3, 4):
        orders.add(value, ROUTE)
        open_carts.add(-value)
        temperature.set(value / 8, {"room": "Küche"})
        seconds.record(value, ROUTE)
        seconds.record(value / 10, ROUTE)
        program.send()
    orders.add(2**53 - 7, ROUTE)
    seconds.record(1e6, ROUTE)
    program.send()

    assert program.exporter.results == ["SUCCESS"] * 3
    me, times = program.labels(), program.times()
    here = {**me, "http_route": "/a b", "ok": "true"}
    series = [
        ("shop_orders", here, [3, 7, 2**53]),
        ("shop_carts_open", me, [-3, -7, -7]),
        ("room_temperature", {**me, "room": "Küche"}, [0.375, 0.5, 0.5]),
        ("shop_load", {**me, "core": "1"}, [0.1 + 0.2] * 3),
        ("shop_seconds_bucket", {**here, "le": "0.5"}, [1, 2, 2]),
        ("shop_seconds_bucket", {**here, "le": "5"}, [2, 4, 4]),
        ("shop_seconds_bucket", {**here, "le": "2500"}, [2, 4, 4]),
        ("shop_seconds_bucket", {**here, "le": "+Inf"}, [2, 4, 5]),
        ("shop_seconds_sum", here, [3 + 0.3, 3 + 0.3 + 4 + 0.4, 3 + 0.3 + 4 + 0.4 + 1e6]),
        ("shop_seconds_count", here, [2, 4, 5]),
    ]
    receiver.has([(metric, labels, at, value) for metric, labels, values in series for at, value in zip(times, values)])


def test_what_is_sent_while_streamsync_is_killed_is_stored_once_or_given_up_and_the_counter_goes_on(receiver, program, caplog):
    orders = program.meter.create_counter("killed.orders")

    def count():
        orders.add(1)
        program.send()

    count()
    receiver.halt(signal.SIGKILL)
    counting = threading.Thread(target=count)
    counting.start()
    eventually("it tries again", lambda: "Transient error" in caplog.text)
    receiver.launch()
    counting.join()
    count()
    # It gives up after six tries, and a start may take longer.
    first, second, third = program.exporter.results
    assert first == third == "SUCCESS"
    sent = zip(program.times(), [1, 2, 3], [first, second, third])
    receiver.has([("killed_orders", program.labels(), at, value) for at, value, result in sent if result == "SUCCESS"])


def test_deltas_are_refused_and_what_else_was_sent_with_them_is_stored(receiver, environment):
    environment.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    program = Program()
    program.meter.create_counter("delta.orders").add(1)
    program.meter.create_gauge("delta.temperature").set(21.5)
    program.send()
    # It does not look for what was refused.
    assert program.exporter.results == ["SUCCESS"]
    receiver.has([("delta_temperature", program.labels(), program.times()[0], 21.5)])
    assert receiver.rows("delta_orders") == 0
    program.provider.shutdown()


def test_the_documented_program_sends_its_counter_when_it_ends(receiver):
    shown = only("docs/writing.md", "python", "MeterProvider")
    ended = subprocess.run([sys.executable, "-c", shown], env=variables(receiver), text=True, capture_output=True, timeout=120)
    assert ended.returncode == 0 and not ended.stderr, ended.stderr
    eventually("its counter is stored", lambda: receiver.rows("http_requests") > 0)
    (point,) = receiver.get("/api/v1/points", metric="http_requests", format="ndjson", **{"from": 0}).text.splitlines()
    assert '"job":"cart"' in point and '"route":"/"' in point and '"value":1' in point, point
