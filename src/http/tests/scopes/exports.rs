//! REST in every format.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_ipc::reader::StreamReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::client::{Answer, get};
use super::random::Ask;
use super::world::World;
use super::{Server, set};

const BETWEEN: &str = "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z";

pub async fn check(world: &World, app: &impl Server, viewer: usize, asked: &Ask) {
    let expected = world.visible(viewer, &asked.selector());
    let rest = asked.rest();
    for resource in ["points?", "history?step=1h&"] {
        for format in ["json", "ndjson", "csv", "arrow", "parquet"] {
            let path = format!("/api/v1/{resource}{BETWEEN}&format={format}{rest}");
            let answer = get(app, viewer, &path, "").await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert_eq!(keys(format, answer), expected, "{path}");
        }
    }
}

/// The keys of the series in an export.
fn keys(format: &str, answer: Answer) -> BTreeSet<String> {
    let of_batch = |batch: RecordBatch| -> Vec<String> {
        let texts = batch.column(0).as_dictionary::<Int32Type>();
        let values = texts.values().as_string::<i32>().clone();
        let rows = texts.keys().iter().flatten();
        rows.map(|at| values.value(at as usize).to_owned()).collect()
    };
    match format {
        "json" => set(&answer.json(), "series.*.series"),
        "ndjson" => {
            let lines = answer
                .bytes
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty());
            lines
                .map(|line| {
                    serde_json::from_slice::<Value>(line).unwrap()["series"]
                        .as_str()
                        .unwrap()
                        .to_owned()
                })
                .collect()
        }
        "csv" => {
            let mut reader = csv::Reader::from_reader(&answer.bytes[..]);
            reader.records().map(|row| row.unwrap()[0].to_owned()).collect()
        }
        "arrow" => {
            let reader = StreamReader::try_new(&answer.bytes[..], None).unwrap();
            reader.flat_map(|batch| of_batch(batch.unwrap())).collect()
        }
        _ => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(answer.bytes)
                .unwrap()
                .build()
                .unwrap();
            reader.flat_map(|batch| of_batch(batch.unwrap())).collect()
        }
    }
}
