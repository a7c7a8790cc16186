"""Prometheus' own cases for receivers of remote write (prometheus/compliance), with StreamSync as the receiver."""

import re

import pytest
from support import go_program
from support.go_program import GoProgram

CONFIG = """
remote_write:
  - name: streamsync
    url: {url}/prometheus/api/v1/write
    headers:
      X-StreamSync-Stream: metrics
    authorization:
      credentials: {key}
"""
# Of the version that go.mod pins, with the groups that they are in.
CASES = 456
# Requests of them that have nothing to refuse.
STORED = 65
# Those of docs/writing.md, and of requests that cannot be read.
REFUSED = ["exemplars are not stored", "native histograms are not stored", "not_finite:", "missing_field: label '__name__'"]
REFUSED += ["the payload is not a block of snappy", "Content-Encoding must be", "Content-Type must be"]


class ReceiverCases(GoProgram):
    name = "receiver_cases"


@pytest.fixture(scope="module")
def ended(receiver, tmp_path_factory):
    go_program.require("receiver_cases")
    directory = tmp_path_factory.mktemp("cases")
    config = directory / "config.yml"
    config.write_text(CONFIG.format(url=receiver.url, key=receiver.key))
    return ReceiverCases(directory, ["-test.v"], {"PROMETHEUS_RW2_COMPLIANCE_CONFIG_FILE": str(config)}).ended()


def test_all_cases_of_prometheus_for_receivers_of_remote_write_pass(ended):
    said = ended.stdout + ended.stderr
    results = set(re.findall(r"^ *--- (\w+): (\S+)", ended.stdout, re.MULTILINE))
    assert [one for one in results if one[0] != "PASS"] == [] and ended.returncode == 0, said
    assert len(results) == CASES, said


# A case that should be stored passes if it is answered 400, too.
def test_of_these_cases_nothing_is_refused_but_what_the_documentation_names(ended):
    refusals = re.findall(r'Response code from "streamsync": 4\d\d\n.*Response body from "streamsync": (.*)', ended.stdout)
    stored = ended.stdout.count('Response code from "streamsync": 204\n')
    assert len(refusals) + stored == ended.stdout.count("Response code from"), ended.stdout
    assert [body for body in refusals if not any(reason in body for reason in REFUSED)] == []
    assert stored == STORED
