//! A table in memory, bounded in rows and bytes.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

const ROWS_MAX: usize = 1_000_000;
const BYTES_MAX: usize = 64 << 20;
/// The memory of a row and of each of its values besides their texts: a guess.
const ROW: usize = 2 * size_of::<(Box<str>, Box<[Box<str>]>)>() + 32;
const VALUE: usize = size_of::<Box<str>>() + 16;

/// The values of a row, by its key.
#[derive(Debug, Default)]
pub struct Table(HashMap<Box<str>, Box<[Box<str>]>>);

impl Table {
    /// Empty values are none.
    pub fn get(&self, key: &str) -> Option<&[Box<str>]> {
        self.0.get(key).map(|row| &**row)
    }

    pub fn rows(&self) -> usize {
        self.0.len()
    }

    pub(super) fn read(file: &Path, key: &str, columns: &[&str]) -> Result<Self, String> {
        let shown = file.display();
        let open = || {
            let is_file = std::fs::metadata(file)?.is_file();
            is_file.then(|| File::open(file)).transpose()
        };
        match open() {
            Ok(Some(open)) => Self::from_csv(open, key, columns).map_err(|why| format!("{shown}: {why}")),
            Ok(None) => Err(format!("{shown} is no file")),
            Err(error) => Err(format!("cannot read {shown}: {error}")),
        }
    }

    fn from_csv(text: impl Read, key: &str, columns: &[&str]) -> Result<Self, String> {
        // One more than may be, so that too much is noticed.
        let mut rows = csv::Reader::from_reader(text.take(BYTES_MAX as u64 + 1));
        let names = rows.headers().map_err(|error| error.to_string())?.clone();
        let place = |wanted: &str| {
            names
                .iter()
                .position(|name| name.trim_start_matches('\u{feff}') == wanted)
                .ok_or_else(|| {
                    let names: Vec<_> = names.iter().take(20).collect();
                    let names: String = names.join(", ").chars().take(200).collect();
                    format!("there is no column '{wanted}'; its first row has {names}")
                })
        };
        let key = place(key)?;
        let columns = columns.iter().map(|column| place(column));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let mut table = TableBuilder::default();
        let mut row = csv::StringRecord::new();
        while rows.read_record(&mut row).map_err(|error| error.to_string())? {
            if rows.position().byte() > BYTES_MAX as u64 {
                return Err(too_many_bytes());
            }
            table.add(row.get(key), columns.iter().map(|at| row.get(*at)))?;
        }
        Ok(table.0)
    }
}

/// A table as its rows come; of equal keys the last counts.
#[derive(Debug, Default)]
pub struct TableBuilder(Table, usize);

impl TableBuilder {
    /// A row without a key is none.
    ///
    /// # Errors
    /// When the table becomes too large.
    pub fn add<'r>(
        &mut self,
        key: Option<&str>,
        values: impl Iterator<Item = Option<&'r str>>,
    ) -> Result<(), String> {
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return Ok(());
        };
        let values: Box<[Box<str>]> = values.map(|value| value.unwrap_or_default().into()).collect();
        self.1 += ROW + key.len() + values.iter().map(|value| VALUE + value.len()).sum::<usize>();
        self.0.0.insert(key.into(), values);
        if self.0.rows() > ROWS_MAX {
            return Err(format!("it has more than {ROWS_MAX} rows"));
        }
        if self.1 > BYTES_MAX {
            return Err(too_many_bytes());
        }
        Ok(())
    }

    pub fn finish(self) -> Table {
        self.0
    }
}

fn too_many_bytes() -> String {
    format!("it has more than {} MiB", BYTES_MAX >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_by_its_key_with_the_columns_that_were_asked_for() {
        let text = "\u{feff}id,owner,site\nm7,ops,north\n,x,y\nm8,,\"so,uth\"\nm7,lab,west\n";
        let table = Table::from_csv(text.as_bytes(), "id", &["site", "owner"]).unwrap();
        assert_eq!(table.rows(), 2);
        assert_eq!(table.get("m7").unwrap(), [Box::from("west"), "lab".into()]);
        assert_eq!(table.get("m8").unwrap(), [Box::from("so,uth"), "".into()]);
        assert!(table.get("m9").is_none());
    }

    #[test]
    fn what_is_no_such_table_is_refused() {
        let read = |text: &str| Table::from_csv(text.as_bytes(), "id", &["site"]).unwrap_err();
        assert_eq!(
            read("id,owner\n"),
            "there is no column 'site'; its first row has id, owner"
        );
        assert_eq!(read(""), "there is no column 'id'; its first row has ");
        assert!(read("id,site\na,b,c\n").contains("found record with 3 fields"));
        let many = format!("x,{}\n", "y".repeat(1 << 20)).repeat(65);
        assert_eq!(read(&format!("id,site\n{many}")), "it has more than 64 MiB");
        let missing = Table::read(Path::new("nowhere.csv"), "id", &["site"]).unwrap_err();
        assert!(missing.starts_with("cannot read nowhere.csv: "), "{missing}");
        assert_eq!(
            Table::read(Path::new("."), "id", &["site"]).unwrap_err(),
            ". is no file"
        );
    }

    #[test]
    fn rows_are_bounded() {
        let long = "x".repeat(1 << 20);
        let mut table = TableBuilder::default();
        let full = (0..).find_map(|n| table.add(Some(&format!("{n}")), [Some(&*long)].into_iter()).err());
        assert_eq!(full.as_deref(), Some("it has more than 64 MiB"));
        assert_eq!(table.finish().rows(), 64);
    }
}
