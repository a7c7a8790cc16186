//! Records of formats with schemas, written by hand.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;

use super::inputs::{name, text};
use crate::decode::Format;

const AVRO: &str = r#"{"type": "record", "name": "Reading", "fields": [
    {"name": "ts", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
    {"name": "site", "type": "string"},
    {"name": "device", "type": {"type": "record", "name": "Device", "fields": [{"name": "id", "type": "int"}]}},
    {"name": "temperature", "type": ["null", "double"]},
    {"name": "v", "type": "float"},
    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "tags", "type": {"type": "map", "values": "string"}},
    {"name": "fields", "type": {"type": "map", "values": ["double", "boolean"]}},
    {"name": "readings", "type": {"type": "array", "items": "Reading"}}
]}"#;

const PROTOBUF: &str = r#"syntax = "proto3";
    message Device { int32 id = 1; }
    message Reading {
        int64 ts = 1; string site = 2; Device device = 3; optional double temperature = 4; float v = 5;
        map<string, string> tags = 6; map<string, double> fields = 7; repeated Reading readings = 8;
        repeated sint32 many = 9; oneof price { string text = 10; double number = 11; }
    }"#;

/// Where it is.
pub fn write_schema(directory: &Path, format: Format) -> PathBuf {
    let (name, schema) = match format {
        Format::Avro => ("reading.avsc", AVRO),
        _ => ("reading.proto", PROTOBUF),
    };
    let file = directory.join(name);
    fs::write(&file, schema).expect("a file");
    file
}

#[derive(Clone, Debug)]
struct Reading {
    ts: Option<i64>,
    site: String,
    id: i32,
    temperature: Option<f64>,
    v: f32,
    price: Vec<u8>,
    tags: Vec<(String, String)>,
    fields: Vec<(String, f64)>,
    readings: Vec<Reading>,
}

fn reading() -> impl Strategy<Value = Reading> {
    let ts = prop_oneof![3 => Just(Some(1_700_000_000_000)), 1 => any::<Option<i64>>()];
    let flat = (
        (ts, text(), any::<i32>(), any::<Option<f64>>(), any::<f32>()),
        vec(any::<u8>(), 0..6),
        vec((name(), text()), 0..3),
        vec((name(), any::<f64>()), 0..4),
    );
    let flat = flat.prop_map(|((ts, site, id, temperature, v), price, tags, fields)| Reading {
        ts,
        site,
        id,
        temperature,
        v,
        price,
        tags,
        fields,
        readings: Vec::new(),
    });
    flat.prop_recursive(3, 8, 3, |inner| {
        (inner.clone(), vec(inner, 0..3)).prop_map(|(reading, readings)| Reading { readings, ..reading })
    })
}

pub fn avro() -> impl Strategy<Value = Vec<u8>> {
    reading().prop_map(|reading| {
        let mut out = Vec::new();
        write_avro(&reading, &mut out);
        out
    })
}

fn write_avro(reading: &Reading, out: &mut Vec<u8>) {
    let bytes = |out: &mut Vec<u8>, bytes: &[u8]| {
        long(out, bytes.len() as i64);
        out.extend(bytes);
    };
    let option = |out: &mut Vec<u8>, is_some: bool| out.push(if is_some { 2 } else { 0 });
    option(out, reading.ts.is_some());
    if let Some(ts) = reading.ts {
        long(out, ts);
    }
    bytes(out, reading.site.as_bytes());
    long(out, reading.id.into());
    option(out, reading.temperature.is_some());
    if let Some(temperature) = reading.temperature {
        out.extend(temperature.to_le_bytes());
    }
    out.extend(reading.v.to_le_bytes());
    bytes(out, &reading.price);
    for (name, text) in &reading.tags {
        long(out, 1);
        bytes(out, name.as_bytes());
        bytes(out, text.as_bytes());
    }
    out.push(0);
    if !reading.fields.is_empty() {
        // A block that says how many bytes it has.
        let mut block = Vec::new();
        for (name, value) in &reading.fields {
            bytes(&mut block, name.as_bytes());
            block.push(0);
            block.extend(value.to_le_bytes());
        }
        long(out, -(reading.fields.len() as i64));
        bytes(out, &block);
    }
    out.push(0);
    if !reading.readings.is_empty() {
        long(out, reading.readings.len() as i64);
        for inner in &reading.readings {
            write_avro(inner, out);
        }
    }
    out.push(0);
}

pub fn protobuf() -> impl Strategy<Value = Vec<u8>> {
    reading().prop_map(|reading| write_protobuf(&reading))
}

fn write_protobuf(reading: &Reading) -> Vec<u8> {
    let mut out = Vec::new();
    let part = |out: &mut Vec<u8>, number: u8, bytes: &[u8]| {
        out.push(number << 3 | 2);
        varint(out, bytes.len() as u64);
        out.extend(bytes);
    };
    if let Some(ts) = reading.ts {
        out.push(1 << 3);
        varint(&mut out, ts.cast_unsigned());
    }
    part(&mut out, 2, reading.site.as_bytes());
    let mut device = vec![1 << 3];
    varint(&mut device, i64::from(reading.id).cast_unsigned());
    part(&mut out, 3, &device);
    if let Some(temperature) = reading.temperature {
        out.push(4 << 3 | 1);
        out.extend(temperature.to_le_bytes());
    }
    out.push(5 << 3 | 5);
    out.extend(reading.v.to_le_bytes());
    let entry = |name: &str| {
        let mut entry = Vec::new();
        part(&mut entry, 1, name.as_bytes());
        entry
    };
    for (name, text) in &reading.tags {
        let mut entry = entry(name);
        part(&mut entry, 2, text.as_bytes());
        part(&mut out, 6, &entry);
    }
    for (name, value) in &reading.fields {
        let mut entry = entry(name);
        entry.push(2 << 3 | 1);
        entry.extend(value.to_le_bytes());
        part(&mut out, 7, &entry);
    }
    for inner in &reading.readings {
        part(&mut out, 8, &write_protobuf(inner));
    }
    part(&mut out, 9, &reading.price);
    out
}

fn long(out: &mut Vec<u8>, number: i64) {
    varint(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
