//! A program of three lines: in a stream, and the `vrl` library alone.

use std::hint::black_box;
use std::time::Duration;

use streamsync::decode::{Compression, Csv, Format, Reading as Written};
use streamsync::transform::Program;
use vrl::compiler::runtime::Runtime;
use vrl::compiler::{TargetValue, TimeZone, compile};
use vrl::value::{Secrets, Value};

use crate::records::{Reading, Records};
use crate::stopwatch::{About, Contestant, now};
use crate::streams::{Stream, mean_length};

const SOURCE: &str = r#"
.temperature = to_float!(.temperature) * 1.8 + 32.0
.device = upcase!(.device)
.site = "plant-" + string!(.site)
"#;

pub fn contestants(records: &Records) -> [Box<dyn Contestant>; 2] {
    let messages = records.each(Reading::json);
    let json = Written {
        format: Format::Json,
        compression: Compression::Auto,
        limit: 1 << 20,
        csv: &Csv::default(),
        schema: None,
        registry: None,
    };
    let program = Program::compile(SOURCE).expect("a program");
    [
        Box::new(Stream::new("JSON with VRL", json, Some(program), 1, &messages)),
        Box::new(Alone {
            program: compile(SOURCE, &vrl::stdlib::all()).expect("a program").program,
            messages,
        }),
    ]
}

/// From the bytes to what the program leaves, without a point made of it.
struct Alone {
    program: vrl::compiler::Program,
    messages: Vec<Vec<u8>>,
}

impl Contestant for Alone {
    fn about(&self) -> About {
        About {
            name: "vrl alone",
            bytes: mean_length(&self.messages),
            points: 0,
        }
    }

    fn run(&mut self) -> (usize, Duration) {
        let zone = TimeZone::parse("UTC").expect("a zone");
        let mut runtime = Runtime::default();
        let begun = now();
        for message in &self.messages {
            let mut target = TargetValue {
                value: serde_json::from_slice::<Value>(message).expect("JSON"),
                metadata: Value::Null,
                secrets: Secrets::new(),
            };
            runtime
                .resolve(&mut target, &self.program, &zone)
                .expect("an outcome");
            runtime.clear();
            black_box(target.value);
        }
        (self.messages.len(), now() - begun)
    }
}
