"""Every format gives the recorded points, as what reads them in notebooks sees them."""

import csv
import gzip
import io
import json
from datetime import datetime, timezone

import pandas
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import requests
import zstandard

from support.server import eventually

SPAN = {"from": "2011-01-01T00:00:00Z", "to": "2015-01-01T00:00:00Z"}
METRIC = "ec2_cpu_utilization_24ae8d"


def points(server, format, **more):
    return server.get("/api/v1/points", **SPAN, metric=METRIC, format=format, **more)


def micros(rows):
    """(time in microseconds, value) of the recorded rows; of a repeated time the last one counts."""
    moment = lambda text: datetime.fromisoformat(text.replace("Z", "+00:00"))
    return sorted({int(moment(ts).timestamp()) * 1_000_000: value for ts, value in rows}.items())


@pytest.fixture(scope="module")
def expected(server):
    return micros(server.recorded[METRIC])


def test_json(server, expected):
    answer = points(server, "json", ts="us").json()
    (series,) = answer["series"]
    assert series["labels"] == {"origin": "nab"}
    assert [tuple(point) for point in series["points"]] == expected


def test_ndjson(server, expected):
    rows = [json.loads(line) for line in points(server, "ndjson", ts="us").text.splitlines()]
    assert [(row["ts"], row["value"]) for row in rows] == expected


def test_csv(server, expected):
    rows = list(csv.DictReader(io.StringIO(points(server, "csv", ts="us").text)))
    assert [(int(row["ts"]), float(row["value"])) for row in rows] == expected
    frame = pandas.read_csv(io.StringIO(points(server, "csv").text), parse_dates=["ts"])
    assert list(frame["ts"].dt.as_unit("us").astype("int64")) == [ts for ts, _ in expected]


def test_times_of_graphql_have_one_form(server):
    """pandas takes the form of the first time for that of all."""
    moments = ["2014-06-01T00:00:00Z", "2014-06-01T00:00:00.003Z", "2014-06-01T00:00:01.000001Z"]
    server.publish([server.point("moments", ts, 1) for ts in moments])
    query = """query ($from: DateTime!) { points(selector: { metric: "moments" }, from: $from) { nodes { ts } } }"""
    stored = lambda: [node["ts"] for node in server.graphql(query, **{"from": moments[0]})["points"]["nodes"]]
    times = eventually("all three are stored", lambda: len(stored()) == 3 and stored())
    read = pandas.to_datetime(times)
    assert list(read.as_unit("us").astype("int64") % 60_000_000) == [0, 3_000, 1_000_001]


def test_arrow(server, expected):
    table = pa.ipc.open_stream(points(server, "arrow").content).read_all()
    same_table(table, expected)


def test_parquet(server, expected):
    table = pa.parquet.read_table(io.BytesIO(points(server, "parquet").content))
    same_table(table, expected)


def same_table(table, expected):
    assert table.schema.field("ts").type == pa.timestamp("us", "UTC")
    assert pa.types.is_dictionary(table.schema.field("series").type)
    rows = zip(table["ts"].cast(pa.int64()).to_pylist(), table["value"].to_pylist())
    assert list(rows) == expected
    frame = table.to_pandas()
    assert set(frame["labels"].cat.categories) == {'{"origin":"nab"}'}
    assert frame["ts"].iloc[0].tzinfo is not None


def test_all_series_at_once(server):
    table = pa.ipc.open_stream(server.get("/api/v1/points", **SPAN, format="arrow").content).read_all()
    frame = table.to_pandas()
    for metric, rows in server.recorded.items():
        assert (frame["metric"] == metric).sum() == len(micros(rows))
    parquet = server.get("/api/v1/points", **SPAN, format="parquet").content
    assert pandas.read_parquet(io.BytesIO(parquet)).astype(str).equals(frame.astype(str))


@pytest.mark.parametrize("format", ["json", "ndjson", "csv", "arrow", "parquet"])
def test_history_is_the_same_in_every_format(server, format):
    question = {**SPAN, "metric": METRIC, "step": "6h", "aggregate": "avg,count", "ts": "us"}
    (series,) = server.get("/api/v1/history", **question).json()["series"]
    if format in ("arrow", "parquet"):
        del question["ts"]
    answer = server.get("/api/v1/history", **question, format=format)
    frame = {
        "json": lambda: pandas.DataFrame(answer.json()["series"][0]["points"], columns=answer.json()["columns"]),
        "ndjson": lambda: pandas.DataFrame(json.loads(line) for line in answer.text.splitlines()),
        "csv": lambda: pandas.read_csv(io.StringIO(answer.text)),
        "arrow": lambda: pa.ipc.open_stream(answer.content).read_all().to_pandas(),
        "parquet": lambda: pandas.read_parquet(io.BytesIO(answer.content)),
    }[format]()
    if format in ("arrow", "parquet"):
        frame["ts"] = frame["ts"].dt.as_unit("us").astype("int64")
    assert [list(row) for row in frame[["ts", "avg", "count"]].itertuples(index=False)] == series["points"]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_compressed(server, coding):
    url = f"{server.url}/api/v1/points"
    question = {**SPAN, "format": "csv"}
    plain = requests.get(url, question, headers={"accept-encoding": "identity"}).content
    raw = requests.get(url, question, headers={"accept-encoding": coding}, stream=True).raw
    assert raw.headers["content-encoding"] == coding
    sent = raw.read(decode_content=False)
    open_ = gzip.decompress if coding == "gzip" else lambda sent: zstandard.ZstdDecompressor().stream_reader(sent).read()
    assert open_(sent) == plain and len(sent) < len(plain) / 4
    parquet = requests.get(url, {**SPAN, "format": "parquet"}, headers={"accept-encoding": coding})
    assert "content-encoding" not in parquet.headers


def test_a_kept_answer_is_asked_for_by_its_tag(server):
    server.settle()
    first = points(server, "csv")
    tag = first.headers["etag"]
    again = points(server, "csv", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    # A correction, if only to the same value.
    ts, value = server.recorded[METRIC][-1]
    server.publish([server.point(METRIC, ts, value)])
    changed = eventually(
        "the correction is stored",
        lambda: (answer := points(server, "csv", headers={"if-none-match": tag})).status_code == 200 and answer,
    )
    assert (changed.status_code, changed.content) == (200, first.content)


def test_what_is_wrong_is_said(server):
    for question in [{}, {"from": "x"}, {**SPAN, "format": "xml"}, {**SPAN, "label": "a"}, {**SPAN, "no": "1"}]:
        answer = server.get("/api/v1/points", **question)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
