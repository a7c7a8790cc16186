//! A writer of requests.

/// In milliseconds.
pub const NOW: i64 = 1_764_351_845_000;

/// A series as it is told to the writer.
#[derive(Clone, Debug, Default)]
pub struct Made<'a> {
    pub labels: Vec<(&'a str, &'a str)>,
    /// Milliseconds after `NOW`, and the value.
    pub samples: Vec<(i64, f64)>,
    pub histograms: Vec<&'a [u8]>,
    pub exemplars: usize,
}

/// The table of a request of 2.0. The first one is empty.
struct Symbols<'a>(Vec<&'a str>);

impl Default for Symbols<'_> {
    fn default() -> Self {
        Self(vec![""])
    }
}

impl<'a> Symbols<'a> {
    fn of(&mut self, text: &'a str) -> u64 {
        let at = self.0.iter().position(|known| *known == text);
        let at = at.unwrap_or_else(|| {
            self.0.push(text);
            self.0.len() - 1
        });
        at as u64
    }
}

pub fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn tagged(number: u64, form: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3 | form, &mut out);
    out
}

pub fn int(number: u64, value: u64) -> Vec<u8> {
    let mut out = tagged(number, 0);
    varint(value, &mut out);
    out
}

pub fn double(number: u64, value: f64) -> Vec<u8> {
    let mut out = tagged(number, 1);
    out.extend(value.to_le_bytes());
    out
}

pub fn bytes(number: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = tagged(number, 2);
    varint(value.as_ref().len() as u64, &mut out);
    out.extend(value.as_ref());
    out
}

pub fn packed(number: u64, values: &[u64]) -> Vec<u8> {
    let mut list = Vec::new();
    values.iter().for_each(|value| varint(*value, &mut list));
    bytes(number, list)
}

/// Of both versions.
pub fn sample(after: i64, value: f64) -> Vec<u8> {
    let time = int(2, NOW.saturating_add(after).cast_unsigned());
    bytes(2, [double(1, value), time].concat())
}

fn samples(made: &Made<'_>) -> Vec<u8> {
    let samples = made.samples.iter();
    samples
        .flat_map(|(after, value)| sample(*after, *value))
        .collect()
}

fn repeated(number: u64, values: &[&[u8]]) -> Vec<u8> {
    values.iter().flat_map(|value| bytes(number, value)).collect()
}

pub fn v1(series: &[Made<'_>]) -> Vec<u8> {
    let of = |made: &Made<'_>| {
        let labels = made.labels.iter().flat_map(|(name, value)| {
            let label = [bytes(1, name), bytes(2, value)].concat();
            bytes(1, label)
        });
        let parts = [
            labels.collect(),
            samples(made),
            bytes(3, double(2, 1.0)).repeat(made.exemplars),
            repeated(4, &made.histograms),
        ];
        bytes(1, parts.concat())
    };
    let metadata = bytes(3, [int(1, 1), bytes(2, "up"), bytes(4, "help")].concat());
    series.iter().flat_map(of).chain(metadata).collect()
}

pub fn v2(series: &[Made<'_>]) -> Vec<u8> {
    let mut symbols = Symbols::default();
    let mut all = Vec::new();
    for made in series {
        let labels = made.labels.iter();
        let labels: Vec<u64> = labels
            .flat_map(|(name, value)| [symbols.of(name), symbols.of(value)])
            .collect();
        let parts = [
            packed(1, &labels),
            samples(made),
            repeated(3, &made.histograms),
            bytes(4, double(2, 1.0)).repeat(made.exemplars),
            bytes(5, [int(1, 1), int(3, 0)].concat()),
            int(6, NOW.cast_unsigned()),
        ];
        all.extend(bytes(5, parts.concat()));
    }
    let table = symbols.0.iter().flat_map(|symbol| bytes(4, symbol));
    table.chain(all).collect()
}
