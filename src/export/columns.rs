//! Parquet: a column for each part of a fact that people ask about.

use std::fs::File;
use std::sync::Arc;

use anyhow::Context;
use fullhouse_demand::store::RefusedInMinute;
use fullhouse_domain::{Subject, Timestamp};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::facts::Said;
use fullhouse_schemas::time::Instant;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

/// Facts in a row group: how much is held in memory, and how finely a reader may skip.
const ROWS_MAX: usize = 100_000;

const FACTS: &str = "message facts {
    REQUIRED INT64 log_position;
    REQUIRED BYTE_ARRAY event_id (STRING);
    REQUIRED INT64 position;
    REQUIRED BYTE_ARRAY type (STRING);
    REQUIRED INT32 version;
    REQUIRED INT64 recorded_at (TIMESTAMP(MICROS, true));
    REQUIRED BYTE_ARRAY command_id (STRING);
    OPTIONAL BYTE_ARRAY subject (STRING);
    OPTIONAL BYTE_ARRAY reservation_id (STRING);
    REQUIRED GROUP seats (LIST) { REPEATED GROUP list { REQUIRED BYTE_ARRAY element (STRING); } }
    OPTIONAL INT64 expires_at (TIMESTAMP(MICROS, true));
    OPTIONAL BYTE_ARRAY payment_reference (STRING);
    REQUIRED BYTE_ARRAY data (STRING);
}";

const REFUSALS: &str = "message refusals {
    REQUIRED BYTE_ARRAY event_id (STRING);
    REQUIRED INT64 minute (TIMESTAMP(MICROS, true));
    REQUIRED BYTE_ARRAY seat (STRING);
    REQUIRED BYTE_ARRAY reason (STRING);
    REQUIRED INT64 refusals;
}";

/// A Parquet file of facts that is being written.
pub struct FactsFile {
    writer: SerializedFileWriter<File>,
    rows: Vec<Row>,
}

/// A fact, as far as its columns need more than it has.
struct Row {
    fact: StoredFact,
    said: Said,
}

impl FactsFile {
    /// Begins an empty file.
    pub fn begin(file: File) -> anyhow::Result<Self> {
        Ok(Self { writer: begin(file, FACTS)?, rows: Vec::new() })
    }

    /// Adds facts.
    pub fn push(&mut self, facts: &[StoredFact]) -> anyhow::Result<()> {
        for fact in facts {
            self.rows.push(Row { fact: fact.clone(), said: Said::of(fact) });
            if self.rows.len() == ROWS_MAX {
                self.write_rows()?;
            }
        }
        Ok(())
    }

    /// Writes what is left, and the end of the file.
    pub fn finish(mut self) -> anyhow::Result<File> {
        if !self.rows.is_empty() {
            self.write_rows()?;
        }
        self.writer.into_inner().context("the Parquet file can't be written")
    }

    fn write_rows(&mut self) -> anyhow::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let mut write = || -> parquet::errors::Result<()> {
            let mut group = self.writer.next_row_group()?;
            numbers(&mut group, &rows, |row| row.fact.log_position as i64)?;
            texts(&mut group, &rows, |row| row.fact.show.as_str())?;
            numbers(&mut group, &rows, |row| row.fact.position as i64)?;
            texts(&mut group, &rows, |row| row.fact.kind.as_str())?;
            let versions: Vec<i32> = rows.iter().map(|row| i32::from(row.fact.version)).collect();
            column::<Int32Type>(&mut group, &versions, None, None)?;
            numbers(&mut group, &rows, |row| row.fact.recorded_at.as_micros())?;
            let ids: Vec<ByteArray> = rows.iter().map(|row| row.fact.command_id.to_string().into_bytes().into()).collect();
            column::<ByteArrayType>(&mut group, &ids, None, None)?;
            optional_texts(&mut group, &rows, |row| row.fact.subject.as_ref().map(Subject::as_str))?;
            optional_texts(&mut group, &rows, |row| row.said.reservation_id.as_deref())?;
            seats(&mut group, &rows)?;
            let ends = |row: &Row| row.said.expires_at.map(|Instant(at)| at.as_micros());
            let (values, levels) = present(&rows, ends);
            column::<Int64Type>(&mut group, &values, Some(&levels), None)?;
            optional_texts(&mut group, &rows, |row| row.said.payment_reference.as_deref())?;
            texts(&mut group, &rows, |row| row.fact.data.as_str())?;
            group.close()?;
            Ok(())
        };
        write().context("the Parquet file can't be written")
    }
}

/// Writes the counts of refused holds into an empty file.
pub fn write_refusals(file: File, counts: &[RefusedInMinute]) -> anyhow::Result<File> {
    let mut writer = begin(file, REFUSALS)?;
    let mut write = || -> parquet::errors::Result<()> {
        let mut group = writer.next_row_group()?;
        texts(&mut group, counts, |counted| counted.event_id.as_str())?;
        numbers(&mut group, counts, |counted| Timestamp::as_micros(counted.minute))?;
        texts(&mut group, counts, |counted| counted.seat.as_str())?;
        texts(&mut group, counts, |counted| counted.reason.as_str())?;
        numbers(&mut group, counts, |counted| counted.refusals as i64)?;
        group.close()?;
        Ok(())
    };
    write().and_then(|()| writer.into_inner()).context("the Parquet file can't be written")
}

fn begin(file: File, schema: &str) -> anyhow::Result<SerializedFileWriter<File>> {
    let schema = Arc::new(parse_message_type(schema).context("the columns are described wrongly")?);
    // Nothing of the machine or the moment goes into the file.
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).set_created_by("fullhouse".into()).build();
    SerializedFileWriter::new(file, schema, Arc::new(properties)).context("the Parquet file can't be begun")
}

type Written = parquet::errors::Result<()>;

/// Writes the next column: its values and, where some may be missing or be many, which.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    definition: Option<&[i16]>,
    repetition: Option<&[i16]>,
) -> Written {
    let mut column = group.next_column()?.expect("the schema has it");
    column.typed::<T>().write_batch(values, definition, repetition)?;
    column.close()
}

fn numbers<Row>(group: &mut SerializedRowGroupWriter<'_, File>, rows: &[Row], value: impl Fn(&Row) -> i64) -> Written {
    let values: Vec<i64> = rows.iter().map(value).collect();
    column::<Int64Type>(group, &values, None, None)
}

fn texts<'a, Row>(group: &mut SerializedRowGroupWriter<'_, File>, rows: &'a [Row], value: impl Fn(&'a Row) -> &'a str) -> Written {
    let values: Vec<ByteArray> = rows.iter().map(|row| value(row).into()).collect();
    column::<ByteArrayType>(group, &values, None, None)
}

fn optional_texts<'a, Row>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    rows: &'a [Row],
    value: impl Fn(&'a Row) -> Option<&'a str>,
) -> Written {
    let (values, levels) = present(rows, |row| value(row).map(ByteArray::from));
    column::<ByteArrayType>(group, &values, Some(&levels), None)
}

/// The values that are there, and for each row whether it has one.
fn present<'a, Row, T>(rows: &'a [Row], value: impl Fn(&'a Row) -> Option<T>) -> (Vec<T>, Vec<i16>) {
    let values: Vec<Option<T>> = rows.iter().map(value).collect();
    let levels = values.iter().map(|value| i16::from(value.is_some())).collect();
    (values.into_iter().flatten().collect(), levels)
}

/// A list in each row; an empty one is a level without a value.
fn seats(group: &mut SerializedRowGroupWriter<'_, File>, rows: &[Row]) -> Written {
    let (mut values, mut definition, mut repetition) = (Vec::<ByteArray>::new(), Vec::new(), Vec::new());
    for row in rows {
        if row.said.seats.is_empty() {
            definition.push(0);
            repetition.push(0);
        }
        for (index, seat) in row.said.seats.iter().enumerate() {
            values.push(seat.as_str().into());
            definition.push(1);
            repetition.push(i16::from(index > 0));
        }
    }
    column::<ByteArrayType>(group, &values, Some(&definition), Some(&repetition))
}
