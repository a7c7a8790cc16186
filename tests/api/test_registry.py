"""Avro, Protobuf and JSON from the official serialisers, by a schema registry, become the points they stand for.

The same on Apicurio Registry and on what stands in for it; the latter alone gives schemas GUIDs.
"""

import itertools
import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import pytest
import requests
from confluent_kafka.schema_registry import Schema, SchemaReference, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.schema_registry.serde import SchemaId

from support import protos
from support.registry import REGISTRIES, Registry, Topic
from support.server import Server, eventually

CONFIG = """
[http]
drain = "1s"
[schema_registry]
url = "{url}"
[[stream]]
name = "avro"
format = "avro"
metric_prefix = ""
accept = {{ past = "36500d", future = "1d" }}
time = {{ field = "ts" }}
labels = [
  "site", "state", "device", {{ field = "place.city", as = "city" }}, {{ field = "amount", as = "exact" }}, {{ all = "tags" }},
]
values = ["t", "humidity", "price", "cost", {{ all = "more" }}]
[[stream]]
name = "days"
format = "avro"
metric_prefix = ""
accept = {{ past = "36500d", future = "1d" }}
time = {{ field = "day", zone = "Europe/Berlin" }}
labels = ["site"]
values = ["t"]
[[stream]]
name = "protobuf"
format = "protobuf"
metric_prefix = ""
accept = {{ past = "36500d", future = "1d" }}
time = {{ field = "ts" }}
labels = ["site", "unit", {{ all = "tags" }}, {{ field = "amount", as = "exact" }}]
values = ["t", "optional", "wrapped", "price", "took", "volt", "ampere", {{ all = "more" }}]
[[stream]]
name = "json"
metric_prefix = ""
accept = {{ past = "36500d", future = "1d" }}
time = {{ field = "ts" }}
labels = ["site"]
values = ["t"]
"""
MOMENT = datetime(2026, 11, 28, 17, 44, 5, 123456, timezone.utc)
TS = int(MOMENT.timestamp()) * 1_000_000 + 123456
MILLIS = TS // 1000 * 1000

TIME = {"type": "long", "logicalType": "timestamp-micros"}
FIELDS = [{"name": "ts", "type": TIME}, {"name": "site", "type": "string"}, {"name": "t", "type": "double"}]
READING = {"type": "record", "name": "Reading", "namespace": "plant", "fields": FIELDS}
JSON_READING = {
    "title": "Reading",
    "type": "object",
    "properties": {"ts": {"type": "string"}, "site": {"type": "string"}, "t": {"type": "number"}},
}


@pytest.fixture(scope="module", params=REGISTRIES)
def peer(request, tmp_path_factory):
    """A registry and a server that asks it."""
    registry = Registry(request.param)
    try:
        # Both need some seconds.
        registry.launch()
        config = tmp_path_factory.mktemp("registry") / "streamsync.toml"
        config.write_text(CONFIG.format(url=registry.url))
        server = Server(config)
        try:
            registry.answers()
            topics = {name: Topic(server, name) for name in ("avro", "days", "protobuf", "json")}
            yield SimpleNamespace(registry=registry, server=server, **topics)
        finally:
            server.stop()
    finally:
        registry.discard()


numbers = itertools.count(1)


@pytest.fixture
def site():
    return f"s{next(numbers)}"


@pytest.fixture
def client(peer):
    return peer.registry.client()


def avro(client, schema, **settings):
    schema = schema if isinstance(schema, Schema) else json.dumps(schema)
    return AvroSerializer(client, schema, conf=settings)


def reading(site, t=1.5, **more):
    return {"ts": MOMENT, "site": site, "t": t, **more}


def evolved(*fields, name="Reading"):
    return {**READING, "name": name, "fields": [*FIELDS[:2], *fields]}


def guid_before_payload(payload, _, schema_id):
    return schema_id.guid_to_bytes() + payload


def old_message_path(payload, _, schema_id):
    """As early clients wrote it: numbers without zigzag. Those of an even length are like others with it."""
    head = SchemaId("PROTOBUF", schema_id.id).id_to_bytes()
    path = [len(schema_id.message_indexes), *schema_id.message_indexes]
    return head + bytes(path) + payload


GUIDS = [header_schema_id_serializer, guid_before_payload]


def with_ids_as(peer, form):
    if form in GUIDS and peer.registry.is_real:
        pytest.skip("Apicurio Registry gives schemas no GUIDs")
    return {"schema.id.serializer": form} if form else {}


@pytest.mark.parametrize("form", [None, *GUIDS])
def test_avro_names_its_schema(peer, client, site, form):
    peer.avro.send(avro(client, READING, **with_ids_as(peer, form)), reading(site), reading(site, 2, ts=MOMENT + timedelta(seconds=1)))
    peer.avro.has(site, ("t", {}, TS, 1.5), ("t", {}, TS + 1_000_000, 2))


@pytest.mark.parametrize("form", [None, *GUIDS])
def test_json_names_its_schema(peer, client, site, form):
    serializer = JSONSerializer(json.dumps(JSON_READING), client, conf=with_ids_as(peer, form))
    peer.json.send(serializer, reading(site, ts=MOMENT.isoformat()))
    peer.json.has(site, ("t", {}, TS, 1.5))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        *itertools.product(["First", "Second", "Second.Inner.Innermost", "Second.Inner.Other"], [None, *GUIDS]),
        # The path of the first message was always written as 0.
        *itertools.product(["Second", "Second.Inner.Innermost", "Second.Inner.Other"], [old_message_path]),
    ],
)
def test_protobuf_names_its_message_by_a_path(peer, client, site, name, form):
    message = protos.message("paths.proto", f"plant.{name}")
    serializer = ProtobufSerializer(message, client, with_ids_as(peer, form))
    peer.protobuf.send(serializer, message(site=site, t=1.5, ts=MOMENT))
    peer.protobuf.has(site, ("t", {}, TS, 1.5))


def test_types_of_avro(peer, client, site):
    decimal = {"logicalType": "decimal", "precision": 12, "scale": 4}
    schema = evolved(
        {"name": "t", "type": ["null", "float", "string"]},
        {"name": "price", "type": {"type": "bytes", **decimal}},
        {"name": "amount", "type": {"type": "bytes", **decimal}},
        {"name": "cost", "type": {"type": "fixed", "name": "Cost", "size": 8, **decimal}},
        {"name": "place", "type": {"type": "record", "name": "Place", "fields": [{"name": "city", "type": "string"}]}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OFF", "ON"]}},
        {"name": "device", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "tags", "type": {"type": "map", "values": "string"}},
        {"name": "more", "type": {"type": "map", "values": ["null", "boolean", "int", "long"]}},
        name="Typed",
    )
    typed = {
        **reading(site, 1.5), "price": Decimal("12.5000"), "amount": Decimal("99999999.0001"), "cost": Decimal("-0.0001"), "place": {"city": "Köln"}, "state": "ON",
        "device": UUID("89791762-2336-4186-9674-299b90a802e2"), "tags": {"rack": "r1"}, "more": {"open": True, "gone": None, "n": -7},
    }
    peer.avro.send(avro(client, schema), typed)
    labels = {"city": "Köln", "state": "ON", "exact": "99999999.0001", "device": "89791762-2336-4186-9674-299b90a802e2", "rack": "r1"}
    values = {"t": 1.5, "price": 12.5, "cost": -0.0001, "open": 1, "n": -7}
    peer.avro.has(site, *((name, labels, TS, value) for name, value in values.items()))


@pytest.mark.parametrize(
    ("kind", "logical", "value", "micros"),
    [
        ("int", "date", date(2026, 11, 28), datetime(2026, 11, 28, tzinfo=timezone.utc).timestamp() * 1e6),
        ("long", "timestamp-millis", MOMENT, MILLIS),
        ("long", "local-timestamp-micros", MOMENT.replace(tzinfo=None), TS - 3_600_000_000),
        ("long", "local-timestamp-millis", MOMENT.replace(tzinfo=None), MILLIS - 3_600_000_000),
    ],
)
def test_times_of_avro(peer, client, site, kind, logical, value, micros):
    fields = [{"name": "day", "type": {"type": kind, "logicalType": logical}}, *FIELDS[1:]]
    schema = {**READING, "name": logical.replace("-", "_"), "fields": fields}
    peer.days.send(avro(client, schema), {"day": value, "site": site, "t": 1})
    peer.days.has(site, ("t", {}, micros, 1))


def test_avro_refers_to_schemas_of_other_subjects(peer, client, site):
    city = {"type": "record", "name": "City", "namespace": "common", "fields": [{"name": "city", "type": "string"}]}
    unit = {"type": "enum", "name": "Unit", "namespace": "common", "symbols": ["C", "K"]}
    place = {
        "type": "record", "name": "Place", "namespace": "plant",
        "fields": [{"name": "city", "type": "string"}, {"name": "within", "type": ["null", "common.City"]}],
    }
    reference = lambda name, subject: SchemaReference(name, subject, 1)
    peer.registry.register("common/City", json.dumps(city))
    peer.registry.register("common.Unit", json.dumps(unit))
    peer.registry.register("plant.Place", json.dumps(place), references=[reference("common.City", "common/City")])
    schema = evolved(FIELDS[2], {"name": "place", "type": "plant.Place"}, {"name": "state", "type": "common.Unit"}, name="Referring")
    references = [reference("plant.Place", "plant.Place"), reference("common.Unit", "common.Unit")]
    serializer = avro(client, Schema(json.dumps(schema), "AVRO", references))
    peer.avro.send(serializer, reading(site, place={"city": "Ulm", "within": {"city": "Neu-Ulm"}}, state="K"))
    peer.avro.has(site, ("t", {"city": "Ulm", "state": "K"}, TS, 1.5))


def test_types_of_protobuf_and_files_that_it_imports(peer, client, site):
    message = protos.message("reading.proto", "plant.Reading")
    typed = message(site=site, ts=MOMENT, unit="KELVIN", tags={"rack": "r1"}, more={"n": -7}, ampere=2.5, took=timedelta(milliseconds=1500))
    typed.wrapped.value = 3
    # 12.34
    typed.price.value, typed.price.scale = b"\x04\xd2", 2
    typed.amount.CopyFrom(typed.price)
    peer.protobuf.send(ProtobufSerializer(message, client), typed)
    labels = {"unit": "KELVIN", "rack": "r1", "exact": "12.34"}
    # Of a field without presence nothing is on the wire, and it is 0.
    values = {"t": 0, "n": -7, "ampere": 2.5, "took": 1.5, "wrapped": 3, "price": 12.34}
    peer.protobuf.has(site, *((name, labels, TS, value) for name, value in values.items()))


def test_protobuf_that_was_registered_as_a_text(peer, site):
    """As Java's clients do it."""
    for name in ("common/unit.proto", "paths.proto"):
        number = peer.registry.register(f"text of {name}", protos.text(name), "PROTOBUF")
    message = protos.message("paths.proto", "plant.Second.Inner.Innermost")
    head = SchemaId("PROTOBUF", number, None, [1, 0, 1]).id_to_bytes()
    peer.protobuf.send_bytes(head + message(site=site, t=1.5, ts=MOMENT).SerializeToString())
    peer.protobuf.has(site, ("t", {}, TS, 1.5))


def test_a_topic_may_have_records_of_several_versions(peer, client, site):
    before = evolved(FIELDS[2], {"name": "humidity", "type": "double"}, name="Evolved")
    after = evolved({"name": "humidity", "type": "double"}, {"name": "price", "type": ["null", "double"], "default": None}, name="Evolved")
    old, new = avro(client, before), avro(client, after)
    moments = [MOMENT + timedelta(seconds=n) for n in range(4)]
    peer.avro.send(old, reading(site, 1, humidity=10, ts=moments[0]))
    peer.avro.send(new, {"ts": moments[1], "site": site, "humidity": 11, "price": 2})
    peer.avro.send(old, reading(site, 3, humidity=12, ts=moments[2]))
    peer.avro.send(new, {"ts": moments[3], "site": site, "humidity": 13, "price": None})
    at = [TS + n * 1_000_000 for n in range(4)]
    peer.avro.has(
        site, ("t", {}, at[0], 1), ("humidity", {}, at[0], 10), ("humidity", {}, at[1], 11), ("price", {}, at[1], 2),
        ("t", {}, at[2], 3), ("humidity", {}, at[2], 12), ("humidity", {}, at[3], 13),
    )


def test_records_of_a_schema_that_is_registered_too_late_are_redriven(peer, client, site):
    schema = evolved(FIELDS[2], name="Late")
    payload = avro(client, READING)(reading(site), peer.avro.context())
    # Ids are counted.
    number = peer.registry.register("early-value", json.dumps(evolved(name="Early"))) + 1
    peer.avro.send_bytes(SchemaId("AVRO", number).id_to_bytes() + payload[5:])
    (letter,) = eventually("it is a dead letter", lambda: peer.avro.letters("unknown_schema"))
    assert letter["detail"].startswith(f"schema {number}: the registry says: "), letter
    assert peer.registry.register("late-value", json.dumps(schema)) == number
    # It is asked for again after some seconds.
    eventually("it can be read", lambda: peer.avro.letters("unknown_schema")[0]["decoded"])
    peer.server.graphql("mutation ($id: ID!) { redriveDeadLetters(ids: [$id]) { sent } }", id=letter["id"])
    peer.avro.has(site, ("t", {}, TS, 1.5))


def test_a_deleted_subject_stops_no_record(peer, client, site):
    serializer = avro(client, evolved(FIELDS[2], name="Deleted"), **{"subject.name.strategy": lambda *_: "deleted-value"})
    context = peer.avro.context()
    payload = serializer(reading(site), context)
    assert client.delete_subject("deleted-value") == [1]
    peer.avro.send_bytes(payload)
    peer.avro.has(site, ("t", {}, TS, 1.5))


def test_a_schema_may_refer_to_a_deleted_subject(peer, client, site):
    if peer.registry.is_real:
        pytest.skip("Apicurio Registry does not give what was deleted by its subject")
    place = {"type": "record", "name": "Gone", "namespace": "plant", "fields": [{"name": "city", "type": "string"}]}
    peer.registry.register("gone", json.dumps(place))
    schema = json.dumps(evolved(FIELDS[2], {"name": "place", "type": "Gone"}, name="Left"))
    serializer = avro(client, Schema(schema, "AVRO", [SchemaReference("plant.Gone", "gone", 1)]))
    payload = serializer(reading(site, place={"city": "Ulm"}), peer.avro.context())
    client.delete_subject("gone")
    peer.avro.send_bytes(payload)
    peer.avro.has(site, ("t", {"city": "Ulm"}, TS, 1.5))


def test_records_wait_for_a_registry_that_is_away_and_each_is_stored_once(peer, client, site):
    serializer = avro(client, evolved(FIELDS[2], name="Awaited"))
    records = [reading(site, n, ts=MOMENT + timedelta(seconds=n)) for n in range(100)]
    payloads = [serializer(record, peer.avro.context()) for record in records]
    before = peer.avro.counters()
    peer.registry.stop()
    for payload in payloads:
        peer.avro.send_bytes(payload)

    def named():
        answer = requests.get(f"{peer.server.url}/readyz")
        return answer.status_code == 503 and "schema registry: 127.0.0.1: " in answer.text

    eventually("the registry is named as the reason", named)
    assert peer.avro.stored(site) == []
    peer.registry.launch()
    peer.registry.answers()
    peer.avro.has(site, *(("t", {}, TS + n * 1_000_000, n) for n in range(100)))
    eventually("it is ready again", lambda: requests.get(f"{peer.server.url}/readyz").ok)
    after = peer.avro.counters()
    assert {name: after[name] - before[name] for name in ("records", "stored", "replaced", "deadLetters")} == {
        "records": 100, "stored": 100, "replaced": 0, "deadLetters": 0,
    }


def test_no_other_record_became_a_dead_letter(peer):
    assert [letter for topic in (peer.avro, peer.days, peer.protobuf, peer.json) for letter in topic.letters()] == []
