//! CSV (RFC 4180): rows of a record become objects, named by its first row or by the configuration.
//!
//! A reader of our own, because fields are to borrow from the record. Its peer in the tests is the
//! crate `csv`.

use std::borrow::Cow;

use serde::Deserialize;

use super::parts::Parts;
use super::text::{place, utf8};
use crate::data::{Decode, Object, Reason, RecordError, Value};

/// `[stream.csv]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Csv {
    /// Unset: the first row of each record has the names.
    pub columns: Option<Vec<String>>,
    pub delimiter: char,
    /// Texts that stand for a value that is not there, besides the empty one.
    pub null: Vec<String>,
}

impl Default for Csv {
    fn default() -> Self {
        Self {
            columns: None,
            delimiter: ',',
            null: Vec::new(),
        }
    }
}

impl Csv {
    /// Says `csv.setting: why` of each mistake.
    pub fn check(&self, say: &mut impl FnMut(String)) {
        if matches!(self.delimiter, '"' | '\n' | '\r') {
            say("csv.delimiter: must be neither a quote nor a line end".to_owned());
        }
        let Some(columns) = &self.columns else { return };
        if columns.is_empty() {
            say("csv.columns: names at least one column, or leave it out".to_owned());
        }
        for (at, name) in columns.iter().enumerate() {
            if columns[..at].contains(name) {
                say(format!("csv.columns: '{name}' is named twice"));
            }
        }
    }

    fn is_missing(&self, field: &str) -> bool {
        field.is_empty() || self.null.iter().any(|null| *null == *field)
    }
}

impl Decode for Csv {
    fn decode<'a>(&'a self, payload: &'a [u8]) -> Result<Value<'a>, RecordError> {
        let text = utf8(payload, Reason::NotCsv)?;
        let mut rows = Rows::of(text, self.delimiter);
        let names: Vec<&'a str> = match &self.columns {
            Some(columns) => columns.iter().map(String::as_str).collect(),
            None => rows.names()?,
        };
        let mut objects = Vec::new();
        while rows.finds_row() {
            objects.push(Value::Object(self.row(&mut rows, &names)?));
        }
        Ok(Value::List(objects))
    }
}

impl Csv {
    fn row<'a>(&self, rows: &mut Rows<'a>, names: &[&'a str]) -> Result<Object<'a>, RecordError> {
        let mut fields = Vec::with_capacity(names.len().min(16));
        let mut found = 0;
        loop {
            let field = rows.field()?;
            // What is missing takes no memory: rows may have far more commas than texts.
            if let Some(name) = names.get(found).filter(|_| !self.is_missing(&field)) {
                fields.push((Cow::Borrowed(*name), Value::Untyped(field)));
            }
            found += 1;
            if !rows.goes_on()? {
                break;
            }
        }
        if found == names.len() {
            return Ok(Object(fields));
        }
        let (wanted, place) = (names.len(), rows.place(rows.row_at));
        let detail = format!("{found} fields, but {wanted} columns in the row at {place}");
        Err(RecordError::new(Reason::NotCsv, detail))
    }
}

/// Hands on each row before the next one is read, so that they take no memory together. The first row has
/// the names. An error ends it; what stands before was handed on.
pub fn each_row<'a>(body: &'a [u8], mut take: impl FnMut(Object<'a>)) -> Result<(), RecordError> {
    let csv = Csv::default();
    let mut rows = Rows::of(utf8(body, Reason::NotCsv)?, csv.delimiter);
    let names = rows.names()?;
    while rows.finds_row() {
        take(csv.row(&mut rows, &names)?);
    }
    Ok(())
}

/// The bytes of each row of a file, that of the names first.
pub(super) fn parts<'a>(file: &'a [u8], csv: &Csv) -> Parts<'a> {
    let text = match utf8(file, Reason::NotCsv) {
        Ok(text) => text,
        Err(error) => return Parts::none(error),
    };
    let mut rows = Rows::of(text, csv.delimiter);
    Parts::read(|| {
        if !rows.finds_row() {
            return Ok(None);
        }
        rows.field()?;
        while rows.goes_on()? {
            rows.field()?;
        }
        Ok(Some(&file[rows.row_at..rows.at]))
    })
}

struct Rows<'a> {
    text: &'a str,
    /// The byte that is read next.
    at: usize,
    row_at: usize,
    delimiter: char,
}

impl<'a> Rows<'a> {
    const fn of(text: &'a str, delimiter: char) -> Self {
        Self {
            text,
            at: 0,
            row_at: 0,
            delimiter,
        }
    }

    /// The names borrow from the record, so that a thousand rows share them.
    fn names(&mut self) -> Result<Vec<&'a str>, RecordError> {
        let mut names = Vec::new();
        if !self.finds_row() {
            return Ok(names);
        }
        loop {
            match self.field()? {
                Cow::Borrowed(name) => names.push(name),
                Cow::Owned(name) => {
                    let short: String = name.chars().take(50).collect();
                    let detail = format!("the column name '{short}' holds quotes");
                    return Err(RecordError::new(Reason::NotCsv, detail));
                }
            }
            if !self.goes_on()? {
                return Ok(names);
            }
        }
    }

    /// Goes to the next row that is not empty; false at the end.
    fn finds_row(&mut self) -> bool {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(['\r', '\n']).len();
        self.row_at = self.at;
        self.at < self.text.len()
    }

    /// Whether the row has one more field.
    fn goes_on(&mut self) -> Result<bool, RecordError> {
        match self.text[self.at..].chars().next() {
            Some(found) if found == self.delimiter => {
                self.at += found.len_utf8();
                Ok(true)
            }
            None | Some('\n' | '\r') => Ok(false),
            Some(_) => {
                let detail = format!("text behind the closing quote at {}", self.place(self.at));
                Err(RecordError::new(Reason::NotCsv, detail))
            }
        }
    }

    /// Borrowed unless it holds doubled quotes.
    fn field(&mut self) -> Result<Cow<'a, str>, RecordError> {
        let (opening, rest) = (self.at, &self.text[self.at..]);
        let Some(quoted) = rest.strip_prefix('"') else {
            let ends = |c| c == self.delimiter || matches!(c, '\n' | '\r');
            let end = rest.find(ends).unwrap_or(rest.len());
            self.at += end;
            return Ok(Cow::Borrowed(&rest[..end]));
        };
        self.at += 1;
        let mut text = Cow::Borrowed("");
        let mut rest = quoted;
        loop {
            let Some(end) = rest.find('"') else {
                let detail = format!("no closing quote for the field at {}", self.place(opening));
                return Err(RecordError::new(Reason::NotCsv, detail));
            };
            append(&mut text, &rest[..end]);
            self.at += end + 1;
            rest = &rest[end + 1..];
            let Some(behind) = rest.strip_prefix('"') else {
                return Ok(text);
            };
            append(&mut text, "\"");
            self.at += 1;
            rest = behind;
        }
    }

    fn place(&self, at: usize) -> String {
        place(&self.text.as_bytes()[..at])
    }
}

fn append<'a>(text: &mut Cow<'a, str>, more: &'a str) {
    match text.is_empty() {
        true => *text = Cow::Borrowed(more),
        false => text.to_mut().push_str(more),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(csv: &Csv, text: &str) -> Result<Vec<String>, RecordError> {
        let Value::List(rows) = csv.decode(text.as_bytes())? else {
            panic!("rows");
        };
        let shown = rows.iter().map(|row| {
            let Value::Object(object) = row else {
                panic!("an object")
            };
            let fields = object.0.iter().map(|(name, value)| match value {
                Value::Untyped(text) => format!("{name}={text}"),
                other => panic!("{other:?}"),
            });
            fields.collect::<Vec<_>>().join(" ")
        });
        Ok(shown.collect())
    }

    #[test]
    fn the_first_row_names_the_columns() {
        let text = "ts,site,temperature\r\n1,north,20.5\r\n2,south,\r\n\r\n";
        let rows = rows(&Csv::default(), text).expect("csv");
        assert_eq!(rows, ["ts=1 site=north temperature=20.5", "ts=2 site=south"]);
    }

    #[test]
    fn the_configuration_names_the_columns_the_delimiter_and_what_stands_for_nothing() {
        let csv = Csv {
            columns: Some(vec!["ts".to_owned(), "t".to_owned()]),
            delimiter: ';',
            null: vec!["NA".to_owned()],
        };
        assert_eq!(rows(&csv, "1;20,5\n2;NA").expect("csv"), ["ts=1 t=20,5", "ts=2"]);
    }

    #[test]
    fn quotes_hold_delimiters_line_ends_and_doubled_quotes() {
        let text = "a,b\n\"x,y\",\"1\n2\"\n\"say \"\"hi\"\"\",\"\"";
        assert_eq!(
            rows(&Csv::default(), text).expect("csv"),
            ["a=x,y b=1\n2", "a=say \"hi\""]
        );
    }

    #[test]
    fn what_is_no_csv_is_refused_with_its_place() {
        for (text, told) in [
            ("a,b\n1,2\n3", "1 fields, but 2 columns in the row at line 3"),
            ("a,b\n\"1,2", "no closing quote for the field at line 2 column 1"),
            (
                "a,b\n\"1\"x,2",
                "text behind the closing quote at line 2 column 4",
            ),
            ("\"a\"\"\",b\n1,2", "the column name 'a\"' holds quotes"),
        ] {
            let error = rows(&Csv::default(), text).expect_err(text);
            assert_eq!(error.reason, Reason::NotCsv);
            assert!(error.detail.contains(told), "{text:?}: {}", error.detail);
        }
    }

    proptest! {
        #[test]
        fn rows_are_read_as_the_crate_csv_reads_what_it_wrote(
            table in proptest::collection::vec(proptest::collection::vec("[ -~\n\r\"äß]{0,8}", 3), 1..8)
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["a", "b", "c"]).expect("memory");
            for row in &table {
                writer.write_record(row).expect("memory");
            }
            let text = String::from_utf8(writer.into_inner().expect("memory")).expect("utf-8");
            let csv = Csv::default();
            let Value::List(read) = csv.decode(text.as_bytes()).expect("csv") else { panic!("rows") };
            let wanted: Vec<Value<'_>> = table.iter().map(|row| {
                let fields = ["a", "b", "c"].into_iter().zip(row).filter(|(_, field)| !field.is_empty());
                let fields = fields.map(|(name, field)| (name.into(), Value::Untyped(field.as_str().into())));
                Value::Object(Object(fields.collect()))
            }).collect();
            prop_assert_eq!(read, wanted);
        }

        #[test]
        fn whatever_comes_is_read_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Csv::default().decode(&payload);
        }
    }
}
