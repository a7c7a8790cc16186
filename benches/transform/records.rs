//! The same readings in every format.

/// Readings of one message where a format has many.
pub const MANY: usize = 100;

#[derive(Clone, Debug)]
pub struct Reading {
    /// Milliseconds since 1970.
    pub ts: i64,
    pub site: String,
    pub device: String,
    pub temperature: f64,
    pub vibration: f64,
}

#[derive(Debug)]
pub struct Records(Vec<Reading>);

impl Records {
    /// As of so many machines at ten sites.
    pub fn new(count: usize) -> Self {
        let reading = |n: usize| Reading {
            ts: 1_764_351_845_000 + n as i64 * 37,
            site: ["north", "south", "east", "west", "berlin"][n % 5].to_owned(),
            device: format!("m{n}"),
            temperature: (2_000 + n * 7 % 1_000) as f64 / 100.0,
            vibration: (n * 13 % 1_000) as f64 / 10_000.0,
        };
        Self((0..count).map(reading).collect())
    }

    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Each reading as a message of its own.
    pub fn each(&self, write: impl Fn(&Reading) -> Vec<u8>) -> Vec<Vec<u8>> {
        self.0.iter().map(write).collect()
    }

    /// Many readings in each message, behind `head`.
    pub fn many(&self, head: &str, write: impl Fn(&Reading) -> Vec<u8>) -> Vec<Vec<u8>> {
        let message = |readings: &[Reading]| {
            let mut message = head.as_bytes().to_vec();
            for reading in readings {
                message.extend(write(reading));
                message.push(b'\n');
            }
            message
        };
        self.0.chunks(MANY).map(message).collect()
    }
}

impl Reading {
    pub fn json(&self) -> Vec<u8> {
        let Self {
            ts,
            site,
            device,
            temperature,
            vibration,
        } = self;
        format!(
            r#"{{"ts": {ts}, "site": "{site}", "device": "{device}", "temperature": {temperature}, "vibration": {vibration}}}"#
        )
        .into_bytes()
    }

    pub fn csv(&self) -> Vec<u8> {
        let Self {
            ts,
            site,
            device,
            temperature,
            vibration,
        } = self;
        format!("{ts},{site},{device},{temperature},{vibration}").into_bytes()
    }

    pub fn line(&self) -> Vec<u8> {
        let Self {
            ts,
            site,
            device,
            temperature,
            vibration,
        } = self;
        format!(
            "machines,site={site},device={device} temperature={temperature},vibration={vibration} {ts}000000"
        )
        .into_bytes()
    }

    pub fn messagepack(&self) -> Vec<u8> {
        let mut out = vec![0x85];
        let text = |out: &mut Vec<u8>, text: &str| {
            out.push(0xa0 | text.len() as u8);
            out.extend(text.as_bytes());
        };
        text(&mut out, "ts");
        out.push(0xd3);
        out.extend(self.ts.to_be_bytes());
        for (name, label) in [("site", &self.site), ("device", &self.device)] {
            text(&mut out, name);
            text(&mut out, label);
        }
        for (name, value) in [("temperature", self.temperature), ("vibration", self.vibration)] {
            text(&mut out, name);
            out.push(0xcb);
            out.extend(value.to_be_bytes());
        }
        out
    }

    /// As `reading.avsc` says.
    pub fn avro(&self) -> Vec<u8> {
        let mut out = Vec::new();
        varint(&mut out, zigzag(self.ts));
        for label in [&self.site, &self.device] {
            varint(&mut out, zigzag(label.len() as i64));
            out.extend(label.as_bytes());
        }
        out.extend(self.temperature.to_le_bytes());
        out.extend(self.vibration.to_le_bytes());
        out
    }

    /// As `reading.proto` says.
    pub fn protobuf(&self) -> Vec<u8> {
        let mut out = vec![0x08];
        varint(&mut out, self.ts.cast_unsigned());
        for (tag, label) in [(0x12, &self.site), (0x1a, &self.device)] {
            out.push(tag);
            varint(&mut out, label.len() as u64);
            out.extend(label.as_bytes());
        }
        for (tag, value) in [(0x21, self.temperature), (0x29, self.vibration)] {
            out.push(tag);
            out.extend(value.to_le_bytes());
        }
        out
    }
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
