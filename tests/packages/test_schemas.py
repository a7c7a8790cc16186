"""What other programs read is as they want it, by their own schemas: Compose, GitHub's workflows, Kubernetes, systemd."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from kustomized import kustomized
from support.server import ROOT

COMPOSE = ROOT / "docker-compose.yml"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def checked(schema, path):
    ended = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", path], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def interpolated(text, **environment):
    """As Compose does it: a variable, or what stands behind `:-`."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: environment.get(found[1]) or found[2], text)


@pytest.mark.parametrize("environment", [{}, {"STREAMSYNC_IMAGE": "registry.example.org/streamsync:0.1.0", "STREAMSYNC_PULL": "missing"}], ids=["source", "image"])
def test_the_compose_file_is_valid(environment, tmp_path):
    path = tmp_path / "docker-compose.yml"
    path.write_text(interpolated(COMPOSE.read_text(), **environment))
    checked("compose-spec", path)


def test_every_port_of_compose_can_be_chosen_and_is_published_to_this_machine_alone():
    text = COMPOSE.read_text()
    ports = [port for service in yaml.safe_load(text)["services"].values() for port in service.get("ports", [])]
    variables = [re.fullmatch(r"127\.0\.0\.1:\$\{(\w+_PORT):-(\d+)\}:\2", port)[1] for port in ports]
    assert sorted(variables) == ["KAFKA_PORT", "POSTGRES_PORT", "REDIS_PORT", "STREAMSYNC_PORT"]
    # Clients outside are told the port by which they came.
    kafka = yaml.safe_load(interpolated(text, KAFKA_PORT="19999"))["services"]["kafka"]
    assert "HOST://127.0.0.1:19999" in kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_valid_and_its_actions_are_pinned(workflow):
    checked("github-workflows", workflow)
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    steps = [step for job in jobs for step in job["steps"]]
    loose = [step["uses"] for step in steps if "uses" in step and not re.fullmatch(r"[\w./-]+@(v\d+[\d.]*|[0-9a-f]{40})", step["uses"])]
    assert not loose
    scripts = {script for step in steps for script in re.findall(r"\bscripts/[\w-]+", step.get("run", ""))}
    assert scripts and all(os.access(ROOT / script, os.X_OK) for script in scripts)


# Schemas of Kubernetes alone come with the validator; those of KEDA's objects do not.
@pytest.mark.parametrize("folder", ["base", "example"])
def test_kubernetes_takes_every_object(folder, tmp_path):
    own = [one for one in kustomized(folder) if "keda.sh" not in one["apiVersion"]]
    path = tmp_path / "objects.yaml"
    path.write_text(yaml.safe_dump_all(own))
    ended = subprocess.run([sys.executable, "-m", "kubernetes_validate", "--strict", path], capture_output=True, text=True)
    assert ended.returncode == 0 and "WARN" not in ended.stdout, ended.stdout + ended.stderr
    assert ended.stdout.count("passed for resource") == len(own) >= 6
