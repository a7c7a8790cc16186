"""Writes src/decode/protobuf/known.protos: the files that a schema may import without bringing them.

    pip install protobuf==7.36.2 googleapis-common-protos==1.76.0 && python known.py > ../../src/decode/protobuf/known.protos
"""

import importlib
import sys

from google.protobuf import descriptor_pb2 as d

FILES = [f"google.protobuf.{n}_pb2" for n in
         "any api descriptor duration empty field_mask source_context struct timestamp type wrappers".split()]
FILES += [f"google.type.{n}_pb2" for n in
          "calendar_period color date datetime dayofweek decimal expr fraction interval latlng localized_text "
          "money month phone_number postal_address quaternion timeofday".split()]

CONFLUENT = """
>>> confluent/meta.proto
syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
message Meta {
  string doc = 1;
  map<string, string> params = 2;
  repeated string tags = 3;
}

>>> confluent/type/decimal.proto
syntax = "proto3";
package confluent.type;
import "confluent/meta.proto";
message Decimal {
  bytes value = 1;
  uint32 precision = 2;
  int32 scale = 3;
}

>>> confluent/type/variant.proto
syntax = "proto3";
package confluent.type;
message Variant {
  bytes metadata = 1;
  bytes value = 2;
}

>>> confluent/types/decimal.proto
syntax = "proto3";
import public "confluent/type/decimal.proto";
"""

F = d.FieldDescriptorProto
WORDS = {F.LABEL_OPTIONAL: "optional ", F.LABEL_REQUIRED: "required ", F.LABEL_REPEATED: "repeated "}


def kind(field):
    if field.type_name:
        return field.type_name
    return F.Type.Name(field.type).removeprefix("TYPE_").lower()


def text(field, message, proto3):
    label = WORDS[field.label]
    entry = [n for n in message.nested_type if n.options.map_entry and field.type_name.endswith("." + n.name)]
    if entry:
        key, value = entry[0].field
        return f"map<{kind(key)}, {kind(value)}> {field.name} = {field.number};"
    in_oneof = field.HasField("oneof_index") and not field.proto3_optional
    if in_oneof or (proto3 and field.label == F.LABEL_OPTIONAL and not field.proto3_optional):
        label = ""
    default = ""
    if field.default_value:
        value = field.default_value
        default = f' [default = "{value}"]' if field.type == F.TYPE_STRING else f" [default = {value}]"
    return f"{label}{kind(field)} {field.name} = {field.number}{default};"


def enum(e, pad):
    alias = "option allow_alias = true; " if e.options.allow_alias else ""
    values = " ".join(f"{v.name} = {v.number};" for v in e.value)
    return f"{pad}enum {e.name} {{ {alias}{values} }}"


def message(m, proto3, pad=""):
    lines = [f"{pad}message {m.name} {{"]
    for e in m.enum_type:
        lines.append(enum(e, pad + "  "))
    for n in m.nested_type:
        if not n.options.map_entry:
            lines += message(n, proto3, pad + "  ")
    for i, o in enumerate(m.oneof_decl):
        members = [f for f in m.field if f.HasField("oneof_index") and f.oneof_index == i and not f.proto3_optional]
        if members:
            lines.append(f"{pad}  oneof {o.name} {{")
            lines += [f"{pad}    {text(f, m, proto3)}" for f in members]
            lines.append(f"{pad}  }}")
    for f in m.field:
        if not f.HasField("oneof_index") or f.proto3_optional:
            lines.append(f"{pad}  {text(f, m, proto3)}")
    for r in m.extension_range:
        lines.append(f"{pad}  extensions {r.start} to {min(r.end - 1, 536870911)};")
    return lines + [f"{pad}}}"]


def main():
    print("The files that a schema may import without bringing them, without their comments and options:")
    print("Google's (github.com/protocolbuffers/protobuf, BSD-3-Clause, and github.com/googleapis/googleapis, Apache-2.0)")
    print("and Confluent's. Written by tests/protobuf/known.py.")
    for name in FILES:
        file = d.FileDescriptorProto()
        importlib.import_module(name).DESCRIPTOR.CopyToProto(file)
        proto3 = file.syntax == "proto3"
        print(f"\n>>> {file.name}")
        print(f'syntax = "{file.syntax or "proto2"}";')
        print(f"package {file.package};")
        for dependency in file.dependency:
            print(f'import "{dependency}";')
        for e in file.enum_type:
            print(enum(e, ""))
        for m in file.message_type:
            print("\n".join(message(m, proto3)))
    sys.stdout.write(CONFLUENT)


main()
