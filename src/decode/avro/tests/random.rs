//! Random schemas with datums of them, and random bytes.

use serde_json::{Value as Json, json};

use super::*;
use crate::data::Micros;

fn schemas() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            json!("null"),
            json!("boolean"),
            json!("int"),
            json!("long"),
            json!("float"),
            json!("double"),
            json!("bytes"),
            json!("string"),
            json!({"type": "long", "logicalType": "timestamp-micros"}),
            json!({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),
        ]),
        (0..5_usize).prop_map(|size| json!({"type": "fixed", "size": size})),
        (1..4_usize).prop_map(|count| json!({"type": "enum", "symbols": (0..count).map(|n| format!("S{n}")).collect::<Vec<_>>()})),
    ];
    let schema = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|items| json!({"type": "array", "items": items})),
            inner
                .clone()
                .prop_map(|values| json!({"type": "map", "values": values})),
            prop::collection::vec(
                inner.clone().prop_filter("no union", |branch| !branch.is_array()),
                1..4
            )
            .prop_map(Json::Array),
            prop::collection::vec(inner, 0..4).prop_map(|types| {
                let fields = types.into_iter().enumerate();
                let fields = fields.map(|(n, kind)| json!({"name": format!("f{n}"), "type": kind}));
                json!({"type": "record", "fields": fields.collect::<Vec<_>>()})
            }),
        ]
    });
    schema.prop_map(|mut schema| {
        name(&mut schema, &mut 0);
        schema
    })
}

/// Gives each named type a name of its own.
fn name(json: &mut Json, count: &mut usize) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| name(item, count)),
        Json::Object(attributes) => {
            attributes.values_mut().for_each(|value| name(value, count));
            if matches!(
                attributes.get("type").and_then(Json::as_str),
                Some("record" | "fixed" | "enum")
            ) {
                *count += 1;
                attributes.insert("name".to_owned(), format!("T{count}").into());
            }
        }
        _ => {}
    }
}

type Datum = (Vec<u8>, Value<'static>);

pub(super) fn long(number: i64) -> Vec<u8> {
    let mut bits = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while bits > 0x7f {
        bytes.push((bits & 0x7f) as u8 | 0x80);
        bits >>= 7;
    }
    bytes.push(bits as u8);
    bytes
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [&long(bytes.len() as i64)[..], bytes].concat()
}

fn datums(schema: &Json) -> BoxedStrategy<Datum> {
    match schema {
        Json::Array(branches) => {
            let branches: Vec<_> = branches.iter().map(datums).enumerate().collect();
            prop::sample::select((0..branches.len()).collect::<Vec<_>>())
                .prop_flat_map(move |chosen| {
                    branches[chosen].1.clone().prop_map(move |datum| (chosen, datum))
                })
                .prop_map(|(chosen, (bytes, value))| ([long(chosen as i64), bytes].concat(), value))
                .boxed()
        }
        Json::Object(attributes) => match attributes["type"].as_str().expect("a type") {
            "array" => prop::collection::vec(blocked(datums(&attributes["items"])), 0..4)
                .prop_map(|blocks| {
                    let (bytes, values): (Vec<_>, Vec<_>) = blocks.into_iter().unzip();
                    ([bytes.concat(), long(0)].concat(), Value::List(values.concat()))
                })
                .boxed(),
            "map" => prop::collection::vec(("[a-z]{0,3}", datums(&attributes["values"])), 1..4)
                .prop_map(|entries| {
                    let mut bytes = long(entries.len() as i64);
                    let mut fields = Vec::new();
                    for (name, (datum, value)) in entries {
                        bytes.extend([prefixed(name.as_bytes()), datum].concat());
                        fields.push((name.into(), value));
                    }
                    bytes.push(0);
                    (bytes, Value::Object(Object(fields)))
                })
                .boxed(),
            "record" => {
                let fields = attributes["fields"].as_array().expect("fields");
                let names: Vec<String> = (0..fields.len()).map(|n| format!("f{n}")).collect();
                let datums: Vec<_> = fields.iter().map(|field| datums(&field["type"])).collect();
                datums
                    .prop_map(move |datums| {
                        let (bytes, values): (Vec<_>, Vec<_>) = datums.into_iter().unzip();
                        let names = names.iter().map(|name| name.clone().into());
                        (bytes.concat(), Value::Object(Object(names.zip(values).collect())))
                    })
                    .boxed()
            }
            "enum" => (0..attributes["symbols"].as_array().expect("symbols").len())
                .prop_map(|n| (long(n as i64), Value::Text(format!("S{n}").into())))
                .boxed(),
            "fixed" => {
                let size = attributes["size"].as_u64().expect("a size") as usize;
                prop::collection::vec(any::<u8>(), size)
                    .prop_map(|bytes| (bytes.clone(), Value::Bytes(bytes.into())))
                    .boxed()
            }
            "long" => any::<i64>()
                .prop_map(|n| (long(n), Value::Time(Micros(n))))
                .boxed(),
            _ => any::<i32>()
                .prop_map(|n| {
                    let text = format!(
                        "{}{}.{:02}",
                        if n < 0 { "-" } else { "" },
                        (n / 100).abs(),
                        (n % 100).abs()
                    );
                    let value = match n % 100 {
                        0 => Value::Int((n / 100).into()),
                        _ => Value::Untyped(text.trim_end_matches('0').to_owned().into()),
                    };
                    (prefixed(&n.to_be_bytes()), value)
                })
                .boxed(),
        },
        Json::String(primitive) => match primitive.as_str() {
            "null" => Just((Vec::new(), Value::Null)).boxed(),
            "boolean" => any::<bool>()
                .prop_map(|b| (vec![b.into()], Value::Bool(b)))
                .boxed(),
            "int" => any::<i32>()
                .prop_map(|n| (long(n.into()), Value::Int(n.into())))
                .boxed(),
            "long" => any::<i64>().prop_map(|n| (long(n), Value::Int(n))).boxed(),
            "float" => any::<f32>()
                .prop_map(|n| (n.to_le_bytes().to_vec(), Value::Float(n.into())))
                .boxed(),
            "double" => any::<f64>()
                .prop_map(|n| (n.to_le_bytes().to_vec(), Value::Float(n)))
                .boxed(),
            "bytes" => any::<Vec<u8>>()
                .prop_map(|bytes| (prefixed(&bytes), Value::Bytes(bytes.into())))
                .boxed(),
            _ => any::<String>()
                .prop_map(|text| (prefixed(text.as_bytes()), Value::Text(text.into())))
                .boxed(),
        },
        other => panic!("{other}"),
    }
}

/// A block of one to three items, which says its size or not.
fn blocked(items: BoxedStrategy<Datum>) -> impl Strategy<Value = (Vec<u8>, Vec<Value<'static>>)> {
    (prop::collection::vec(items, 1..4), any::<bool>()).prop_map(|(items, says_size)| {
        let (bytes, values): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let count = values.len() as i64;
        let bytes = match says_size {
            true => [long(-count), prefixed(&bytes.concat())].concat(),
            false => [long(count), bytes.concat()].concat(),
        };
        (bytes, values)
    })
}

fn schema_and_datum() -> impl Strategy<Value = (Json, Datum)> {
    schemas().prop_flat_map(|schema| {
        let datum = datums(&schema);
        (Just(schema), datum)
    })
}

fn count(value: &Value<'_>) -> usize {
    match value {
        Value::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(Object(fields)) => 1 + fields.iter().map(|(_, value)| count(value)).sum::<usize>(),
        _ => 1,
    }
}

proptest! {
    #[test]
    fn a_datum_of_any_schema_is_read_as_it_was_written((json, (bytes, value)) in schema_and_datum()) {
        let read = schema(&json.to_string());
        prop_assert_eq!(read.decode(&bytes), Ok(value));
    }

    #[test]
    fn any_bytes_become_a_bounded_value_or_an_error(json in schemas(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = schema(&json.to_string()).decode(&bytes) {
            prop_assert!(count(&value) <= 2 * bytes.len() + SPARE + 1);
        }
    }

    #[test]
    fn any_text_is_a_schema_or_a_mistake(text in "[\\[\\]{}\":,a-z0-9 ]{0,60}") {
        let _ = Schema::parse(&super::text(&text));
    }
}
