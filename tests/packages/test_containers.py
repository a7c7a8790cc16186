"""The binary runs as the Deployment of deploy/kubernetes has a pod run the image: with its environment and files, as its user, on a
root that it cannot write."""

import re
import shutil
import tomllib
from urllib.parse import quote

import pytest
import requests
from conftest import PASSWORD
from kustomized import environment, kustomized, only
from machine import Confined
from serving import serving, stores_a_point
from support.server import ROOT, eventually, free_port

POD_IP = "127.0.0.1"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
BINARY = "/usr/local/bin/streamsync"


def of_the_image(instruction):
    """What the last stage and those that it is made from say."""
    return re.findall(rf"^{instruction} (.*)$", DOCKERFILE[DOCKERFILE.index(" AS runtime") :], re.MULTILINE)


class Pod:
    def __init__(self, folder, machine, binary):
        self.objects = kustomized(folder)
        self.spec = only(self.objects, "Deployment")["spec"]["template"]["spec"]
        (self.container,) = self.spec["containers"]
        own = self.spec["securityContext"]
        mounts = {mount["name"]: mount for mount in self.container["volumeMounts"]}
        writable = [mount["mountPath"] for mount in mounts.values() if not mount.get("readOnly")]
        (directory,) = of_the_image("WORKDIR")
        self.confined = Confined(own["runAsUser"], own["runAsGroup"], tuple(writable), directory)
        image = dict(one.split("=", 1) for one in of_the_image("ENV"))
        self.environment = image | environment(self.container, POD_IP)
        self.ports = {port["name"]: (port["containerPort"], free_port()) for port in self.container["ports"]}
        self.machine = machine
        machine.path(BINARY).parent.mkdir(parents=True)
        shutil.copy(binary, machine.path(BINARY))
        (name, config), = only(self.objects, "ConfigMap")["data"].items()
        for there, here in self.ports.values():
            config = config.replace(f'"0.0.0.0:{there}"', f'"{POD_IP}:{here}"')
        self.environment["STREAMSYNC_LISTEN"] = f"{POD_IP}:{self.ports['http'][1]}"
        machine.write(f"{mounts['config']['mountPath']}/{name}", config)
        self.secrets = mounts["secrets"]["mountPath"]

    def give(self, **secrets):
        for name, secret in secrets.items():
            self.machine.write(f"{self.secrets}/{name.replace('_', '-')}", secret + "\n", mode=0o440, group=self.spec["securityContext"]["fsGroup"])

    def words(self, *arguments):
        return [BINARY, *arguments]

    def probe(self, name):
        """As the kubelet asks."""
        get = self.container[name]["httpGet"]
        return requests.get(f"http://{POD_IP}:{self.ports[get['port']][1]}{get['path']}")


def test_a_pod_runs_on_a_root_that_it_cannot_write(machine, stripped, postgres, redis):
    pod = Pod("base", machine, stripped)
    pod.give(database_url=f"postgres://streamsync@127.0.0.1:{postgres}/pod", redis_url=f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{redis}", password=PASSWORD)
    own = pod.environment | {"DATABASE_PASSWORD_FILE": f"{pod.secrets}/password"}
    # The embedded one: there is no Kafka here.
    del own["KAFKA_BROKERS"]
    with serving(machine, pod.words(*pod.container["args"]), pod.confined, own, pod.ports["http"][1]) as server:
        assert pod.probe("startupProbe").ok and pod.probe("livenessProbe").ok
        eventually("the pod is ready", lambda: pod.probe("readinessProbe").ok)
        assert server.get("/api/v1/points").status_code == 401
        made = machine.run(*pod.words("keys", "create", "me", "--role", "admin"), confined=pod.confined, environment=own)
        assert made.returncode == 0, made.stderr
        key = {"X-API-Key": made.stdout.strip()}
        eventually("the key is known", lambda: server.get("/api/v1/points", headers=key).status_code != 401)
        stores_a_point(server, key)
        health = machine.run(*pod.words("health"), confined=pod.confined, environment=own)
        assert health.returncode == 0, health.stderr
        assert PASSWORD not in server.log() and quote(PASSWORD, safe="") not in server.log()
        assert "Read-only file system" not in server.log()
        returned, took = server.stop()
    sleep = int(pod.container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert returned == 0 and sleep + took < pod.spec["terminationGracePeriodSeconds"]


def test_a_secret_that_is_not_mounted_is_told_by_its_variable(machine, stripped):
    pod = Pod("base", machine, stripped)
    pod.give(database_url="postgres://streamsync@db/streamsync")
    checked = machine.run(*pod.words("check"), confined=pod.confined, environment=pod.environment)
    assert checked.returncode == 1
    assert f"REDIS_URL_FILE: cannot read {pod.secrets}/redis-url" in checked.stderr, checked.stderr


def test_the_example_is_a_valid_configuration(machine, stripped):
    pod = Pod("example", machine, stripped)
    pod.give(database_url="postgres://streamsync:secret@db/streamsync?sslmode=verify-full", redis_url="rediss://cache", kafka_password="secret")
    assert "$(" not in "".join(pod.environment.values())
    checked = machine.run(*pod.words("check"), confined=pod.confined, environment=pod.environment)
    assert checked.returncode == 0, checked.stderr
    assert "kafka-1.example.org:9093" in checked.stdout


def test_the_image_is_the_user_that_pods_ask_for():
    spec = only(kustomized("base"), "Deployment")["spec"]["template"]["spec"]
    assert of_the_image("USER") == [f"{spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}"]


@pytest.mark.parametrize("folder", ["base", "example"])
def test_no_secret_is_in_git(folder):
    assert not [one for one in kustomized(folder) if one["kind"] == "Secret"]


def test_what_belongs_together_has_the_same_names():
    objects = kustomized("example")
    deployment = only(objects, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    streams = tomllib.loads(only(objects, "ConfigMap")["data"]["streamsync.toml"])["stream"]
    scaled = only(objects, "ScaledObject")["spec"]
    assert scaled["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    # It is KEDA's, and a rollout must not set it back.
    assert "replicas" not in deployment["spec"]
    assert scaled["maxReplicaCount"] <= sum(stream["partitions"] for stream in streams)
    for stream, trigger in zip(streams, scaled["triggers"], strict=True):
        asked = trigger["metadata"]
        assert (asked["topic"], asked["consumerGroup"]) == (stream["name"], "streamsync")
        assert asked["bootstrapServers"] == environment(container, POD_IP)["KAFKA_BROKERS"]
        assert trigger["authenticationRef"]["name"] == only(objects, "TriggerAuthentication")["metadata"]["name"]
    ports = {port["name"] for port in container["ports"]}
    policy = only(objects, "NetworkPolicy")["spec"]
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == ports
    assert only(objects, "Service")["spec"]["ports"][0]["targetPort"] in ports
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selected in [policy["podSelector"], only(objects, "PodDisruptionBudget")["spec"]["selector"], deployment["spec"]["selector"]]:
        assert selected["matchLabels"].items() <= labels.items()
