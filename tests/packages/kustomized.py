"""What kustomize makes of a folder of deploy/kubernetes."""

import re
import shutil
import subprocess

import pytest
import yaml
from support.server import ROOT


def kustomized(folder):
    command = next((words for words in (["kustomize", "build"], ["kubectl", "kustomize"]) if shutil.which(words[0])), None)
    if not command:
        pytest.skip("neither kubectl nor kustomize is here")
    ended = subprocess.run([*command, ROOT / "deploy/kubernetes" / folder], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return list(yaml.safe_load_all(ended.stdout))


def only(objects, kind):
    (found,) = [one for one in objects if one["kind"] == kind]
    return found


def environment(container, pod_ip):
    """As the kubelet makes it: a name in brackets is known when it stands further up."""
    known = {}
    for one in container["env"]:
        if "valueFrom" in one:
            assert one["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}
        value = one.get("value", pod_ip)
        known[one["name"]] = re.sub(r"\$\((\w+)\)", lambda found: known.get(found[1], found[0]), value)
    return known
