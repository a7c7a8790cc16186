"""Two million rows: streamed in bounded memory, and never cut without a word."""

import pyarrow as pa
import pyarrow.parquet
import pytest
import requests

ROWS = 2_000_000
QUESTION = {"from": "2014-02-20T00:00:00Z", "to": "2014-02-21T00:00:00Z", "label": "large=yes"}
# Pages of several requests, and what the allocator keeps.
MEMORY_KB = 150_000


@pytest.fixture(scope="module")
def large(server):
    server.sql(
        f"""with s as (insert into series (key, metric, labels, stream)
                values ('large{{large="yes"}}', 'large', '{{"large": "yes"}}', 'points') returning id)
            insert into points (series_id, partition_id, ts, value, "offset", recorded_at)
            select s.id, 1, timestamptz '2014-02-20' + n * interval '40 ms', n, 0, now()
            from s, generate_series(0, {ROWS - 1}) n"""
    )
    yield server
    server.sql("""with s as (delete from series where metric = 'large' returning id)
        delete from points where series_id in (select id from s)""")


@pytest.mark.parametrize("format", ["arrow", "parquet"])
def test_memory_is_bounded(large, format):
    before = most = large.resident()
    with large_answer(large, format) as answer:
        body = bytearray()
        for chunk in answer.iter_content(1 << 20):
            body += chunk
            most = max(most, large.resident())
    if format == "arrow":
        rows = sum(len(batch) for batch in pa.ipc.open_stream(pa.py_buffer(body)))
    else:
        rows = pa.parquet.ParquetFile(pa.BufferReader(pa.py_buffer(body))).metadata.num_rows
    assert rows == ROWS
    assert most < before + MEMORY_KB, f"{before} kB before, {most} kB at most"


def test_a_transfer_that_fails_breaks(large):
    with large_answer(large, "ndjson") as answer:
        chunks = answer.iter_content(1 << 16)
        next(chunks)
        large.sql("alter table points rename to elsewhere")
        try:
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                for _ in chunks:
                    pass
        finally:
            large.sql("alter table elsewhere rename to points")


def large_answer(server, format):
    return requests.get(f"{server.url}/api/v1/points", {**QUESTION, "format": format}, stream=True)
