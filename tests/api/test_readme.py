"""The README, followed by somebody new: its commands in order, in an empty directory, on the demo."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest
import requests
from support.documented import snippets
from support.server import binary, eventually, free_port

README = [one for one in snippets() if one.page == "README.md"]
SHOWN = "127.0.0.1:8080"


def block(words):
    (found,) = [one.text for one in README if words in one.text]
    return found


class Newcomer:
    """With a clone at hand: target/debug/streamsync is there, and `make run` runs the demo."""

    def __init__(self):
        home = pathlib.Path(tempfile.mkdtemp(prefix="streamsync-readme-"))
        # Run as root, the private Postgres is another user's.
        home.chmod(0o755)
        (home / "target/debug").mkdir(parents=True)
        (home / "target/debug/streamsync").symlink_to(binary())
        self.home, self.address = home, f"127.0.0.1:{free_port()}"
        self.environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "NO_COLOR": "1", "STREAMSYNC_URL": f"http://{self.address}"}
        self.running = []

    def start(self, words, **more):
        child = subprocess.Popen(words, cwd=self.home, env=self.environment, start_new_session=True, text=True, **more)
        self.running.append(child)
        return child

    def make_run(self):
        with open(self.home / "log", "w") as log:
            demo = self.start(["target/debug/streamsync", "demo", "--listen", self.address], stdout=log, stderr=log)
        ready = lambda: demo.poll() is not None or requests.get(f"http://{self.address}/readyz").ok
        eventually("the demo is ready", ready)
        assert demo.poll() is None, (self.home / "log").read_text()
        return demo

    def printed_commands(self):
        """Those of the greeting, each on one line."""
        text = re.sub(r" \\\n +", " ", (self.home / "log").read_text())
        return re.findall(r"^  ((?:target/|curl ).*)$", text, re.MULTILINE)

    def types(self, line):
        """What it prints, of a command that ends."""
        ended = subprocess.run(
            ["bash", "-c", line.replace(SHOWN, self.address)],
            cwd=self.home, env=self.environment, text=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def watches(self, line, words):
        """A command that goes on for ever, until it has printed the words."""
        child = self.start(["timeout", "60", "bash", "-c", line.replace(SHOWN, self.address)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        seen = ""
        for printed in child.stdout:
            seen += printed
            if words in seen:
                return child
        raise AssertionError(f"{words} is not in\n{seen}")

    @staticmethod
    def reads_on(child, words):
        for printed in child.stdout:
            if words in printed:
                return
        raise AssertionError(words)

    def leave(self):
        for child in self.running:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                child.wait(60)
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture
def newcomer():
    someone = Newcomer()
    try:
        yield someone
    finally:
        someone.leave()


def lines(text):
    """The commands of a block as they stand there, each on one line."""
    return [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line]


def without_address(line):
    """The server of the README is where the terminal looks by itself."""
    return re.sub(r" --url \S+", "", line)


def test_the_readme_can_be_followed(newcomer):
    demo = newcomer.make_run()

    query, tail = lines(block("tail --metric"))
    (subscribe,) = lines(block("curl -N"))
    (write,) = lines(block("curl -d"))
    printed = newcomer.printed_commands()
    assert [without_address(line) for line in printed] == [query, tail, write.replace(SHOWN, newcomer.address)]
    for query, tail in ((query, tail), printed[:2]):
        eventually("a day of the demo is there", lambda: newcomer.types(query).count("ec2_cpu_utilization{") >= 24)
        newcomer.watches(tail, "ec2_cpu_utilization{")
    newcomer.types(printed[2])

    subscription = newcomer.watches(subscribe, '"points":[]')
    newcomer.types(write)
    newcomer.reads_on(subscription, '"value":21.5')

    demo.send_signal(signal.SIGINT)
    assert demo.wait(60) == 0
    (newcomer.home / "streamsync.toml").write_text(block("[[stream]]"))
    test, produce, query = lines(block("produce --stream"))
    newcomer.types(test)
    newcomer.make_run()
    newcomer.types(produce)
    eventually("the record is stored", lambda: "iot_humidity{" in newcomer.types(query))


def test_the_commands_of_the_readme_are_those_that_were_followed():
    of_shell = [one.text for one in README if one.language == "sh"]
    followed = ["make run", "tail --metric", "curl -N", "curl -d", "produce --stream", "streamsync serve"]
    assert len(of_shell) == len(followed)
    assert all(words in text for words, text in zip(followed, of_shell))
