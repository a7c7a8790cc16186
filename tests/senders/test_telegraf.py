"""Telegraf writes what it reads to StreamSync, on the configurations of docs/writing.md: each point once, whatever restarts."""

import getpass
import json
import os
import re
import shutil
import signal
import subprocess
import time
from datetime import datetime, timezone

import pytest
from support import go_program
from support.documented import only
from support.server import eventually, free_port
from support.telegraf import Telegraf

SHOWN = "http://127.0.0.1:8080"
DEVICES, TIMES = 50, 100
LINES = DEVICES * TIMES


@pytest.fixture(scope="module", autouse=True)
def built():
    go_program.require("telegraf")


@pytest.fixture
def started(tmp_path):
    """What runs until the end of the test."""
    running = []
    yield running.append
    for child in running:
        child.halt()


def tables(word):
    """The tables of the page's only snippet with this word."""
    found = only("docs/writing.md", "toml", word)
    return re.split(r"^(?=\[\[(?:inputs|outputs)\.\w+\]\])", found, flags=re.MULTILINE)


def output(name, receiver):
    """As the page has it, with the address of this server."""
    table = next(table for table in tables("[[outputs.") if table.startswith(f"[[outputs.{name}]]"))
    assert SHOWN in table
    return table.replace(SHOWN, receiver.url)


def start():
    return (time.time_ns() // 1_000_000_000 - 3600) * 1_000_000


def readings(begin):
    """Device, microseconds and value."""
    for n in range(LINES):
        yield f"m {n % DEVICES},1", begin + n * 1_000, n / 8


def line_protocol(metric, begin):
    lines, points = [], []
    for device, ts, value in readings(begin):
        tag = device.replace(" ", r"\ ").replace(",", r"\,")
        # What is below a microsecond is cut off.
        lines.append(f'{metric},device={tag},site=nörd t={value},n={int(value)}i,ok={"true" if value > 99 else "f"},note="a, b" {ts}999')
        labels = {"device": device, "site": "nörd"}
        points += [(f"{metric}_t", labels, ts, value), (f"{metric}_n", labels, ts, int(value)), (f"{metric}_ok", labels, ts, value > 99)]
    return "\n".join(lines) + "\n", points


def file(path):
    return f'[[inputs.file]]\nfiles = ["{path}"]\ndata_format = "influx"\n'


def tail(path):
    return f'[[inputs.tail]]\nfiles = ["{path}"]\ninitial_read_offset = "beginning"\npath_tag = ""\ndata_format = "influx"\n'


@pytest.mark.parametrize("name", ["influxdb", "influxdb_v2"])
def test_each_point_of_a_file_of_line_protocol_is_stored_once(receiver, tmp_path, name):
    lines, points = line_protocol(f"file_{name}", start())
    (tmp_path / "lines").write_text(lines)
    said = Telegraf(tmp_path, file(tmp_path / "lines") + output(name, receiver), receiver.key).run("--once")
    assert "E!" not in said, said
    receiver.has(points)


def test_what_is_sent_twice_is_stored_once(receiver, tmp_path):
    lines, points = line_protocol("twice", start())
    (tmp_path / "lines").write_text(lines)
    both = output("influxdb", receiver) + output("influxdb_v2", receiver)
    sender = Telegraf(tmp_path, file(tmp_path / "lines") + both, receiver.key)
    for _ in range(2):
        sender.run("--once")
    receiver.has(points)


@pytest.mark.parametrize("name", ["influxdb", "influxdb_v2"])
def test_a_line_that_can_never_be_stored_is_named_and_holds_up_no_other(receiver, tmp_path, name):
    lines, points = line_protocol(f"refused_{name}", start())
    far = int(datetime(2099, 1, 1, tzinfo=timezone.utc).timestamp()) * 10**9
    (tmp_path / "lines").write_text(f"refused_{name} t=1 {far}\n{lines}")
    said = Telegraf(tmp_path, file(tmp_path / "lines") + output(name, receiver), receiver.key).run("--once")
    assert re.search(r"400 Bad Request.*1 refused, \d+ points stored: line 1: ", said), said
    receiver.has(points)


@pytest.mark.parametrize("name, how", [("influxdb_v2", signal.SIGKILL), ("influxdb", signal.SIGTERM)])
def test_nothing_is_lost_and_nothing_twice_when_streamsync_restarts(receiver, tmp_path, started, name, how):
    lines, points = line_protocol(f"restart_{name}", start())
    lines = lines.splitlines(keepends=True)
    source = tmp_path / "lines"
    source.write_text("".join(lines[: LINES // 2]))
    sender = Telegraf(tmp_path, tail(source) + output(name, receiver), receiver.key)
    started(sender)
    sender.launch()
    eventually("some are stored", lambda: receiver.rows(f"restart_{name}_t") > 0)
    receiver.halt(how)
    with open(source, "a") as more:
        more.write("".join(lines[LINES // 2 :]))
    sender.says("connection refused")
    receiver.launch()
    receiver.has(points)


# Telegraf's output for version 1 drops what any 4xx answers, so /write says 503.
@pytest.mark.parametrize("name", ["influxdb", "influxdb_v2"])
def test_a_sender_that_is_too_fast_loses_nothing(strict, tmp_path, started, name):
    lines, points = line_protocol("fast", start())
    source = tmp_path / "lines"
    source.write_text("".join(lines.splitlines(keepends=True)[:1_000]))
    sender = Telegraf(tmp_path, tail(source) + output(name, strict), strict.key)
    started(sender)
    sender.launch()
    eventually("it is told to wait", lambda: re.search(r"\b(429 Too Many Requests|503 Service Unavailable)", sender.log()))
    assert "will be dropped" not in sender.log()
    strict.has(points[:3_000])


def documented(word, shown, actual):
    """The page's configuration with this input, at another place."""
    page = "".join(tables(word))
    assert page.startswith(word) and shown in page
    return page.replace(shown, actual)


def test_the_documented_way_from_files_loses_nothing_when_either_side_is_killed(receiver, tmp_path, started):
    inputs = documented("[[inputs.tail]]", "/var/log/machines/", f"{tmp_path}/")
    lines, points = [], []
    for device, ts, value in readings(start()):
        at = datetime.fromtimestamp(ts / 1_000_000, timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
        lines.append(json.dumps({"at": at, "device": device, "temperature": value}) + "\n")
        points.append(("machines_temperature", {"device": device}, ts, value))
    (tmp_path / "1.ndjson").write_text("".join(lines[: LINES // 2]))
    sender = Telegraf(tmp_path, inputs + output("influxdb_v2", receiver), receiver.key)
    started(sender)
    sender.launch()
    eventually("some are stored", lambda: receiver.rows("machines_temperature") > 0)
    receiver.halt(signal.SIGKILL)
    (tmp_path / "2.ndjson").write_text("".join(lines[LINES // 2 :]))
    sender.says("connection refused")
    sender.halt(signal.SIGKILL)
    receiver.launch()
    sender.launch()
    receiver.has(points)


class Broker:
    """Mosquitto, on a port of its own."""

    def __init__(self, directory):
        self.port, self.log_path = free_port(), directory / "broker.log"
        config = directory / "mosquitto.conf"
        settings = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "log_dest stderr", "log_type all"]
        # As the page says.
        settings += ["max_inflight_messages 1000", "max_queued_messages 0", f"user {getpass.getuser()}"]
        config.write_text("\n".join(settings) + "\n")
        with open(self.log_path, "w") as log:
            self.child = subprocess.Popen([mosquitto(), "-c", config], stdout=log, stderr=log)
        self.logs("running")

    def logs(self, words):
        eventually(f"the broker says {words!r}", lambda: self.child.poll() is not None or words in self.log_path.read_text())
        assert self.child.poll() is None, self.log_path.read_text()

    def publish(self, topic, messages):
        command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.port), "-q", "1", "-t", topic, "-l"]
        subprocess.run(command, input="".join(message + "\n" for message in messages), text=True, check=True, timeout=60)

    def halt(self):
        self.child.kill()
        self.child.wait()


def mosquitto():
    """Debian has it beyond the PATH of some who are not root."""
    return shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")


def test_the_documented_way_from_mqtt_is_a_configuration(receiver, tmp_path):
    inputs = "".join(tables("[[inputs.mqtt_consumer]]"))
    sender = Telegraf(tmp_path, inputs + output("influxdb_v2", receiver), receiver.key)
    sender.run("config", "check")


@pytest.mark.skipif(not (mosquitto() and shutil.which("mosquitto_pub")), reason="Mosquitto is missing")
def test_the_documented_way_from_mqtt_loses_nothing_when_either_side_is_killed(receiver, tmp_path, started):
    broker = Broker(tmp_path)
    started(broker)
    inputs = documented("[[inputs.mqtt_consumer]]", "127.0.0.1:1883", f"127.0.0.1:{broker.port}")
    sender = Telegraf(tmp_path, inputs + output("influxdb_v2", receiver), receiver.key)
    started(sender)
    begin = start() // 1_000
    messages = {f"d{n}": [{"at": begin + at, "temperature": at / 8, "n": n} for at in range(TIMES)] for n in range(DEVICES // 2)}
    points = [
        (f"sensors_{field}", {"device": device}, one["at"] * 1_000, one[field])
        for device, all_of_it in messages.items()
        for one in all_of_it
        for field in ("temperature", "n")
    ]

    def publish(part):
        for device, all_of_it in messages.items():
            broker.publish(f"sensors/{device}/readings", [json.dumps(one) for one in all_of_it[part]])

    sender.launch()
    broker.logs("Sending SUBACK to telegraf-sensors")
    publish(slice(None, TIMES // 2))
    eventually("some are stored", lambda: receiver.rows("sensors_n") > 0)
    receiver.halt(signal.SIGKILL)
    publish(slice(TIMES // 2, None))
    sender.says("connection refused")
    sender.halt(signal.SIGKILL)
    receiver.launch()
    sender.launch()
    receiver.has(points)
