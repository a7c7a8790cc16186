"""Writes cases.json: schemas, bytes and what Google's implementation reads from them.

    pip install protobuf==7.36.2 grpcio-tools==1.85.1 googleapis-common-protos==1.76.0 && python peers.py > cases.json

The bytes are parsed by Google's package; what is expected comes from the messages that it gives, and the
names of the fields are those of its JSON mapping with fields without presence.
"""

import base64
import json
import pathlib
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message, message_factory
from google.type import decimal_pb2, money_pb2  # noqa: F401
import grpc_tools
from grpc_tools import protoc

F = descriptor_pb2.FieldDescriptorProto
INCLUDES = [pathlib.Path(grpc_tools.__file__).parent / "_proto", pathlib.Path(decimal_pb2.__file__).parents[2]]

SCALARS = """
syntax = "proto3";
package plant;
enum State { UNKNOWN = 0; ON = 1; OFF = 2; BELOW = -1; FAR = 5000; }
message Reading {
  double a = 1; float b = 2; int32 c = 3; int64 d = 4; uint32 e = 5; uint64 f = 6; sint32 g = 7; sint64 h = 8;
  fixed32 i = 9; fixed64 j = 10; sfixed32 k = 11; sfixed64 l = 12; bool m = 13; string n = 14; bytes o = 15;
  State p = 16; string far = 536870911; optional double q = 17; optional State r = 18; reserved 20 to 30;
}
"""
NESTED = """
syntax = "proto3";
package plant.v1;
import "site.proto";
import public "common/unit.proto";
message Batch {
  site.Site site = 1;
  repeated Reading readings = 2;
  map<string, double> values = 3;
  map<sint32, Reading> by_number = 4;
  map<bool, common.Unit> units = 5;
  map<uint64, string> texts = 6;
  oneof what { string error = 7; Reading one = 8; double number = 9; Other other = 14; }
  repeated double doubles = 10;
  repeated int32 ints = 11 [packed = false];
  repeated common.Unit repeated_units = 12;
  Batch inner = 13;
  message Reading { string name = 1; double value = 2; Inner inner = 3; message Inner { int32 x = 1; repeated string s = 2; } }
  message Other { int32 y = 1; }
}
"""
SITE = """
syntax = "proto2";
package plant.site;
message Site {
  required string name = 1;
  optional int32 floor = 2 [default = -3];
  optional string word = 3 [default = "a \\"b\\" \\n"];
  optional bytes raw = 4 [default = "\\001\\xff\\\\z"];
  optional double number = 5 [default = inf];
  optional bool flag = 6 [default = true];
  optional Kind kind = 7 [default = TWO];
  optional uint64 big = 8 [default = 18446744073709551615];
  optional Kind plain = 9;
  repeated group Line = 10 { optional int32 length = 1; optional group Point = 2 { optional float x = 1; } }
  optional group Single = 11 { optional string s = 1; optional int32 t = 2; }
  repeated int32 packed = 12 [packed = true];
  repeated sint64 loose = 13;
  oneof choice { int32 left = 14 [default = 5]; string right = 15; }
  enum Kind { option allow_alias = true; ONE = 1; TWO = 2; ZWEI = 2; }
  extensions 100 to 200;
}
extend Site { optional int32 extra = 100; }
"""
UNIT = 'syntax = "proto3"; package common; enum Unit { NONE = 0; CELSIUS = 1; BAR = 2; }'
KNOWN = """
syntax = "proto3";
package plant;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/type/decimal.proto";
import "google/type/money.proto";
message Event {
  google.protobuf.Timestamp time = 1;
  google.protobuf.Duration took = 2;
  google.protobuf.DoubleValue d = 3;
  google.protobuf.StringValue s = 4;
  google.protobuf.UInt64Value u = 5;
  google.protobuf.BoolValue b = 6;
  google.protobuf.BytesValue raw = 7;
  google.protobuf.Struct fields = 8;
  google.protobuf.Value value = 9;
  google.protobuf.ListValue list = 10;
  google.protobuf.Any any = 11;
  google.protobuf.Empty empty = 12;
  google.protobuf.FieldMask mask = 13;
  google.type.Decimal decimal = 14;
  google.type.Money money = 15;
  repeated google.protobuf.Timestamp times = 16;
  map<string, google.protobuf.Value> values = 17;
  repeated google.protobuf.Int32Value ints = 18;
}
"""
EDITION = """
edition = "2023";
package plant;
option features.field_presence = IMPLICIT;
message Reading {
  double value = 1;
  string name = 2 [features.field_presence = EXPLICIT];
  int32 id = 3 [features.field_presence = LEGACY_REQUIRED];
  Inner inner = 4 [features.message_encoding = DELIMITED];
  int32 limit = 5 [features.field_presence = EXPLICIT, default = 7];
  message Inner { option deprecated = true; int32 x = 1; }
}
"""


def compile_set(name, files):
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            file = pathlib.Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        out = pathlib.Path(folder, "out.desc")
        paths = [f"-I{p}" for p in [folder, *INCLUDES]]
        assert protoc.main(["protoc", *paths, "--include_imports", f"--descriptor_set_out={out}", name]) == 0
        return out.read_bytes()


class Schema:
    def __init__(self, title, name, files):
        self.title, self.name, self.files = title, name, files
        self.set = compile_set(name, files)
        self.cases = []
        self.pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(self.set).file:
            self.pool.Add(file)

    def message(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def text(self, name, text):
        m = self.message(name)()
        json_format.Parse(text, m, descriptor_pool=self.pool)
        self.case(name, m.SerializeToString())

    def case(self, name, payload):
        m = self.message(name)()
        case = {"message": name, "payload": base64.b64encode(payload).decode()}
        try:
            m.ParseFromString(payload)
            if not m.IsInitialized():
                raise message.DecodeError("a required field is missing")
            case["value"] = self.view(m)
        except message.DecodeError:
            case["refused"] = True
        self.cases.append(case)

    def view(self, m):
        known = m.DESCRIPTOR.full_name
        if known == "google.protobuf.Timestamp":
            return {"time": (m.seconds * 10**9 + m.nanos) // 1000}
        if known == "google.protobuf.Duration":
            return {"float": repr(m.seconds + m.nanos / 1e9)}
        if known == "google.type.Decimal":
            return {"untyped": m.value or "0"}
        if known in ("google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Value"):
            return self.plain(json_format.MessageToDict(m))
        if known.startswith("google.protobuf.") and known.endswith("Value"):
            return self.scalar(m.DESCRIPTOR.fields_by_name["value"], m.value)
        if known == "google.protobuf.Any":
            inner = self.message(m.TypeName())() if m.type_url else None
            if inner is None:
                return {"object": {"type_url": {"text": ""}, "value": {"bytes": ""}}}
            inner.ParseFromString(m.value)
            return {"object": {"type_url": {"text": m.type_url}, "value": self.view(inner)}}
        fields = {}
        for field in m.DESCRIPTOR.fields:
            value = getattr(m, field.name.lower() if field.type == F.TYPE_GROUP else field.name)
            entry = field.message_type
            if entry is not None and entry.GetOptions().map_entry:
                part = entry.fields_by_name["value"]
                fields[field.name] = {"object": {self.key(k): self.one(part, value[k]) for k in value}}
            elif field.is_repeated:
                fields[field.name] = [self.one(field, v) for v in value]
            elif not field.has_presence or m.HasField(field.name) or self.has_default(field):
                fields[field.name] = self.one(field, value)
        with_defaults = json_format.MessageToDict(
            m, always_print_fields_with_no_presence=True, preserving_proto_field_name=True, descriptor_pool=self.pool)
        names = {n for n in with_defaults if not n.startswith("[")}
        names |= {f.name for f in m.DESCRIPTOR.fields if self.has_default(f)}
        assert known.startswith("google.protobuf.") or set(fields) == names, (set(fields), names)
        return {"object": fields}

    @staticmethod
    def has_default(field):
        return field.has_default_value and field.containing_oneof is None

    @staticmethod
    def key(key):
        return str(key).lower() if isinstance(key, bool) else str(key)

    def one(self, field, value):
        return self.view(value) if field.message_type is not None else self.scalar(field, value)

    @staticmethod
    def scalar(field, value):
        if field.enum_type is not None:
            names = field.enum_type.values
            name = next((v.name for v in names if v.number == value), None)
            return {"int": str(value)} if name is None else {"text": name}
        if field.type in (F.TYPE_DOUBLE, F.TYPE_FLOAT):
            return {"float": repr(float(value))}
        if isinstance(value, bool):
            return value
        if isinstance(value, bytes):
            return {"bytes": base64.b64encode(value).decode()}
        return {"text": value} if isinstance(value, str) else {"int": str(value)}

    def plain(self, value):
        if isinstance(value, dict):
            return {"object": {k: self.plain(v) for k, v in value.items()}}
        if isinstance(value, list):
            return [self.plain(v) for v in value]
        if isinstance(value, str):
            return {"text": value}
        return value if value is None or isinstance(value, bool) else {"float": repr(float(value))}


def scalars():
    s = Schema("scalars", "main.proto", {"main.proto": SCALARS})
    s.case("plant.Reading", b"")
    s.text("plant.Reading", '{"a": 21.5, "b": 0.1, "c": -1, "d": "-9223372036854775808", "e": 4294967295, '
           '"f": "18446744073709551615", "g": -2147483648, "h": "-9223372036854775808", "i": 4294967295, '
           '"j": "18446744073709551615", "k": -5, "l": "-6", "m": true, "n": "m\u00fc", "o": "AP8=", "p": "FAR", '
           '"far": "far", "q": 0, "r": "UNKNOWN"}')
    s.text("plant.Reading", '{"a": "NaN", "b": "-Infinity", "g": 1, "h": "1", "p": "BELOW", "r": 77}')
    for payload in [
        b"\x18\x80\x80\x80\x80\x10",  # an int32 of more than 32 bits
        b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x68\x80\x80\x80\x80\x10",  # a boolean of more than 32 bits
        b"\x68\x02", b"\x18\x01\x18\x02",
        b"\x38\xff\xff\xff\xff\xff\x01", b"\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x72\x02\xc3\x28", b"\x72\x05a", b"\x09\x00", b"\x00\x01", b"\x07", b"\x0c",
        b"\xa0\x01\x05\xa2\x01\x02hi\xa3\x01\x08\x01\xab\x01\xac\x01\xa4\x01\x18\x07",  # unknown ones
        b"\xa3\x01\x08\x01", b"\xa3\x01\xac\x01", b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    ]:
        s.case("plant.Reading", payload)
    return s


def nested():
    files = {"main.proto": NESTED, "common/unit.proto": UNIT, "site.proto": SITE}
    s = Schema("nested", "main.proto", files)
    s.case("plant.v1.Batch", b"")
    s.text("plant.v1.Batch", '{"site": {"name": "a"}, "readings": [{"name": "x", "value": 1}, {}, {"inner": {"x": 3}}], '
           '"values": {"a": 1, "": 0, "c": "NaN"}, "by_number": {"-5": {"value": 2}, "0": {}}, '
           '"units": {"true": "BAR", "false": "NONE"}, "texts": {"18446744073709551615": "big"}, "error": "", '
           '"doubles": [1.5, 0, "Infinity"], "ints": [1, -1], "repeated_units": ["BAR", "NONE", 9], '
           '"inner": {"inner": {"one": {}}}}')
    for part in [
        b"\x5a\x03\x01\x02\x03\x58\x04\x5a\x00",  # packed and not, in one field
        b"\x51\x00\x00\x00\x00\x00\x00\xf0\x3f\x52\x08\x00\x00\x00\x00\x00\x00\x00\x40",
        b"\x52\x09\x00\x00\x00\x00\x00\x00\x00\x40\x00", b"\x5a\x01\x80",
        b"\x62\x02\x01\x63\x60\x02",
        # A message in parts is merged, also its own.
        b"\x42\x05\x0a\x01a\x1a\x00\x42\x06\x1a\x04\x08\x01\x12\x00\x42\x0b\x11\x00\x00\x00\x00\x00\x00\xf0\x3f\x1a\x00"
        b"\x42\x05\x1a\x03\x12\x01s",
        # Of a oneof the last counts.
        b"\x3a\x01a\x49\x00\x00\x00\x00\x00\x00\x00\x00", b"\x42\x03\x0a\x01a\x3a\x01b",
        b"\x3a\x01a\x42\x03\x0a\x01b", b"\x42\x03\x0a\x01a\x3a\x01b\x42\x09\x11\x00\x00\x00\x00\x00\x00\xf0\x3f",
        b"\x42\x03\x0a\x01a\x72\x02\x08\x05", b"\x42\x03\x0a\x01a\x72\x02\x08\x05\x42\x00\x42\x03\x0a\x01z",
        # Entries of maps: without a key, a value, in another order, twice.
        b"\x1a\x00", b"\x22\x02\x08\x03", b"\x22\x02\x12\x00", b"\x1a\x0c\x11\x00\x00\x00\x00\x00\x00\xf0\x3f\x0a\x01k",
        b"\x1a\x03\x0a\x01k\x1a\x0c\x0a\x01k\x11\x00\x00\x00\x00\x00\x00\xf0\x3f", b"\x2a\x00\x2a\x04\x08\x01\x10\x63",
        b"\x22\x07\x08\x02\x12\x03\x0a\x01a",
        b"\x1a\x05\x0a\x01a\x0a\x01", b"\x12\x05\x0a\x01",
    ]:
        s.case("plant.v1.Batch", part)
    s.case("plant.site.Site", b"")
    for part in [
        b"", b"\x10\x00\x1a\x00\x22\x00\x29" + b"\0" * 8 + b"\x30\x00\x38\x01\x40\x00\x48\x02",
        b"\x53\x08\x05\x13\x0d\x00\x00\x80\x3f\x14\x54\x53\x54", b"\x5b\x0a\x01s\x5c\x5b\x10\x05\x5c", b"\x5b\x10\x05",
        b"\x5b\x10\x05\x54", b"\x62\x02\x01\x02\x60\x03", b"\x68\x01\x6a\x02\x02\x03", b"\x70\x00", b"\x7a\x00",
        b"\xa0\x06\x05",
    ]:
        s.case("plant.site.Site", b"\x0a\x01a" + part)
    return s


def known():
    s = Schema("well-known types", "main.proto", {"main.proto": KNOWN})
    s.case("plant.Event", b"")
    s.text("plant.Event", '{"time": "2026-02-03T04:05:06.123456789Z", "took": "-1.5s", "d": 0, "s": "", "u": "7", "b": false, '
           '"raw": "AP8=", "fields": {"a": 1, "b": [null, true, {"c": "d"}], "e": {}}, "value": [1, "x"], "list": [[], 2], '
           '"any": {"@type": "type.googleapis.com/google.type.Money", "currencyCode": "EUR", "units": "3"}, "empty": {}, '
           '"mask": "a,b.c", "decimal": {"value": "12.50"}, "money": {"currencyCode": "EUR", "units": "-5", "nanos": 1}, '
           '"times": ["1969-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"], '
           '"values": {"n": null, "s": "t"}, "ints": [1, 0]}')
    for part in [b"\x0a\x00", b"\x12\x00", b"\x1a\x00\x22\x00\x2a\x00\x32\x00\x3a\x00", b"\x42\x00\x52\x00", b"\x5a\x00",
                 b"\x62\x00\x6a\x00\x72\x00\x7a\x00", b"\x0a\x02\x08\x05\x0a\x03\x10\xe8\x07", b"\x4a\x02\x08\x00"]:
        s.case("plant.Event", part)
    s.text("google.protobuf.Struct", '{"a": {"b": [1]}}')
    return s


def editions():
    s = Schema("editions", "main.proto", {"main.proto": EDITION})
    for part in [b"", b"\x18\x00", b"\x18\x01\x09" + b"\0" * 8 + b"\x12\x00\x23\x08\x05\x24\x28\x00"]:
        s.case("plant.Reading", part)
    return s


def main():
    schemas = []
    for s in [scalars(), nested(), known(), editions()]:
        rest = {k: v for k, v in s.files.items() if k != s.name}
        schemas.append({"title": s.title, "text": s.files[s.name], "references": rest,
                        "set": base64.b64encode(s.set).decode(), "cases": s.cases})
    print(json.dumps(schemas, indent=1, sort_keys=True))


main()
