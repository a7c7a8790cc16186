"""A day archived to S3 (moto) and brought back is the same day."""

import os
import socket
import subprocess
import sys

import boto3
import pytest
import requests

from support.server import binary, eventually

DAY, NEXT = "2014-02-15", "2014-02-16"


@pytest.fixture
def bucket():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    moto = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], **quiet)
    try:
        eventually("moto answers", lambda: requests.get(url).status_code)
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="secret")
        client.create_bucket(Bucket="cold")
        yield url, client
    finally:
        moto.kill()
        moto.wait()


def test_a_day_comes_back_from_s3_as_it_was(server, bucket, tmp_path):
    url, client = bucket
    server.settle()
    config = tmp_path / "cold.toml"
    config.write_text(
        f'[postgres]\nurl = "{server.database_url()}"\n'
        f'[archive]\nurl = "s3://cold/points"\nendpoint = "{url}"\nregion = "us-east-1"\n'
    )

    (tmp_path / "secret").write_text("secret\n")
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY_FILE": str(tmp_path / "secret")}

    def streamsync(*arguments):
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "NO_COLOR": "1"}
        command = [binary(), *arguments, "--config", config]
        return subprocess.run(command, env=environment | keys, text=True, check=True, capture_output=True).stdout

    def points():
        span = {"from": f"{DAY}T00:00:00Z", "to": f"{NEXT}T00:00:00Z", "format": "csv"}
        return server.get("/api/v1/points", **span).text

    before = points()
    assert len(before.splitlines()) > 200
    archived = streamsync("archive", "--from", DAY, "--to", NEXT)
    assert archived.startswith(f"{DAY} v"), archived
    assert client.list_objects(Bucket="cold")["Contents"][0]["Key"].endswith(".parquet")
    server.sql(f"delete from points where ts >= '{DAY}Z' and ts < '{NEXT}Z'")
    assert len(points().splitlines()) == 1
    streamsync("restore", "--from", DAY, "--to", NEXT)
    assert points() == before
