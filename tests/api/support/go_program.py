"""Programs in Go as child processes, built as scripts/go-program says."""

import os
import signal
import subprocess

import pytest

from support.server import ROOT, end, eventually

SCRIPT = ROOT / "scripts" / "go-program"
UNAVAILABLE = 75


def require(name):
    # scripts/test-senders says so loudly.
    if subprocess.run([SCRIPT, name, "build"]).returncode == UNAVAILABLE:
        pytest.skip(f"{name} cannot be had here")


class GoProgram:
    name = ""

    def __init__(self, directory, arguments=(), environment=None):
        self.directory, self.arguments, self.child = directory, arguments, None
        known = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME") if name in os.environ}
        self.environment = {**known, **(environment or {})}
        self.log_path = directory / f"{self.name}.log"

    def command(self, *arguments):
        return [SCRIPT, self.name, "run", *arguments, *self.arguments]

    def run(self, *arguments):
        """To its end; what it says."""
        ended = self.ended(*arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def ended(self, *arguments):
        command = self.command(*arguments)
        return subprocess.run(command, env=self.environment, cwd=self.directory, text=True, capture_output=True, timeout=120)

    def launch(self):
        with open(self.log_path, "a") as log:
            self.child = subprocess.Popen(self.command(), env=self.environment, cwd=self.directory, stdout=log, stderr=log)

    def log(self):
        return self.log_path.read_text()

    def says(self, words, at=None):
        """From now on, or from this place of its log on."""
        at = len(self.log()) if at is None else at

        def has_said():
            assert self.child.poll() is None, self.log()
            return words in self.log()[at:]

        eventually(f"{self.name} says {words!r}", has_said)

    def halt(self, how=signal.SIGTERM):
        if self.child is None:
            return
        end(self.child, how)
        self.child = None
