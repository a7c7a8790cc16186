"""Messages of tests/api/protos/, compiled by Google's protoc."""

import functools
import pathlib
import tempfile

import grpc_tools
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

OWN = pathlib.Path(__file__).resolve().parents[1] / "protos"
GOOGLES = pathlib.Path(grpc_tools.__file__).parent / "_proto"


@functools.cache
def message(file, name):
    with tempfile.TemporaryDirectory() as dir:
        out = pathlib.Path(dir) / "set"
        status = protoc.main(["protoc", f"-I{OWN}", f"-I{GOOGLES}", "--include_imports", f"-o{out}", file])
        assert status == 0, file
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    pool = descriptor_pool.DescriptorPool()
    for found in files:
        pool.Add(found)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def text(file):
    return (OWN / file).read_text()
