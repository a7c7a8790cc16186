"""The commands in a terminal of eighty columns: what they print fits it, and printed commands can be pasted."""

import datetime
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import termios

import pytest
from support.server import binary, eventually

COLUMNS = 80
PATIENCE = 60
METRIC = "terminal_temperature"
COLOURS = re.compile(r"\x1b\[\d+m")


class Terminal:
    def __init__(self, words, server, **environment):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "STREAMSYNC_URL": server.url, **environment}
        self.child = subprocess.Popen(words, env=environment, cwd=server.dir, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.shown = ""

    def read(self):
        """False at the end."""
        assert select.select([self.master], [], [], PATIENCE)[0], self.shown
        try:
            self.shown += os.read(self.master, 65_536).decode()
            return True
        except OSError:
            return False

    def shows(self, *words):
        while not all(word in self.shown for word in words):
            assert self.read(), self.shown
        return self

    def ends(self):
        while self.read():
            pass
        os.close(self.master)
        assert self.child.wait(PATIENCE) == 0, self.shown
        return self

    def lines(self):
        return COLOURS.sub("", self.shown).splitlines()


def published(server, site, seconds_ago, value):
    ts = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds_ago)
    labels = {"rack": "a-name-that-is-longer-than-a-column", "site": site}
    labels = [{"name": name, "value": value} for name, value in labels.items()]
    server.publish([{"metric": METRIC, "labels": labels, "ts": ts.isoformat().replace("+00:00", "Z"), "value": value}])


@pytest.fixture(scope="module")
def filled(server):
    for seconds_ago in (40, 30, 20, 10):
        published(server, "north", seconds_ago, 20 + seconds_ago / 3)
        published(server, "south", seconds_ago - 5, 20)
    count = lambda: len(server.get("/api/v1/points", metric=METRIC, format="csv", **{"from": 0}).text.splitlines())
    eventually("they are stored", lambda: count() == 9)
    return server


def test_a_table_fits_and_has_colours_unless_they_are_refused(filled):
    query = [binary(), "query", "--metric", METRIC, "--last", "1h", "--format", "table"]
    terminal = Terminal(query, filled).ends()
    rows = terminal.lines()
    assert len(rows) == 2 + 8 and all(len(row) <= COLUMNS for row in rows), terminal.shown
    assert all(row.startswith("terminal_temp") and "…" in row for row in rows[2:]), terminal.shown
    assert any(row.endswith("  33.3333") for row in rows), terminal.shown
    assert terminal.shown.startswith("\x1b[1mseries.key")
    assert "\x1b" not in Terminal(query, filled, NO_COLOR="1").ends().shown
    # Nothing is cut in a pipe.
    piped = subprocess.run(query, env={"STREAMSYNC_URL": filled.url}, capture_output=True, text=True, check=True).stdout
    assert "…" not in piped and "\x1b" not in piped
    assert all('site="' in row for row in piped.splitlines()[2:]), piped


def test_a_tail_is_by_time_and_what_it_prints_at_its_end_continues_it(filled):
    tail = Terminal([binary(), "tail", "--label", "site=~north|south", "--metric", METRIC, "--backfill=1h"], filled)
    tail.shows("  23.3333  ")
    published(filled, "north", 0, 1.5)
    tail.shows("  1.5  ")
    tail.child.send_signal(signal.SIGINT)
    lines = tail.ends().lines()
    points = [line for line in lines if "terminal_temp" in line and "tail" not in line]
    assert len(points) == 9 and all(len(line) <= COLUMNS for line in points), tail.shown
    assert points == sorted(points), tail.shown

    pasted = lines[-1].strip()
    assert shlex.split(pasted)[:5] == [str(binary()), "tail", "--label", "site=~north|south", "--metric"], tail.shown
    again = Terminal(["bash", "-c", f"exec {pasted}"], filled)
    published(filled, "south", 0, 2.5)
    again.shows("  2.5  ")
    assert "  1.5  " not in again.shown
    again.child.send_signal(signal.SIGINT)
    again.ends()


def test_records_of_the_embedded_broker_are_found_without_a_port_and_by_their_time(filled):
    def dry_run(since):
        command = [binary(), "dry-run", "--config", filled.config, "--data-dir", filled.dir, "--limit", "3", "--from", since]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=filled.dir).stdout.splitlines()[-1]

    assert dry_run("2020-01-01") == "3 records, 3 points"
    assert dry_run("2999-01-01T00:00") == "0 records, 0 points"
