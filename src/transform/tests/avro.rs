//! What Avro's logical types become as times, values and labels.

use std::path::Path;

use super::*;
use crate::decode::SchemaFile;

const SCHEMA: &str = r#"{"type": "record", "name": "R", "fields": [
    {"name": "at", "type": {"type": "long", "logicalType": "local-timestamp-micros"}},
    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3}}
]}"#;

fn avro(schema: &Path) -> StreamPlan {
    let schema = SchemaFile {
        file: schema.to_owned(),
        message: None,
        references: Vec::new(),
        include: Vec::new(),
    };
    let reading = Reading {
        format: Format::Avro,
        compression: Compression::None,
        limit: 1 << 20,
        csv: &Csv::default(),
        schema: Some(&schema),
        registry: None,
    };
    let mut plan = plan();
    plan.opener = reading.opener().expect("a schema");
    plan.mapping.time = toml::from_str("field = 'at'\nzone = 'Europe/Berlin'").expect("a time");
    plan.mapping.labels = vec![Label::field("price")];
    plan.mapping.values = vec![ValueField::field("price")];
    plan.limits.accepted.past = Duration::MAX;
    plan
}

#[test]
fn a_local_time_is_in_the_streams_zone_and_a_decimal_is_a_number_and_a_label_of_its_digits() {
    let dir = tempfile::tempdir().expect("a directory");
    let schema = dir.path().join("reading.avsc");
    std::fs::write(&schema, SCHEMA).expect("a file");
    // 63 microseconds behind midnight, and 30 thousandths.
    let batch = apply(avro(&schema), &[Some("\x7e\x02\x1e")], vec![]);
    assert_eq!(batch.rejected, []);
    assert_eq!(
        lines(&batch),
        [r#"machines_price{price="0.03"} 1969-12-31T23:00:00.000063Z 0.03"#]
    );
}
