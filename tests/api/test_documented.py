"""Every snippet of the documentation does what it says, copied out of its page by this test.

What is JavaScript or TypeScript runs in tests/clients/specs. A snippet that nobody knows how to run fails.
"""

import ast
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import tomllib

import graphql
import pytest
import requests
import yaml
from support.documented import ROOT, commands, inline, only, snippets
from support.server import binary, eventually

SCHEMA = graphql.build_schema((ROOT / "schema.graphql").read_text())
SHOWN = "http://127.0.0.1:8080"
HOUR_AGO = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
# In seconds, for the first words of a command that goes on for ever.
PATIENCE = 60
# Commands that end with an answer, and of which some have nothing to work on here.
UNDERSTOOD = (
    "archive audit check completions delete-series doctor dry-run infer keys man produce reload restore resume rewind tap test"
).split()
# Of configurations of other programs.
PARSERS = {"toml": tomllib.loads, "yaml": yaml.safe_load, "json": json.loads}


def is_of_another_program(snippet):
    own = {"docs/migrating.md": "[[stream]]", "docs/writing.md": "[http.write]"}.get(snippet.page)
    return own is not None and snippet.language in PARSERS and own not in snippet.text


def by_language(*languages):
    ours = (one for one in snippets() if not is_of_another_program(one))
    return [pytest.param(one, id=str(one)) for one in ours if one.language in languages]


@pytest.fixture(scope="module")
def filled(server):
    """The metrics that the documentation speaks of, until now."""
    now = datetime.datetime.now(datetime.timezone.utc)
    points = [
        {"metric": metric, "labels": [{"name": "site", "value": "north"}, {"name": "device", "value": "m7"}], "ts": at, "value": 20.5 + n}
        for metric in ["machines_temperature", "ec2_cpu_utilization"]
        for n in range(60)
        for at in [(now - datetime.timedelta(seconds=60 - n)).isoformat().replace("+00:00", "Z")]
    ]
    server.publish(points)
    ask = {"metric": "ec2_cpu_utilization", "from": HOUR_AGO, "format": "csv"}
    eventually("they are stored", lambda: len(server.get("/api/v1/points", **ask).text.splitlines()) == 61)
    return server


def adapted(text, server):
    """For this server, and for times of which it has points."""
    text = text.replace(SHOWN, server.url).replace(SHOWN.removeprefix("http://"), server.url.removeprefix("http://"))
    return re.sub(r"2026-11-\d\dT00:00:00Z", HOUR_AGO, text)


def run(words, server, **more):
    more.setdefault("stdin", subprocess.DEVNULL)
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "NO_COLOR": "1", "STREAMSYNC_URL": server.url}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, cwd=server.dir, **more)


def first_lines(words, server, count):
    """Of a command that goes on for ever."""
    words = ["timeout", str(PATIENCE), *words]
    environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1", "STREAMSYNC_URL": server.url}
    child = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        return [child.stdout.readline() for _ in range(count)]
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def is_understood(arguments, server):
    """The command line can be read, whatever comes of it here."""
    ended = run([binary(), *arguments], server)
    assert ended.returncode in (0, 1), ended.stderr
    assert "panicked" not in ended.stderr, ended.stderr


def streamsync(arguments, server):
    subcommand = arguments[0]
    if (len(arguments) == 1 and subcommand not in ("archive", "test")) or (len(arguments) == 2 and subcommand == "keys"):
        return is_understood([*arguments, "--help"], server)
    if subcommand == "query":
        ended = run([binary(), *arguments], server)
        assert ended.returncode == 0, ended.stderr
        if "table" in arguments:
            rows = ended.stdout.splitlines()[2:]
            assert rows and all(row.startswith("ec2_cpu_utilization{") for row in rows), ended.stdout
        return None
    if subcommand == "tail":
        assert "ec2_cpu_utilization{" in first_lines([binary(), *arguments], server, 1)[0]
        return None
    if subcommand == "export":
        ended = run([binary(), *arguments], server)
        assert ended.returncode == 0, ended.stderr
        assert (server.dir / arguments[arguments.index("--out") + 1]).stat().st_size > 0
        return None
    if subcommand in ("serve", "demo"):
        # All that they are told, without running them.
        placeholders = {"postgres://…": "postgres://me@db/metrics", "redis://…": "redis://cache"}
        return is_checked([placeholders.get(word, word) for word in arguments[1:]], server)
    if subcommand in UNDERSTOOD:
        return is_understood(arguments, server)
    pytest.fail(f"nobody knows how to run `streamsync {subcommand}`")


def is_checked(arguments, server):
    ended = run([binary(), "check", *arguments], server)
    assert ended.returncode == 0, ended.stderr


def make(words, _):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    goals = [word for word in words if "=" not in word]
    assert goals and set(goals) <= set(targets), words


def npm(words, _):
    packages = [json.loads((ROOT / folder / "package.json").read_text()) for folder in ("dashboard", "clients/js")]
    name = words[1] if words[0] == "run" else words[0]
    assert name in ("ci", "pack") or any(name in package["scripts"] for package in packages), words


def curl(words, server):
    if not shutil.which("curl"):
        pytest.skip("curl is missing")
    if "-N" in words:
        said = "".join(first_lines(["curl", "-s", *words], server, 3))
        assert "event: next" in said, said
        return
    ended = run(["curl", "--fail-with-body", *words], server)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert '"errors"' not in ended.stdout
    # What is written as line protocol is answered with 204.
    assert ended.stdout or any(word.endswith("/write") for word in words)


def docker(words, server):
    """There is no container engine; what is named exists."""
    if words[0] == "build":
        targets = re.findall(r"^FROM \S+ AS (\w+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        assert "--target" not in words or words[words.index("--target") + 1] in targets
        return
    assert words[0] == "compose"
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    if "--profile" in words:
        assert any(words[words.index("--profile") + 1] in service.get("profiles", []) for service in services.values())
    if "exec" in words:
        service, *rest = [word for word in words[words.index("exec") + 1 :] if word != "-T"]
        assert service in services
        perform(rest, server)


def kubectl(words, server):
    """Nor is there a cluster."""
    folder = ROOT / "deploy/kubernetes"
    if "-k" in words:
        assert (ROOT / words[words.index("-k") + 1] / "kustomization.yaml").exists()
    used = "".join(path.read_text() for path in folder.rglob("*.yaml"))
    assert all(word.partition("=")[2] in used for word in words if word.startswith("--from-file="))
    if "--" in words:
        perform(words[words.index("--") + 1 :], server)


def sudo(words, server):
    """Nor systemd. The package itself is tested in tests/packages."""
    if words[:2] == ["-u", "streamsync"]:
        return perform(words[2:], server)
    assert words[0] in ("apt", "editor") or (words[0] == "systemctl" and words[-1] == "streamsync")


def of_a_release(words, _):
    workflow = (ROOT / ".github/workflows/release.yml").read_text()
    assert words[-1] in workflow if words[0] == "--check" else "attest-build-provenance" in workflow


KNOWN = {
    "make": make, "npm": npm, "curl": curl, "streamsync": streamsync, "target/debug/streamsync": streamsync,
    "docker": docker, "kubectl": kubectl, "sudo": sudo, "sha256sum": of_a_release, "gh": of_a_release,
}  # fmt: skip


def perform(words, server):
    while "=" in words[0]:
        words = words[1:]
    if words[0] == "echo" and "|" in words:
        return perform(words[words.index("|") + 1 :], server)
    if "&&" in words:
        at = words.index("&&")
        perform(words[:at], server)
        return perform(words[at + 1 :], server)
    if ">" in words:
        return perform(words[: words.index(">")], server)
    if words[0] == "cd":
        assert (ROOT / words[1]).is_dir()
        return None
    if words[0] not in KNOWN:
        pytest.fail(f"nobody knows how to run `{' '.join(words)}`")
    return KNOWN[words[0]](words[1:], server)


def test_every_language_is_known():
    known = {"text", "sh", "toml", "graphql", "js", "ts", "tsx", "python", "yaml", "json"}
    unknown = [f"{one} ({one.language or 'no language'})" for one in snippets() if one.language not in known]
    assert not unknown


@pytest.mark.parametrize("snippet", by_language("sh"))
def test_commands_run(snippet, filled):
    for words in commands(adapted(snippet.text, filled)):
        perform(words, filled)


@pytest.mark.parametrize("snippet", [pytest.param(one, id=str(one)) for one in inline(r"streamsync [a-z]")])
def test_commands_within_a_line_run(snippet, filled):
    for words in commands(adapted(snippet.text, filled)):
        perform(words, filled)


class Enough(Exception):
    """What goes on for ever has shown something."""


def in_notebook(text, variables):
    """What a notebook shows: the value of each expression, and what is printed first."""
    shown = []

    def show(*values):
        shown.append(values)
        raise Enough

    variables["print"] = show
    try:
        for statement in ast.parse(text).body:
            if isinstance(statement, ast.Expr):
                shown.append(eval(compile(ast.Expression(statement.value), "snippet", "eval"), variables))
            else:
                exec(compile(ast.Module([statement], []), "snippet", "exec"), variables)
    except Enough:
        pass
    return [value for value in shown if value is not None]


# That of docs/writing.md runs in tests/senders/test_opentelemetry_sdk.py.
@pytest.mark.parametrize("page", ["docs/http.md", "docs/python.md"])
def test_python_runs(page, filled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STREAMSYNC_KEY", "ss_a_key")
    # The snippets of a page are one notebook.
    variables = {}
    for snippet in (one.values[0] for one in by_language("python") if one.values[0].page == page):
        shown = in_notebook(adapted(snippet.text, filled), variables)
        assert shown and all(len(value) > 0 for value in shown), snippet


def test_every_page_with_python_is_run():
    assert {one.page for one in snippets() if one.language == "python"} == {"docs/http.md", "docs/python.md", "docs/writing.md"}


def test_the_live_script_of_python_misses_nothing_when_its_connection_breaks(filled, monkeypatch):
    text = only("docs/python.md", "python", "def follow").replace("machines_temperature", "followed")
    variables = {}
    exec(adapted(text.partition("\nfor point in")[0], filled), variables)
    connections, ask = [], requests.post

    def breaking(*arguments, **more):
        answer = ask(*arguments, **more)
        if not more.get("stream"):
            return answer
        connections.append(more["json"]["variables"])
        lines = answer.iter_lines()

        def until_it_breaks():
            messages = 0
            for line in lines:
                messages += line.startswith(b"data: {")
                yield line
                if messages == 3:
                    raise requests.exceptions.ChunkedEncodingError

        answer.iter_lines = until_it_breaks
        return answer

    monkeypatch.setattr(requests, "post", breaking)
    now = datetime.datetime.now(datetime.timezone.utc)
    at = lambda n: (now + datetime.timedelta(milliseconds=n)).isoformat().replace("+00:00", "Z")
    points = variables["follow"]()
    for n in range(6):
        filled.publish([filled.point("followed", at(n), n)])
        assert next(points)["value"] == n
    points.close()
    assert len(connections) > 2 and all("after" in variables for variables in connections[1:])


# A snippet is a part of a configuration: its files and what it refers to are not there.
ELSEWHERE = ("cannot read", "there is no role", "there is no stream", "is none of the issuers", "there is no [auth]", "has no effect without http.tls")


@pytest.mark.parametrize("snippet", by_language("toml"))
def test_configurations_are_valid(snippet, filled, tmp_path):
    header = "" if snippet.text.startswith("[") else '[[stream]]\nname = "x"\n'
    path = tmp_path / "streamsync.toml"
    path.write_text(header + snippet.text)
    ended = run([binary(), "check", "--config", str(path)], filled)
    wrong = [line for line in ended.stderr.splitlines() if line.lstrip().startswith("- ")]
    assert ended.returncode == 0 or wrong, ended.stderr
    assert all(any(words in line for words in ELSEWHERE) for line in wrong), ended.stderr


@pytest.mark.parametrize("snippet", [pytest.param(one, id=str(one)) for one in snippets() if is_of_another_program(one)])
def test_configurations_of_other_programs_can_be_parsed(snippet):
    assert PARSERS[snippet.language](snippet.text)


def is_valid(document, server):
    errors = graphql.validate(SCHEMA, graphql.parse(document))
    assert not errors, errors
    operation = graphql.parse(document).definitions[0].operation.value
    if operation != "subscription":
        server.graphql(document)


@pytest.mark.parametrize("snippet", by_language("graphql"))
def test_graphql_is_valid_and_answered(snippet, filled):
    is_valid(adapted(snippet.text, filled), filled)


@pytest.mark.parametrize("snippet", [pytest.param(one, id=str(one)) for one in inline(r"\{ [a-zA-Z]+ \{")])
def test_graphql_within_a_line_is_valid_and_answered(snippet, filled):
    is_valid(snippet.text, filled)


@pytest.mark.parametrize("snippet", by_language("yaml"))
def test_the_data_source_of_grafana_is_answered(snippet, filled):
    source = yaml.safe_load(adapted(snippet.text, filled))["datasources"][0]
    assert source["type"] == "prometheus"
    answer = requests.post(f"{source['url']}/api/v1/query", data={"query": "1+1"}).json()
    assert answer["data"]["result"][1] == "2", answer


@pytest.mark.parametrize("snippet", by_language("json"))
def test_the_error_of_an_expression_is_as_shown(snippet, filled):
    shown = json.loads(snippet.text)
    expression = re.search(r"expression '(.*)':", shown["error"])[1]
    answer = filled.get("/prometheus/api/v1/query", query=expression).json()
    assert set(answer) == set(shown) and answer["errorType"] == shown["errorType"]
    assert answer["error"].startswith(shown["error"].removesuffix("…")), answer


def test_expressions_are_answered(filled):
    page = (ROOT / "docs/prometheus.md").read_text()
    examples = re.findall(r"`([^`]+)`", re.search(r"^Examples: (.*)$", page, re.MULTILINE)[1])
    assert len(examples) == 3
    for expression in examples:
        answer = filled.get("/prometheus/api/v1/query", query=expression)
        assert answer.ok, (expression, answer.text)
