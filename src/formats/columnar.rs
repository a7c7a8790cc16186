//! Arrow IPC streams and Parquet: the same columns, with texts as dictionaries, so that a million
//! rows of a series store its key once and data frames get categories.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::text::labels;
use super::{Block, Encode, EncodeError};
use crate::data::Series;

/// Rows of a row group of Parquet, which is held in memory.
const ROW_GROUP: usize = 100_000;

pub(super) struct Arrow {
    schema: SchemaRef,
    writer: StreamWriter<Vec<u8>>,
}

impl Arrow {
    pub fn new(columns: &[String]) -> Result<Self, EncodeError> {
        let schema = schema(columns);
        let writer = StreamWriter::try_new(Vec::new(), &schema)?;
        Ok(Self { schema, writer })
    }
}

impl Encode for Arrow {
    fn encode(&mut self, blocks: &[Block]) -> Result<Bytes, EncodeError> {
        let batch = batch(&self.schema, blocks)?;
        if batch.num_rows() > 0 {
            self.writer.write(&batch)?;
        }
        Ok(std::mem::take(self.writer.get_mut()).into())
    }

    fn finish(&mut self) -> Result<Bytes, EncodeError> {
        self.writer.finish()?;
        Ok(std::mem::take(self.writer.get_mut()).into())
    }
}

pub(super) struct Parquet {
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
}

impl Parquet {
    pub fn new(columns: &[String]) -> Result<Self, EncodeError> {
        let schema = schema(columns);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
        Ok(Self { schema, writer })
    }

    /// The writer counts what it has written and never seeks back, so the bytes can be taken.
    fn written(&mut self) -> Bytes {
        std::mem::take(self.writer.inner_mut()).into()
    }
}

impl Encode for Parquet {
    fn encode(&mut self, blocks: &[Block]) -> Result<Bytes, EncodeError> {
        let batch = batch(&self.schema, blocks)?;
        if batch.num_rows() > 0 {
            self.writer.write(&batch)?;
        }
        Ok(self.written())
    }

    fn finish(&mut self) -> Result<Bytes, EncodeError> {
        self.writer.finish()?;
        Ok(self.written())
    }
}

fn schema(columns: &[String]) -> SchemaRef {
    let text = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields: Vec<Field> = ["series", "metric", "labels"]
        .map(|name| Field::new(name, text(), false))
        .into();
    fields.push(Field::new("ts", time, false));
    let value = |name: &String| Field::new(name, DataType::Float64, true);
    fields.extend(columns.iter().map(value));
    Arc::new(Schema::new(fields))
}

fn batch(schema: &SchemaRef, blocks: &[Block]) -> Result<RecordBatch, EncodeError> {
    let times = blocks.iter().flat_map(|block| &block.line.times).map(|ts| ts.0);
    let times = TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
    let mut arrays: Vec<ArrayRef> = vec![
        texts(blocks, |series| series.key.to_string())?,
        texts(blocks, |series| series.metric.to_string())?,
        texts(blocks, |series| labels(series).to_string())?,
        Arc::new(times),
    ];
    for column in 0..schema.fields().len() - arrays.len() {
        let values = blocks
            .iter()
            .flat_map(|block| block.line.columns[column].iter().copied());
        arrays.push(Arc::new(Float64Array::from_iter(values)));
    }
    Ok(RecordBatch::try_new(Arc::clone(schema), arrays)?)
}

/// A text of each block's series, once for each run of equal ones.
fn texts(blocks: &[Block], text: impl Fn(&Series) -> String) -> Result<ArrayRef, EncodeError> {
    let (mut values, mut keys) = (Vec::<String>::new(), Vec::new());
    for block in blocks {
        let text = text(&block.series);
        if values.last() != Some(&text) {
            values.push(text);
        }
        let key = i32::try_from(values.len() - 1).unwrap_or(i32::MAX);
        keys.extend(std::iter::repeat_n(key, block.line.len()));
    }
    let values = Arc::new(StringArray::from_iter_values(values));
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(
        Int32Array::from(keys),
        values,
    )?))
}

impl From<ArrowError> for EncodeError {
    fn from(error: ArrowError) -> Self {
        Self(error.to_string())
    }
}

impl From<ParquetError> for EncodeError {
    fn from(error: ParquetError) -> Self {
        Self(error.to_string())
    }
}
