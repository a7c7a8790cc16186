//! Points as Parquet: one row each, in row groups of bounded size.

use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array};
use arrow_array::{RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::buffered::{BufReader, BufWriter};
use parquet::arrow::async_reader::ParquetRecordBatchStream;
use parquet::arrow::{AsyncArrowWriter, ParquetRecordBatchStreamBuilder};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::data::{Day, Micros};
use crate::store::archive::{ArchivedPoint, ArchivedSeries};

use super::digest::Sum;
use super::target::Target;

/// Rows that are encoded together, some 10 MB in memory: the bound for a day of any size.
pub(super) const ROW_GROUP: usize = 128 * 1_024;
/// Rows that come back at once.
const PAGE: usize = 8_192;
/// The size of one part of a multipart upload; two parts are uploaded at once.
const PART_BYTES: usize = 8 << 20;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let fields = [
        ("metric", DataType::Utf8),
        ("labels", DataType::Utf8),
        ("stream", DataType::Utf8),
        ("ts", time()),
        ("value", DataType::Float64),
        ("partition_id", DataType::Int32),
        ("offset", DataType::Int64),
        ("recorded_at", time()),
    ];
    let fields = fields.map(|(name, kind)| Field::new(name, kind, false));
    Arc::new(Schema::new(fields.to_vec()))
});

pub struct Writer(AsyncArrowWriter<BufWriter>);

impl Writer {
    pub fn create(target: &Target) -> Result<Self, ParquetError> {
        let upload = BufWriter::with_capacity(Arc::clone(&target.store), target.path.clone(), PART_BYTES)
            .with_max_concurrency(2);
        let properties = properties()?;
        let schema = Arc::clone(&SCHEMA);
        Ok(Self(AsyncArrowWriter::try_new(upload, schema, Some(properties))?))
    }

    pub async fn write(&mut self, points: &[ArchivedPoint]) -> Result<(), ParquetError> {
        self.0.write(&batch(points)?).await
    }

    /// The file appears only now, as a whole.
    pub async fn finish(mut self, day: Day, version: i64, sum: &Sum) -> Result<(), ParquetError> {
        let facts = [
            ("streamsync.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("streamsync.day", day.to_string()),
            ("streamsync.day_version", version.to_string()),
            ("streamsync.rows", sum.rows.to_string()),
            ("streamsync.checksum", sum.checksum.clone()),
        ];
        for (name, value) in facts {
            self.0
                .append_key_value_metadata(KeyValue::new(name.to_owned(), value));
        }
        self.0.close().await?;
        Ok(())
    }

    /// Leaves no half upload behind, as far as the store still answers.
    pub async fn abort(self) {
        if let Err(error) = self.0.into_inner().abort().await {
            tracing::debug!(%error, "cannot abort an unfinished upload in the archive");
        }
    }
}

pub struct Reader(ParquetRecordBatchStream<BufReader>);

impl Reader {
    /// The file and its size in bytes.
    pub async fn open(target: &Target) -> Result<(Self, u64), super::ArchiveError> {
        let meta = target.store.head(&target.path).await?;
        let file = BufReader::new(Arc::clone(&target.store), &meta);
        let builder = ParquetRecordBatchStreamBuilder::new(file).await?;
        if builder.schema().fields() != SCHEMA.fields() {
            return Err(ParquetError::General("its columns are not those of an archive".to_owned()).into());
        }
        Ok((Self(builder.with_batch_size(PAGE).build()?), meta.size))
    }

    /// The next points, as they were written; `None` at the end.
    pub async fn page(&mut self) -> Result<Option<Vec<ArchivedPoint>>, ParquetError> {
        self.0.try_next().await?.map(|batch| points(&batch)).transpose()
    }
}

fn properties() -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_max_row_group_row_count(Some(ROW_GROUP));
    let numbers = [
        ("ts", Encoding::DELTA_BINARY_PACKED),
        ("value", Encoding::BYTE_STREAM_SPLIT),
        ("offset", Encoding::DELTA_BINARY_PACKED),
        ("recorded_at", Encoding::DELTA_BINARY_PACKED),
    ];
    for (name, encoding) in numbers {
        builder = builder
            .set_column_dictionary_enabled(name.into(), false)
            .set_column_encoding(name.into(), encoding);
    }
    Ok(builder.build())
}

fn batch(points: &[ArchivedPoint]) -> Result<RecordBatch, ParquetError> {
    // Once for each run of the same series, not for each point.
    let runs = points.chunk_by(|a, b| Arc::ptr_eq(&a.of, &b.of));
    let labels: Vec<_> = runs
        .map(|run| (run[0].of.series.labels_json(), run.len()))
        .collect();
    let labels = labels
        .iter()
        .flat_map(|(text, times)| std::iter::repeat_n(text, *times));
    let time = |of: fn(&ArchivedPoint) -> Micros| {
        TimestampMicrosecondArray::from_iter_values(points.iter().map(|point| of(point).0))
            .with_timezone("UTC")
    };
    let metrics = points.iter().map(|point| &point.of.series.metric);
    let streams = points.iter().map(|point| &point.of.stream);
    let values = points.iter().map(|point| point.value);
    let partitions = points.iter().map(|point| point.partition_id);
    let offsets = points.iter().map(|point| point.offset);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(metrics)),
        Arc::new(StringArray::from_iter_values(labels)),
        Arc::new(StringArray::from_iter_values(streams)),
        Arc::new(time(|point| point.ts)),
        Arc::new(Float64Array::from_iter_values(values)),
        Arc::new(Int32Array::from_iter_values(partitions)),
        Arc::new(Int64Array::from_iter_values(offsets)),
        Arc::new(time(|point| point.recorded_at)),
    ];
    Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), columns)?)
}

fn points(batch: &RecordBatch) -> Result<Vec<ArchivedPoint>, ParquetError> {
    let [metric, labels, stream] = [0, 1, 2].map(|at| batch.column(at).as_string::<i32>());
    let [ts, recorded_at] = [3, 7].map(|at| batch.column(at).as_primitive::<TimestampMicrosecondType>());
    let value = batch.column(4).as_primitive::<Float64Type>();
    let partition_id = batch.column(5).as_primitive::<Int32Type>();
    let offset = batch.column(6).as_primitive::<Int64Type>();
    let mut points: Vec<ArchivedPoint> = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let names = |row| (metric.value(row), labels.value(row), stream.value(row));
        let of = match points.last() {
            Some(last) if names(row) == names(row - 1) => Arc::clone(&last.of),
            _ => {
                let (metric, labels, stream) = names(row);
                let series = ArchivedSeries::new(metric, labels, stream);
                let wrong = || ParquetError::General(format!("the labels of {metric} are not texts"));
                Arc::new(series.ok_or_else(wrong)?)
            }
        };
        points.push(ArchivedPoint {
            of,
            ts: Micros(ts.value(row)),
            value: value.value(row),
            partition_id: partition_id.value(row),
            offset: offset.value(row),
            recorded_at: Micros(recorded_at.value(row)),
        });
    }
    Ok(points)
}
