//! A file of several records, one behind the other, cut into them.

use crate::data::RecordError;

/// The bytes of each part as far as they can be read, and what stopped it.
#[derive(Debug)]
pub struct Parts<'a> {
    pub found: Vec<&'a [u8]>,
    pub stopped: Option<RecordError>,
}

impl<'a> Parts<'a> {
    pub(super) fn one(part: &'a [u8]) -> Self {
        Self {
            found: vec![part],
            stopped: None,
        }
    }

    pub(super) const fn none(stopped: RecordError) -> Self {
        Self {
            found: Vec::new(),
            stopped: Some(stopped),
        }
    }

    pub(super) fn read(mut next: impl FnMut() -> Result<Option<&'a [u8]>, RecordError>) -> Self {
        let mut found = Vec::new();
        loop {
            match next() {
                Ok(Some(part)) => found.push(part),
                Ok(None) => {
                    return Self { found, stopped: None };
                }
                Err(error) => {
                    return Self {
                        found,
                        stopped: Some(error),
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::{Compression, Csv, Format, Reading};

    fn parts(format: Format, file: &[u8]) -> (Vec<String>, Option<String>) {
        let csv = Csv::default();
        let reading = Reading {
            format,
            compression: Compression::Auto,
            limit: 1_000,
            csv: &csv,
            schema: None,
            registry: None,
        };
        let parts = reading.parts(file);
        let found = parts.found.iter();
        let found = found
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect();
        (found, parts.stopped.map(|error| error.detail))
    }

    #[test]
    fn a_file_is_cut_into_its_values_lines_and_rows() {
        let cases: [(Format, &str, &[&str]); 8] = [
            (
                Format::Json,
                "{\"a\": 1}\n\n{\"a\":\n 2} ",
                &["{\"a\": 1}", "{\"a\":\n 2}"],
            ),
            (Format::Json, " [ {\"a\": 1} , [2]]\n", &["{\"a\": 1}", "[2]"]),
            (Format::Json, "[1, 2]\n[3]\n", &["[1, 2]", "[3]"]),
            (Format::Ndjson, "", &[]),
            (Format::Json, "[]", &[]),
            (
                Format::Csv,
                "a,b\n1,\"x\ny\"\r\n\n2,z",
                &["a,b", "1,\"x\ny\"", "2,z"],
            ),
            (
                Format::LineProtocol,
                "# c\nm v=1 5\n\nm s=\"a\nb\"\n",
                &["m v=1 5", "m s=\"a\nb\""],
            ),
            (Format::MessagePack, "\u{1}\u{7f}", &["\u{1}", "\u{7f}"]),
        ];
        for (format, file, found) in cases {
            let found: Vec<String> = found.iter().map(|part| (*part).to_owned()).collect();
            assert_eq!(parts(format, file.as_bytes()), (found, None), "{file}");
        }
    }

    #[test]
    fn what_stands_before_a_damage_is_found_and_the_damage_told() {
        let cases: [(Format, &str, usize, &str); 5] = [
            (Format::Json, "{\"a\": 1}\n{\"a\"", 1, "expected ':'"),
            (
                Format::Json,
                "[{\"a\": 1}, {\"a\": 2} {",
                1,
                "expected ',' or ']'",
            ),
            (Format::Csv, "a\n\"b", 1, "no closing quote"),
            (Format::LineProtocol, "m v=1\nm v\n", 1, "expected '='"),
            (Format::MessagePack, "\u{1}\u{7f}\u{d}\u{0}", 4, ""),
        ];
        for (format, file, found, why) in cases {
            let (all, stopped) = parts(format, file.as_bytes());
            assert_eq!(all.len(), found, "{file}");
            assert!(stopped.unwrap_or_default().contains(why), "{file}");
        }
        let (all, stopped) = parts(Format::MessagePack, &[1, 0x92, 1]);
        assert_eq!(all.len(), 1);
        assert!(stopped.unwrap_or_default().contains("more elements"));
    }
}
