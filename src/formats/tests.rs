//! What goes in comes out again, however it was cut into blocks.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::data::{Columns, Micros, Series};

/// (key, labels as JSON, time, values)
type Row = (String, String, i64, Vec<Option<f64>>);

fn block(labels: &[(&str, &str)], rows: &[(i64, Option<f64>)]) -> Block {
    let mut line = Columns::new(1);
    for (ts, value) in rows {
        line.push(Micros(*ts), [*value]);
    }
    let series = Arc::new(Series::new("m", labels.iter().copied()));
    Block { series, line }
}

fn encoded(format: Format, times: TimeText, batches: &[Vec<Block>]) -> Vec<u8> {
    let mut encoder = format.encoder(&["value".to_owned()], times).unwrap();
    let mut out = Vec::new();
    for blocks in batches {
        out.extend_from_slice(&encoder.encode(blocks).unwrap());
    }
    out.extend_from_slice(&encoder.finish().unwrap());
    out
}

fn rows(batches: &[Vec<Block>]) -> Vec<Row> {
    let of = |block: &Block| {
        let labels = text::labels(&block.series).to_string();
        let row = |(n, ts): (usize, &Micros)| {
            let values = block.line.columns.iter().map(|column| column[n]).collect();
            (block.series.key.to_string(), labels.clone(), ts.0, values)
        };
        block.line.times.iter().enumerate().map(row).collect::<Vec<_>>()
    };
    batches.iter().flatten().flat_map(of).collect()
}

fn from_json(bytes: &[u8]) -> Vec<Row> {
    let all: Value = serde_json::from_slice(bytes).unwrap();
    assert_eq!(all["columns"], json!(["ts", "value"]));
    let mut rows = Vec::new();
    for series in all["series"].as_array().unwrap() {
        for point in series["points"].as_array().unwrap() {
            let (key, labels) = (series["series"].as_str().unwrap(), series["labels"].to_string());
            let ts = point[0].as_i64().unwrap();
            rows.push((key.to_owned(), labels, ts, vec![point[1].as_f64()]));
        }
    }
    rows
}

fn from_ndjson(bytes: &[u8]) -> Vec<Row> {
    let rows = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let rows = rows.map(|line| {
        let row: Value = serde_json::from_slice(line).unwrap();
        let key = row["series"].as_str().unwrap().to_owned();
        (
            key,
            row["labels"].to_string(),
            row["ts"].as_i64().unwrap(),
            vec![row["value"].as_f64()],
        )
    });
    rows.collect()
}

fn from_csv(bytes: &[u8]) -> Vec<Row> {
    let mut reader = ::csv::Reader::from_reader(bytes);
    assert_eq!(
        reader.headers().unwrap(),
        vec!["series", "metric", "labels", "ts", "value"]
    );
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        (
            row[0].to_owned(),
            row[2].to_owned(),
            row[3].parse().unwrap(),
            vec![row[4].parse().ok()],
        )
    });
    rows.collect()
}

fn from_batches(batches: impl Iterator<Item = RecordBatch>) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches {
        let text = |column: usize| {
            let texts = batch.column(column).as_dictionary::<Int32Type>();
            let values = texts.downcast_dict::<arrow_array::StringArray>().unwrap();
            (0..texts.len())
                .map(|n| values.values().value(texts.key(n).unwrap()).to_owned())
                .collect::<Vec<_>>()
        };
        let (keys, labels) = (text(0), text(2));
        let times = batch.column(3).as_primitive::<TimestampMicrosecondType>();
        let values = batch.column(4).as_primitive::<Float64Type>();
        for n in 0..batch.num_rows() {
            let value = values.is_valid(n).then(|| values.value(n));
            rows.push((keys[n].clone(), labels[n].clone(), times.value(n), vec![value]));
        }
    }
    rows
}

fn from(format: Format, bytes: Vec<u8>) -> Vec<Row> {
    match format {
        Format::Json => from_json(&bytes),
        Format::Ndjson => from_ndjson(&bytes),
        Format::Csv => from_csv(&bytes),
        Format::Arrow => {
            let reader = StreamReader::try_new(bytes.as_slice(), None).unwrap();
            from_batches(reader.map(Result::unwrap))
        }
        Format::Parquet => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
            from_batches(reader.build().unwrap().map(Result::unwrap))
        }
    }
}

#[test]
fn times_are_written_exactly_in_every_unit() {
    let blocks = [vec![block(
        &[],
        &[
            (-1, None),
            (1_700_000_000_250_000, Some(1.0)),
            (1_000_000, Some(-0.5)),
        ],
    )]];
    let times = |text| {
        let csv = String::from_utf8(encoded(Format::Csv, text, &blocks)).unwrap();
        csv.lines()
            .skip(1)
            .map(|line| line.split(',').nth(3).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let iso = [
        "1969-12-31T23:59:59.999999Z",
        "2023-11-14T22:13:20.250000Z",
        "1970-01-01T00:00:01.000000Z",
    ];
    assert_eq!(times(TimeText::Iso), iso);
    assert_eq!(times(TimeText::Seconds), ["-0.000001", "1700000000.25", "1"]);
    assert_eq!(times(TimeText::Millis), ["-0.001", "1700000000250", "1000"]);
    assert_eq!(times(TimeText::Micros), ["-1", "1700000000250000", "1000000"]);
}

#[test]
fn a_json_answer_names_each_series_once() {
    let labels = [("a", "x\"y")];
    let batches = [
        vec![block(&labels, &[(1, Some(1.0))])],
        vec![block(&labels, &[(2, None)]), block(&[], &[(3, Some(3.0))])],
    ];
    let answer: Value = serde_json::from_slice(&encoded(Format::Json, TimeText::Micros, &batches)).unwrap();
    let expected = json!({ "columns": ["ts", "value"], "series": [
        { "series": "m{a=\"x\\\"y\"}", "metric": "m", "labels": { "a": "x\"y" }, "points": [[1, 1.0], [2, null]] },
        { "series": "m{}", "metric": "m", "labels": {}, "points": [[3, 3.0]] },
    ] });
    assert_eq!(answer, expected);
}

#[test]
fn an_empty_answer_is_well_formed() {
    for format in Format::ALL {
        for batches in [vec![], vec![vec![]], vec![vec![block(&[], &[])]]] {
            let bytes = encoded(format, TimeText::Micros, &batches);
            assert_eq!(from(format, bytes), [], "{format:?}");
        }
    }
}

#[test]
fn a_parquet_file_leaves_row_group_by_row_group() {
    let rows: Vec<_> = (0..10_000).map(|n| (n, Some(n as f64))).collect();
    let blocks = [block(&[], &rows)];
    let mut encoder = Format::Parquet
        .encoder(&["value".to_owned()], TimeText::Iso)
        .unwrap();
    let mut most = 0;
    for _ in 0..30 {
        most = most.max(encoder.encode(&blocks).unwrap().len());
    }
    // Three row groups have left by now, and the end is a footer.
    assert!(most > 10_000, "{most}");
    assert!(encoder.finish().unwrap().len() < most);
}

fn any_blocks() -> impl Strategy<Value = Vec<Vec<Block>>> {
    let value = prop_oneof![
        any::<f64>()
            .prop_filter("finite", |v| v.is_finite())
            .prop_map(Some),
        Just(None)
    ];
    let rows = prop::collection::vec((-1_000_000_000_000_i64..4_000_000_000_000_000, value), 0..5);
    let block = ("[ -~\n\ré\"]{0,4}", rows).prop_map(|(label, mut rows)| {
        rows.sort_by_key(|row| row.0);
        block(&[("l", &label)], &rows)
    });
    prop::collection::vec(prop::collection::vec(block, 0..5), 0..5)
}

proptest! {
    #[test]
    fn every_format_gives_back_the_rows_it_was_given(batches in any_blocks()) {
        for format in Format::ALL {
            let bytes = encoded(format, TimeText::Micros, &batches);
            prop_assert_eq!(from(format, bytes), rows(&batches), "{:?}", format);
        }
    }
}
