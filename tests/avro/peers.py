"""Writes fastavro.json: datums as fastavro writes them, and what must be read from them.

    pip install fastavro==1.13.1 cramjam==2.14.0 backports.zstd==1.8.0 && python tests/avro/peers.py
"""

import io
import json
import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

HERE = Path(__file__).parent
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)


def expected(value):
    """What the decoder must make of a value of Python."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if -(2**63) <= value < 2**63 else {"big": str(value)}
        case float():
            return value if value - value == 0 else {"float": str(value)}
        case bytes():
            return {"bytes": value.hex()}
        case Decimal():
            if value == value.to_integral_value():
                return expected(int(value))
            return {"untyped": format(value, "f").rstrip("0")}
        case uuid.UUID():
            return str(value)
        case datetime() if value.tzinfo is None:
            return value.strftime("%Y-%m-%dT%H:%M:%S.%f")
        case datetime():
            return {"time": (value - EPOCH) // MICROSECOND}
        case date():
            return {"time": (value - date(1970, 1, 1)).days * 86_400_000_000}
        case time():
            return (value.hour * 3600 + value.minute * 60 + value.second) * 1_000_000 + value.microsecond
        case list():
            return [expected(item) for item in value]
        case dict():
            return {"object": [[name, expected(item)] for name, item in value.items()]}


def logical(kind, name, **more):
    return {"type": kind, "logicalType": name, **more}


def fixed(size, **more):
    return {"type": "fixed", "name": "F", "size": size, **more}


def record(name, *fields, **more):
    return {"type": "record", "name": name, "fields": [{"name": f, "type": t} for f, t in fields], **more}


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


READING = record(
    "Reading",
    ("site", "string"),
    ("state", {"type": "enum", "name": "State", "symbols": ["ON", "OFF"], "doc": "of the machine", "default": "OFF"}),
    ("ts", logical("long", "timestamp-millis")),
    ("t", "double"),
    ("p", ["null", "double"]),
    ("before", ["null", "State"]),
    ("deep", record("Deep", ("next", ["null", "Deep"]), ("at", {"type": "array", "items": "Reading"}), namespace="inner")),
    namespace="com.example",
)
A_READING = {"site": "a", "state": "ON", "ts": utc(2026, 11, 28, 17, 44, 5, 123000), "t": 20.5, "p": None, "before": "OFF"}
READINGS = {
    **A_READING,
    "deep": {
        "next": {"next": None, "at": []},
        "at": [{**A_READING, "p": -0.5, "before": None, "deep": {"next": None, "at": []}}],
    },
}
# `Reading` is not in the namespace of `Deep`, and is found there all the same by its full name.
READING["fields"][6]["type"]["fields"][1]["type"]["items"] = "com.example.Reading"
READING["fields"][6]["type"]["fields"][0]["type"][1] = "inner.Deep"

UNSPECIFIED = object()

# Schema, datum, perhaps what is expected, perhaps the schema that fastavro writes with instead.
CASES = [
    ("null", None),
    ("boolean", True),
    ("boolean", False),
    *[("int", n) for n in (0, -1, 1, 63, 64, -64, -65, 8191, 8192, 2**31 - 1, -(2**31))],
    *[("long", n) for n in (0, 2**31, 2**53 + 1, 2**62, 2**63 - 1, -(2**63))],
    *[("float", n) for n in (0.0, 1.5, -0.25, 3.4028234663852886e38, float("inf"), float("nan"))],
    *[("double", n) for n in (0.1, -0.0, 5e-324, 1.7976931348623157e308, float("-inf"))],
    ("bytes", b""),
    ("bytes", b"\x00\xff"),
    ("string", ""),
    ("string", "Grüße 🙂"),
    ({"type": "string", "avro.java.string": "String"}, "text"),
    ({"type": {"type": "string"}}, "text", "text", "string"),
    (fixed(3), b"abc"),
    ({"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}, "C"),
    ({"type": "array", "items": "int"}, []),
    ({"type": "array", "items": "int"}, list(range(-100, 100))),
    ({"type": "array", "items": {"type": "array", "items": "string"}}, [["a"], [], ["b", "c"]]),
    ({"type": "array", "items": "null"}, [None] * 500),
    ({"type": "map", "values": "double"}, {}),
    ({"type": "map", "values": ["null", "double", "string"]}, {"a": 1.0, "b": None, "": "x"}),
    (["null", "string"], None),
    (["null", "string"], "x"),
    (["int", "null", {"type": "array", "items": "long"}], [1, 2]),
    (record("Empty"), {}),
    (record("A", ("x", "int"), ("y", ["null", "A"])), {"x": 1, "y": {"x": 2, "y": None}}),
    (record("n.A", ("e", fixed(2)), ("f", "n.F"), ("g", "F")), {"e": b"ab", "f": b"cd", "g": b"ef"}),
    (READING, READINGS),
    (logical("int", "date"), date(2026, 11, 28)),
    (logical("int", "date"), date(1969, 12, 31)),
    (logical("int", "time-millis"), time(17, 44, 5, 123000), 63_845_123),
    (logical("long", "time-micros"), time(17, 44, 5, 123456)),
    (logical("long", "timestamp-millis"), utc(2026, 11, 28, 17, 44, 5, 123000)),
    (logical("long", "timestamp-millis"), utc(1900, 1, 1)),
    (logical("long", "timestamp-micros"), utc(2026, 11, 28, 17, 44, 5, 123456)),
    (logical("long", "timestamp-micros"), utc(1969, 12, 31, 23, 59, 59, 999999)),
    (logical("long", "timestamp-nanos"), 1_999, {"time": 1}, "long"),
    (logical("long", "timestamp-nanos"), -1, {"time": -1}, "long"),
    (logical("long", "timestamp-millis"), 2**63 - 1, 2**63 - 1, "long"),
    (logical("int", "date"), 2**31 - 1, 2**31 - 1, "int"),
    (logical("long", "local-timestamp-millis"), datetime(2026, 11, 28, 17, 44, 5, 123000)),
    (logical("long", "local-timestamp-micros"), datetime(1969, 12, 31, 23, 59, 59, 999999)),
    (logical("long", "local-timestamp-nanos"), 1_999, "1970-01-01T00:00:00.000001", "long"),
    (logical("string", "uuid"), uuid.UUID("0184fa5e-0c5f-7e3a-8f61-1b2c3d4e5f60")),
    (fixed(16, logicalType="uuid"), bytes(range(16)), "00010203-0405-0607-0809-0a0b0c0d0e0f", fixed(16)),
    (
        fixed(12, logicalType="duration"),
        b"\x01\0\0\0\x02\0\0\0\xff\xff\xff\xff",
        {"object": [["months", 1], ["days", 2], ["milliseconds", 4294967295]]},
        fixed(12),
    ),
    *[
        (logical("bytes", "decimal", precision=40, scale=2), Decimal(text))
        for text in ("0", "0.01", "-0.01", "1.50", "10.00", "1.28", "-1.29", "12345678901234567890.12", "1e30")
    ],
    *[(logical("bytes", "decimal", precision=40), Decimal(text)) for text in ("0", "-128", "9223372036854775808")],
    *[
        (logical("bytes", "decimal", precision=200, scale=10), Decimal(text))
        for text in ("1234567890" * 8 + ".5", "-" + "9" * 90 + ".0000000001", "-" + str(2**127), "-" + str(2**128 * 10**10))
    ],
    *[
        (fixed(8, logicalType="decimal", precision=18, scale=6), Decimal(text))
        for text in ("0", "-0.000001", "3.141592", "-999999999999.999999", "7")
    ],
    # Names that nobody knows, and logical types that do not fit their type: the type counts.
    (logical("long", "moon-phase"), 7),
    (logical("string", "date"), "x"),
    (logical("long", "date"), 7, 7, "long"),
    (logical("bytes", "decimal", precision=2, scale=3), b"\x07", {"bytes": "07"}, "bytes"),
    (logical("bytes", "decimal"), b"\x07", {"bytes": "07"}, "bytes"),
    (fixed(2, logicalType="decimal", precision=5), b"\x00\x07", {"bytes": "0007"}, fixed(2)),
    (fixed(3, logicalType="duration"), b"abc", {"bytes": "616263"}, fixed(3)),
    (logical("bytes", "uuid"), b"\x07", {"bytes": "07"}, "bytes"),
]

REFERENCES = [
    ("com.example.Unit", {"type": "enum", "name": "Unit", "namespace": "com.example", "symbols": ["C", "K"]}),
    ("com.example.Value", record("Value", ("v", "double"), ("unit", "Unit"), namespace="com.example")),
]
REFERRING = record("Message", ("values", {"type": "array", "items": "Value"}), ("unit", ["null", "com.example.Unit"]), namespace="com.example")
REFERRING_DATUM = {"values": [{"v": 1.5, "unit": "K"}], "unit": "C"}


def case(schema, datum, wanted=UNSPECIFIED, written_with=None):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(written_with or schema), datum)
    return {
        "schema": json.dumps(schema),
        "hex": out.getvalue().hex(),
        "expected": expected(datum) if wanted is UNSPECIFIED else wanted,
    }


def referring():
    named = {}
    for _, schema in REFERENCES:
        fastavro.parse_schema(schema, named_schemas=named)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(REFERRING, named_schemas=named), REFERRING_DATUM)
    return {
        "schema": json.dumps(REFERRING),
        "references": [[name, json.dumps(schema)] for name, schema in REFERENCES],
        "hex": out.getvalue().hex(),
        "expected": expected(REFERRING_DATUM),
    }


def single_object():
    print_of = fingerprint(to_parsing_canonical_form(fastavro.parse_schema(READING)), "CRC-64-AVRO")
    plain = case(READING, READINGS)
    return {**plain, "hex": "c301" + int(print_of, 16).to_bytes(8, "big").hex() + plain["hex"]}


def container(codec):
    out = io.BytesIO()
    rows = [{**READINGS, "site": f"site {n}"} for n in range(3)]
    # An interval of one byte gives each object a block of its own.
    fastavro.writer(out, READING, rows, codec=codec, sync_interval=1, sync_marker=bytes(16))
    return {"schema": '"string"', "hex": out.getvalue().hex(), "expected": expected(rows)}


cases = [case(*each) for each in CASES]
cases += [referring(), single_object()]
cases += [container(codec) for codec in ("null", "deflate", "snappy", "zstandard")]
lines = [json.dumps(each, separators=(",", ":")) for each in cases]
made_by = json.dumps(f"fastavro {fastavro.__version__}")
(HERE / "fastavro.json").write_text('{"made_by":' + made_by + ',"cases":[\n' + ",\n".join(lines) + "\n]}\n")
