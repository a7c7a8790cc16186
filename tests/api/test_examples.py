"""The examples do what they say: with a server of their configuration and the keys that their comments make."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tomllib

import pytest
import requests
import yaml
from support.server import ROOT, Server, binary, eventually

EXAMPLES = ROOT / "examples"
COMPOSE = ROOT / "docker-compose.yml"
GRAFANA = EXAMPLES / "grafana/datasource.yml"
PROMETHEUS = EXAMPLES / "prometheus/prometheus.yml"


def streamsync(arguments, **environment):
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "NO_COLOR": "1"} | environment
    ended = subprocess.run([binary(), *arguments], env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def server():
    server = Server(EXAMPLES / "compose/streamsync.toml")
    try:
        yield server
    finally:
        server.stop()


def key(server, file):
    """Made by the command in the comments of the file."""
    (command,) = re.findall(r"^# .*?\bstreamsync (keys [^>\n]+)", file.read_text(), re.MULTILINE)
    config = {"STREAMSYNC_CONFIG": str(server.config), "STREAMSYNC_DATA_DIR": str(server.dir)}
    return streamsync(shlex.split(command), **config).strip()


@pytest.mark.parametrize("example", ["compose", "keycloak"])
def test_the_configuration_is_valid(example, tmp_path):
    (tmp_path / "oidc").write_text("a secret")
    text = (EXAMPLES / example / "streamsync.toml").read_text().replace("/run/secrets/oidc", str(tmp_path / "oidc"))
    (tmp_path / "streamsync.toml").write_text(text)
    assert "the configuration is valid" in streamsync(["check", "--config", str(tmp_path / "streamsync.toml")])


def test_compose_serves_by_the_configuration_of_the_example(server):
    service = yaml.safe_load(COMPOSE.read_text())["services"]["streamsync"]
    source, target, _ = service["volumes"][0].split(":")
    assert service["environment"]["STREAMSYNC_CONFIG"] == target
    config = (ROOT / source).resolve()
    assert config == EXAMPLES / "compose/streamsync.toml"
    image = dict(re.findall(r"^ENV (STREAMSYNC_\w+)=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    environment = image | service["environment"] | {"STREAMSYNC_CONFIG": str(config)}
    environment = {name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value) for name, value in environment.items()}
    assert "0.0.0.0:8080" in streamsync(["check", *service["command"][1:]], **environment)

    admin = {"X-API-Key": key(server, COMPOSE)}
    me = {"query": "{ me { role } }"}
    asked = lambda headers: requests.post(f"{server.url}/graphql", json=me, headers=headers)
    eventually("the key is known", lambda: asked(admin).ok)
    assert asked(admin).json()["data"]["me"]["role"] == "admin"
    assert asked({}).status_code == 401


def test_the_producer_of_compose_sends_an_hour_and_goes_on(server):
    environment = {
        "PATH": f"{server.dir}:{os.environ['PATH']}",
        "STREAMSYNC_CONFIG": str(server.config),
        "STREAMSYNC_DATA_DIR": str(server.dir),
    }
    (server.dir / "streamsync").symlink_to(binary())
    times = lambda: [int(ms) for ms in server.sql("select distinct (extract(epoch from ts) * 1000)::bigint from points").split()]
    child = subprocess.Popen(["sh", EXAMPLES / "compose/producer.sh"], env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        eventually("the last hour is there", lambda: len(times()) >= 3_600)
        newest = max(times())
        eventually("new readings arrive", lambda: max(times()) > newest)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    assert server.sql("select count(*) from dead_letters").strip() == "0"


def test_grafana_is_answered_with_its_key(server):
    (source,) = yaml.safe_load(GRAFANA.read_text())["datasources"]
    assert source["type"] == "prometheus"
    own = key(server, GRAFANA)
    headers = {source["jsonData"]["httpHeaderName1"]: source["secureJsonData"]["httpHeaderValue1"].replace("$STREAMSYNC_KEY", own)}
    url = source["url"].replace("http://streamsync:8080", server.url) + "/api/v1/query"
    query = lambda headers: requests.request(source["jsonData"]["httpMethod"], url, data={"query": "1+1"}, headers=headers)
    eventually("the key is known", lambda: query(headers).ok)
    assert query(headers).json()["data"]["result"][1] == "2"
    assert query({}).json()["errorType"] == "unauthorized"


def test_prometheus_scrapes_with_its_key(server):
    (job,) = yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    assert target == "streamsync:8080" and set(job["authorization"]) == {"credentials_file"}
    headers = {"Authorization": f"Bearer {key(server, PROMETHEUS)}", "Host": target}
    scrape = lambda headers: requests.get(f"{server.url}/metrics", headers=headers)
    eventually("the key is known", lambda: scrape(headers).ok)
    assert "streamsync_open_connections" in scrape(headers).text
    assert scrape({}).status_code == 401


def test_prometheus_takes_its_configuration(tmp_path):
    if not shutil.which("promtool"):
        pytest.skip("promtool is missing: scripts/setup peers")
    (tmp_path / "key").write_text("ss_a_b")
    path = tmp_path / "prometheus.yml"
    path.write_text(PROMETHEUS.read_text().replace("/etc/prometheus/streamsync.key", str(tmp_path / "key")))
    ended = subprocess.run(["promtool", "check", "config", path], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_realm_of_keycloak_fits_the_configuration():
    realm = json.loads((EXAMPLES / "keycloak/realm.json").read_text())
    auth = tomllib.loads((EXAMPLES / "keycloak/streamsync.toml").read_text())["auth"]
    (issuer,), sign_in = auth["issuer"], auth["sign_in"]
    assert issuer["issuer"] == sign_in["issuer"] and issuer["issuer"].endswith(f"/realms/{realm['realm']}")
    clients = {client["clientId"]: client for client in realm["clients"]}
    mappers = {name: {mapper["protocolMapper"]: mapper["config"] for mapper in client["protocolMappers"]} for name, client in clients.items()}
    dashboard = sign_in["client_id"]
    assert clients[dashboard]["redirectUris"] == [f"{sign_in['public_url']}/auth/callback"]
    # People are told from the ID token, programs from the access token.
    (program,) = set(clients) - {dashboard}
    for client, token in [(dashboard, "id.token.claim"), (program, "access.token.claim")]:
        role = mappers[client]["oidc-usermodel-client-role-mapper"]
        assert issuer["role"] == "{{ claims.%s }}" % role["claim.name"]
        assert role["usermodel.clientRoleMapping.clientId"] == dashboard and role[token] == "true"
    audience = mappers[program]["oidc-audience-mapper"]
    assert audience["included.custom.audience"] == issuer["audience"] and audience["access.token.claim"] == "true"
    assert {role["name"] for role in realm["roles"]["client"][dashboard]} == set(auth["roles"])
    (account,) = realm["users"]
    assert account["serviceAccountClientId"] == program and set(account["clientRoles"][dashboard]) <= set(auth["roles"])
