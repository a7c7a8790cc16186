"""The Python client of InfluxDB 2 writes to StreamSync as it does to InfluxDB."""

import signal
import threading
import time
from datetime import datetime, timezone

import pandas as pd
import pytest
from influxdb_client import InfluxDBClient, Point, WriteOptions, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from support.server import eventually

BUCKET = "metrics"
POINTS = 5_000


@pytest.fixture(params=[False, True], ids=["plain", "gzip"])
def client(receiver, request):
    with InfluxDBClient(receiver.url, receiver.key, org="any", enable_gzip=request.param) as client:
        client.is_gzip = request.param
        yield client


def start():
    """An hour ago, in whole seconds."""
    return int(time.time()) - 3600


def test_it_finds_the_server(client):
    assert client.ping()


def test_each_form_of_points_is_stored_in_its_precision(receiver, client):
    metric = f"forms_{client.is_gzip}"
    at = start()
    day = datetime.fromtimestamp(at, timezone.utc)
    frame = pd.DataFrame({"t": [5.5, 6.5], "site": ["frame", "frame"]}, index=pd.to_datetime([at, at + 1], unit="s", utc=True))
    write = client.write_api(write_options=SYNCHRONOUS)
    write.write(BUCKET, record=Point(metric).tag("site", "a, b=ö").field("t", 1.5).field("n", 2).time(day))
    write.write(BUCKET, record={"measurement": metric, "tags": {"site": "dict"}, "fields": {"ok": True}, "time": at}, write_precision=WritePrecision.S)
    write.write(BUCKET, record=f"{metric},site=line t=4 {at}001", write_precision=WritePrecision.MS)
    write.write(BUCKET, record=[f"{metric},site=line t=4.5 {at}000001"], write_precision=WritePrecision.US)
    write.write(BUCKET, record=frame, data_frame_measurement_name=metric, data_frame_tag_columns=["site"])
    micros = at * 1_000_000
    receiver.has(
        [
            (f"{metric}_t", {"site": "a, b=ö"}, micros, 1.5),
            (f"{metric}_n", {"site": "a, b=ö"}, micros, 2),
            (f"{metric}_ok", {"site": "dict"}, micros, 1),
            (f"{metric}_t", {"site": "line"}, micros + 1_000, 4),
            (f"{metric}_t", {"site": "line"}, micros + 1, 4.5),
            (f"{metric}_t", {"site": "frame"}, micros, 5.5),
            (f"{metric}_t", {"site": "frame"}, micros + 1_000_000, 6.5),
        ]
    )


def test_a_bad_line_is_an_error_that_names_it_and_the_good_ones_are_stored(receiver, client):
    metric = f"bad_{client.is_gzip}"
    at = start()
    write = client.write_api(write_options=SYNCHRONOUS)
    lines = [f"{metric} t=1 {at}", f"{metric} t= {at}", f"{metric} t=3 {at + 1}"]
    with pytest.raises(ApiException) as raised:
        write.write(BUCKET, record=lines, write_precision=WritePrecision.S)
    assert raised.value.status == 400
    # What it reads of the body of an error.
    assert raised.value.message.startswith("partial write: 1 refused, 2 points stored: line 2: not_line_protocol: ")
    receiver.has([(f"{metric}_t", {}, at * 1_000_000, 1), (f"{metric}_t", {}, (at + 1) * 1_000_000, 3)])


def test_a_wrong_key_is_an_error(receiver):
    with InfluxDBClient(receiver.url, receiver.key[:-1] + "x", org="any") as client:
        with pytest.raises(ApiException) as raised:
            client.write_api(write_options=SYNCHRONOUS).write(BUCKET, record="m t=1")
    assert raised.value.status == 401


def test_batches_are_written_again_until_a_killed_server_is_back(receiver, client):
    metric = f"batches_{client.is_gzip}"
    at = start() * 1_000_000
    points = [(f"{metric}_t", {"device": str(n % 50)}, at + n, n / 8) for n in range(POINTS)]
    retried, lost = threading.Event(), []
    options = WriteOptions(batch_size=100, flush_interval=100, retry_interval=100, max_retries=100, max_retry_delay=500)
    write = client.write_api(
        write_options=options,
        retry_callback=lambda *_: retried.set(),
        error_callback=lambda _, lines, error: lost.append((lines, error)),
    )

    def send(points):
        for _, labels, ts, value in points:
            write.write(BUCKET, record=Point(metric).tag("device", labels["device"]).field("t", value).time(ts, WritePrecision.US))

    send(points[: POINTS // 2])
    eventually("some are stored", lambda: receiver.rows(f"{metric}_t") > 0)
    receiver.halt(signal.SIGKILL)
    retried.clear()
    send(points[POINTS // 2 :])
    eventually("it writes again", retried.is_set)
    receiver.launch()
    write.close()
    assert lost == []
    receiver.has(points)
