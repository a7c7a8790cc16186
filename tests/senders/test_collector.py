"""The OpenTelemetry Collector passes on what it is sent, by the exporters of docs/writing.md: each point once, whatever restarts."""

import re
import signal
import time

import pytest
import requests
from support import go_program
from support.collector import Collector
from support.documented import only
from support.server import eventually

SHOWN = "http://localhost:8080"
DEVICES, TIMES = 20, 100
# In milliseconds, which is what remote write has.
STEP = 10
CUMULATIVE, DELTA = 2, 1


@pytest.fixture(scope="module", autouse=True)
def built():
    go_program.require("collector")


@pytest.fixture(params=["otlp_http/streamsync", "prometheus_remote_write/streamsync"])
def collector(receiver, tmp_path, request):
    collector = Collector(tmp_path, documented(f"{request.param}:", receiver))
    collector.launch()
    # A metric of its own for each test.
    collector.metric = re.sub(r"\W+", ".", request.node.name).strip(".")
    yield collector
    collector.halt()


def documented(exporter, receiver):
    """As the page has it, with the address, the key and the stream of this server."""
    text = only("docs/writing.md", "yaml", exporter)
    for shown, actual in [(SHOWN, receiver.url), ("ss_…", receiver.key), ("streamsync-stream: otel", "streamsync-stream: metrics")]:
        assert shown in text, shown
        text = text.replace(shown, actual)
    return text


def start():
    """Milliseconds."""
    return int(time.time()) * 1_000 - 3_600_000


def attributes(**more):
    return [{"key": key, "value": {"stringValue": value}} for key, value in more.items()]


def point(at, device, **more):
    return {"timeUnixNano": str(at * 1_000_000), "attributes": attributes(device=device), **more}


def send(collector, *metrics):
    resource = {"attributes": attributes(**{"service.namespace": "shop", "service.name": "cart", "service.instance.id": "7"})}
    body = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"scope": {"name": "tests"}, "metrics": metrics}]}]}
    answer = requests.post(collector.url, json=body)
    assert answer.ok and not answer.json().get("partialSuccess"), answer.text


def labels(device, **more):
    return {"job": "shop/cart", "instance": "7", "device": device, **more}


def stored(metric):
    return metric.replace(".", "_")


def test_gauges_counters_and_histograms_become_the_same_series_by_either_exporter(receiver, collector):
    name, at = collector.metric, start()
    histogram = {"bucketCounts": ["1", "0", "2", "1"], "explicitBounds": [0.5, 5, 2500], "sum": 1e6 + 9.25, "count": "4"}
    send(
        collector,
        {"name": f"{name}.t", "unit": "Cel", "gauge": {"dataPoints": [point(at, "m ä", asDouble=0.1 + 0.2), point(at, "n", asInt=str(2**53))]}},
        {"name": f"{name}.n", "unit": "1", "sum": {"aggregationTemporality": CUMULATIVE, "isMonotonic": True, "dataPoints": [point(at, "m ä", asInt="3")]}},
        {"name": f"{name}.open", "sum": {"aggregationTemporality": CUMULATIVE, "dataPoints": [point(at, "m ä", asInt="-3")]}},
        {"name": f"{name}.seconds", "unit": "s", "histogram": {"aggregationTemporality": CUMULATIVE, "dataPoints": [point(at, "m ä", **histogram)]}},
    )
    metric = stored(name)
    series = [
        (f"{metric}_t", labels("m ä"), 0.1 + 0.2),
        (f"{metric}_t", labels("n"), 2**53),
        (f"{metric}_n", labels("m ä"), 3),
        (f"{metric}_open", labels("m ä"), -3),
        *((f"{metric}_seconds_bucket", labels("m ä", le=le), count) for le, count in [("0.5", 1), ("5", 1), ("2500", 3), ("+Inf", 4)]),
        (f"{metric}_seconds_sum", labels("m ä"), 1e6 + 9.25),
        (f"{metric}_seconds_count", labels("m ä"), 4),
    ]
    receiver.has([(metric, labels, at * 1_000, value) for metric, labels, value in series])


def test_each_point_is_stored_once_through_a_kill_of_streamsync(receiver, collector):
    name, begin = f"{collector.metric}.t", start()
    points = [(f"d{n % DEVICES}", begin + n * STEP, n / 8) for n in range(DEVICES * TIMES)]

    def pass_on(points):
        for first in range(0, len(points), 50):
            several = [point(at, device, asDouble=value) for device, at, value in points[first : first + 50]]
            send(collector, {"name": name, "gauge": {"dataPoints": several}})

    half = len(points) // 2
    pass_on(points[:half])
    eventually("some are stored", lambda: receiver.rows(stored(name)) > 0)
    receiver.halt(signal.SIGKILL)
    said = len(collector.log())
    pass_on(points[half:])
    collector.says("connection refused", said)
    receiver.launch()
    receiver.has([(stored(name), labels(device), at * 1_000, value) for device, at, value in points])


def test_deltas_are_added_up_by_the_documented_processor(receiver, collector):
    name, begin = f"{collector.metric}.n", start()
    for n in range(1, 4):
        added = point(begin + n * STEP, "m", asInt=str(n), startTimeUnixNano=str((begin + (n - 1) * STEP) * 1_000_000))
        send(collector, {"name": name, "sum": {"aggregationTemporality": DELTA, "isMonotonic": True, "dataPoints": [added]}})
    receiver.has([(stored(name), labels("m"), (begin + n * STEP) * 1_000, value) for n, value in [(1, 1), (2, 3), (3, 6)]])
