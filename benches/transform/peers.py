"""Peers of `make bench-transform`: JSON to points in stream processors of PyPI, without Kafka.

Reads one message a line up to an empty line, then answers each name of a contestant with how many
messages it took and the CPU seconds. Every message becomes the points that StreamSync makes of it, as
(series, microseconds, value), which nobody keeps. Unlike StreamSync the peers check nothing: no names,
no times, no lengths.
"""

import sys
import time
from contextvars import copy_context

import bytewax.operators as op
import orjson
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main
from quixstreams.context import set_message_context
from quixstreams.core.stream import Stream
from quixstreams.models.serializers import JSONDeserializer, SerializationContext
from quixstreams.models.topics import Topic, TopicType

TIMES = 10


def points(message):
    labels = f'{{device="{message["device"]}",site="{message["site"]}"}}'
    ts = message["ts"] * 1000
    return [
        (f"machines_{field}{labels}", ts, float(message[field]))
        for field in ("temperature", "vibration")
        if message.get(field) is not None
    ]


class Nowhere(list):
    """A list for the sink that keeps nothing."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def append(self, _):
        self.count += 1

    def extend(self, more):
        self.count += len(more)

    def __iadd__(self, more):
        self.extend(more)
        return self


def alone(messages):
    """What Python itself takes, with no processor around it."""
    nowhere = Nowhere()
    for message in messages:
        nowhere.extend(points(orjson.loads(message)))
    return nowhere.count


def quixstreams_pipeline(messages):
    """Its deserializer and its composed pipeline alone."""
    nowhere = Nowhere()
    deserialize = JSONDeserializer()
    context = SerializationContext(topic="machines", field="value")
    process = pipeline(nowhere)
    for message in messages:
        process(deserialize(message, context), None, 0, None)
    return nowhere.count


def quixstreams(messages):
    """What its Application does with each message that its consumer has polled."""
    nowhere = Nowhere()
    topic = Topic("machines", TopicType.REGULAR, value_deserializer="json")
    process = pipeline(nowhere)
    for message in messages:
        row = topic.row_deserialize(Polled(message))
        context = copy_context()
        context.run(set_message_context, row.context)
        context.run(process, row.value, row.key, row.timestamp, row.headers)
    return nowhere.count


def pipeline(nowhere):
    stream = Stream().add_apply(points, expand=True)
    return stream.compose_single(sink=lambda value, key, timestamp, headers: nowhere.append(value))


class Polled:
    """A message of the Kafka client."""

    def __init__(self, payload):
        self.payload = payload

    def value(self):
        return self.payload

    def __len__(self):
        return len(self.payload)

    def timestamp(self):
        return 1, 1764351900000

    def topic(self):
        return "machines"

    def partition(self):
        return 0

    def offset(self):
        return 0

    def leader_epoch(self):
        return 0

    def key(self):
        return None

    def headers(self):
        return None


def bytewax(messages):
    nowhere = Nowhere()
    flow = Dataflow("machines")
    read = op.input("read", flow, TestingSource(messages, batch_size=1000))
    decoded = op.map("decode", read, orjson.loads)
    mapped = op.flat_map("map", decoded, points)
    op.output("write", mapped, TestingSink(nowhere))
    run_main(flow)
    return nowhere.count


CONTESTANTS = {
    "Python and orjson alone": alone,
    "quixstreams": quixstreams,
    "quixstreams, its pipeline alone": quixstreams_pipeline,
    "bytewax": bytewax,
}


def main():
    messages = []
    for line in sys.stdin.buffer:
        if line == b"\n":
            break
        messages.append(line.rstrip(b"\n"))
    messages *= TIMES
    print("ready", flush=True)
    for line in sys.stdin.buffer:
        begun = time.process_time()
        made = CONTESTANTS[line.decode().strip()](messages)
        seconds = time.process_time() - begun
        assert made == 2 * len(messages), made
        print(len(messages), seconds, flush=True)


main()
