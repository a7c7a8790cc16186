//! Records of hostile shapes: four times as long they may take four times as long, and no more memory
//! for each byte.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::*;

/// Of a quadratic effort 16 times as much would be seen at the longer record.
const MOST: f64 = 9.0;

/// A record of about so many bytes.
type Shape = (&'static str, Format, fn(usize) -> Vec<u8>);

/// As often as fits.
fn many(head: &str, part: impl Fn(usize) -> String, tail: &str, bytes: usize) -> Vec<u8> {
    let mut text = head.to_owned();
    for n in 0.. {
        if text.len() >= bytes {
            break;
        }
        if n > 0 {
            text.push(',');
        }
        text += &part(n);
    }
    (text + tail).into_bytes()
}

const SHAPES: &[Shape] = &[
    ("many fields", Format::Json, |n| {
        many("{", |n| format!("\"{n}\":0"), "}", n)
    }),
    ("fields of one name", Format::Json, |n| {
        many("{", |_| "\"v\":0".to_owned(), "}", n)
    }),
    ("fields without a name", Format::Json, |n| {
        many("{", |_| "\"\":0".to_owned(), "}", n)
    }),
    ("numbers", Format::Json, |n| many("[", |_| "0".to_owned(), "]", n)),
    ("short arrays", Format::Json, |n| {
        many("[", |_| "[0]".to_owned(), "]", n)
    }),
    ("short objects", Format::Json, |n| {
        many("[", |_| "{\"\":0}".to_owned(), "]", n)
    }),
    ("deep arrays", Format::Json, |n| {
        many("[", |_| "[".repeat(120) + &"]".repeat(120), "]", n)
    }),
    ("too deep", Format::Json, |n| vec![b'['; n]),
    ("escapes", Format::Json, |n| {
        format!("{{\"site\":\"{}\"}}", "\\u00e9\\n\\ud83d\\ude00".repeat(n / 20)).into_bytes()
    }),
    ("a text that never ends", Format::Json, |n| {
        format!("\"{}", "a".repeat(n)).into_bytes()
    }),
    ("a long integer", Format::Json, |n| {
        format!("{{\"ts\":1700000000000,\"v\":{}}}", "9".repeat(n)).into_bytes()
    }),
    ("a long fraction", Format::Json, |n| {
        format!("{{\"ts\":1700000000000,\"v\":0.{}1}}", "0".repeat(n)).into_bytes()
    }),
    ("a long time", Format::Json, |n| {
        format!("{{\"ts\":\"{}\",\"v\":1}}", "1".repeat(n)).into_bytes()
    }),
    ("labels", Format::Json, |n| {
        many(
            "{\"ts\":1700000000000,\"v\":1,\"tags\":{",
            |n| format!("\"{n}\":0"),
            "}}",
            n,
        )
    }),
    ("values", Format::Json, |n| {
        many(
            "{\"ts\":1700000000000,\"fields\":{",
            |n| format!("\"{n}\":0"),
            "}}",
            n,
        )
    }),
    ("labels around elements", Format::Json, |n| {
        around(
            "\"tags\":{",
            "\"\":\"\"",
            "}",
            "{\"ts\":1700000000000,\"v\":1}",
            n,
        )
    }),
    ("values around elements", Format::Json, |n| {
        around("\"ts\":1700000000000,\"fields\":{", "\"a\":1", "}", "{}", n)
    }),
    ("fields around elements", Format::Json, |n| {
        around("\"ts\":1700000000000", ",\"a\":1", "", "{\"v\":1}", n)
    }),
    ("arrays in arrays", Format::Json, |n| {
        many(
            "{\"ts\":1700000000000,\"devices\":[",
            |_| "{\"readings\":[{\"v\":1}]}".to_owned(),
            "]}",
            n,
        )
    }),
    ("records of one line", Format::Ndjson, |n| {
        b"{\"metric\":\"a\",\"ts\":1700000000000,\"value\":1}\n".repeat(n / 44)
    }),
    ("empty objects", Format::Ndjson, |n| b"{}".repeat(n / 2)),
    ("rows", Format::Csv, |n| {
        [b"ts,v\n".to_vec(), b"1700000000000,1\n".repeat(n / 16)].concat()
    }),
    ("columns", Format::Csv, |n| {
        let names = many("ts", |n| format!(",{n}"), "\n1700000000000", n / 2);
        [
            names.clone(),
            b",1".repeat(names.iter().filter(|byte| **byte == b',').count()),
        ]
        .concat()
    }),
    ("columns without names", Format::Csv, |n| {
        [vec![b','; n / 2], b"\n".to_vec(), vec![b','; n / 2]].concat()
    }),
    ("a row that is too long", Format::Csv, |n| {
        [b"ts,v\n".to_vec(), vec![b','; n]].concat()
    }),
    ("quotes", Format::Csv, |n| {
        [b"site\n\"".to_vec(), vec![b'"'; n / 2 * 2], b"\"".to_vec()].concat()
    }),
    ("a quote that is never closed", Format::Csv, |n| {
        [b"a\n\"".to_vec(), vec![b'a'; n]].concat()
    }),
    ("lines", Format::LineProtocol, |n| b"a b=1\n".repeat(n / 6)),
    ("lines of many metrics", Format::LineProtocol, |n| {
        (0..n / 10)
            .flat_map(|n| format!("{n:06} b=1\n").into_bytes())
            .collect()
    }),
    ("fields of a line", Format::LineProtocol, |n| {
        many("m ", |n| format!("{n}=1"), "\n", n)
    }),
    ("tags of a line", Format::LineProtocol, |n| {
        many("m,", |n| format!("{n}=1"), " a=1\n", n)
    }),
    ("long tags of many fields", Format::LineProtocol, |n| {
        let tags: String = (0..5).map(|n| format!(",t{n}={}", "x".repeat(300))).collect();
        many(&format!("m{tags} "), |n| format!("{n}=1"), "\n", n)
    }),
    ("escapes of a line", Format::LineProtocol, |n| {
        format!("{} a=\"{}\"\n", "\\ \\,".repeat(n / 8), "\\\"".repeat(n / 4)).into_bytes()
    }),
    ("comments", Format::LineProtocol, |n| b"#\n".repeat(n / 2)),
    ("nothings", Format::MessagePack, |n| {
        [vec![0xdd], (n as u32).to_be_bytes().to_vec(), vec![0xc0; n]].concat()
    }),
    ("arrays of one", Format::MessagePack, |n| {
        [
            vec![0xdd],
            (n as u32 / 2).to_be_bytes().to_vec(),
            [0x91, 0xc0].repeat(n / 2),
        ]
        .concat()
    }),
    ("maps of one", Format::MessagePack, |n| {
        [
            vec![0xdd],
            (n as u32 / 3).to_be_bytes().to_vec(),
            [0x81, 0xa0, 0xc0].repeat(n / 3),
        ]
        .concat()
    }),
    ("large maps in each other", Format::MessagePack, |n| {
        [[0xde, 0x40, 0x00, 0xa0].repeat(120), vec![0xc0; n]].concat()
    }),
];

/// Half of the bytes in an object, the other half in `readings` within it.
fn around(head: &str, part: &str, tail: &str, element: &str, bytes: usize) -> Vec<u8> {
    let separator = if part.starts_with(',') { "" } else { "," };
    let outer = vec![part; bytes / 2 / (part.len() + 1)].join(separator);
    let inner = vec![element; bytes / 2 / (element.len() + 1)].join(",");
    format!("{{{head}{outer}{tail},\"readings\":[{inner}]}}").into_bytes()
}

/// Bytes of the shorter record.
fn bytes() -> usize {
    if set("INPUTS").is_some() {
        64 << 10
    } else {
        8 << 10
    }
}

#[test]
fn four_times_the_bytes_take_four_times_the_time_whatever_the_shape() {
    let mut slow = Vec::new();
    for (name, format, shape) in SHAPES {
        let opener = opener(*format, Compression::None);
        for (at, mapping) in mappings().iter().enumerate() {
            let plan = plan(&opener, mapping);
            let ratio = || {
                let [short, long] = [bytes(), 4 * bytes()].map(|bytes| time(&plan, &shape(bytes)));
                long.as_secs_f64() / short.as_secs_f64().max(1e-4)
            };
            // The machine may have other work.
            if (0..4).all(|_| ratio() > MOST) {
                slow.push((name, at));
            }
        }
    }
    assert!(slow.is_empty(), "shape and mapping: {slow:?}");
}

fn time(plan: &StreamPlan, payload: &[u8]) -> Duration {
    let begun = clock_gettime(ClockId::ThreadCPUTime);
    applied(plan.clone(), payload.to_vec(), Vec::new());
    let taken = clock_gettime(ClockId::ThreadCPUTime) - begun;
    Duration::new(taken.tv_sec.cast_unsigned(), taken.tv_nsec as u32)
}

#[test]
fn a_decoded_record_takes_a_bounded_multiple_of_its_bytes_whatever_its_shape() {
    let mut large = Vec::new();
    for (name, format, shape) in SHAPES {
        let payload = shape(16 * bytes());
        let opener = opener(*format, Compression::None);
        let (_, held) = memory::peak(|| opener.open(&payload, &[])?.decode().map(|_| ()));
        if held > DECODED_BYTES * payload.len() + DECODED_LEAST {
            large.push((name, held / payload.len()));
        }
    }
    assert!(large.is_empty(), "bytes for each of the record: {large:?}");
}
