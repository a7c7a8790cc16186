//! One rule for a number wherever it stands: as a value, a label, a time, or where nobody reads it.

use super::*;

fn detail(payload: &str) -> String {
    let batch = apply(plan(), &[Some(payload)], vec![]);
    assert_eq!(batch.points, [], "{payload}");
    batch.rejected[0].detail.clone()
}

/// `text` wherever a number can stand as a value: by itself, in an array, by the mapping.
fn as_values(text: &str) -> [String; 3] {
    [
        format!(r#"{{"metric":"m","ts":1700000000000,"value":{text}}}"#),
        format!(r#"[{{"metric":"m","ts":1700000000000,"value":{text}}}]"#),
        format!(r#"{{"ts":1700000000000,"site":"b","device":"d","temperature":{text},"vibration":1}}"#),
    ]
}

#[test]
fn an_integer_beyond_two_to_the_53_is_refused_at_any_length_wherever_a_value_stands() {
    for text in [
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-18446744073709551616",
        "123456789012345678901",
        &"9".repeat(400),
    ] {
        for payload in as_values(text) {
            let batch = apply(plan(), &[Some(&payload)], vec![]);
            assert_eq!(batch.rejected[0].reason, Reason::WrongType, "{payload}");
            assert!(batch.rejected[0].detail.contains("beyond 2^53"), "{payload}");
        }
    }
}

#[test]
fn a_number_with_a_fraction_or_an_exponent_is_the_nearest_float_wherever_a_value_stands() {
    for (text, value) in [
        ("1E2", 100.0),
        ("100.0", 100.0),
        ("1e20", 1e20),
        ("1.8446744073709552e19", 18_446_744_073_709_551_616.0),
        ("9007199254740992", 9_007_199_254_740_992.0),
        ("-0", 0.0),
        ("-0.0", 0.0),
        ("1e-400", 0.0),
    ] {
        for payload in as_values(text) {
            let batch = apply(plan(), &[Some(&payload)], vec![]);
            let bits = batch.points[0].value.to_bits();
            assert_eq!(bits, f64::to_bits(value), "{payload}");
        }
    }
    for text in ["1e400", "-1e400", "NaN", "Infinity", "-Infinity"] {
        for payload in as_values(text) {
            let batch = apply(plan(), &[Some(&payload)], vec![]);
            assert_eq!(batch.rejected[0].reason, Reason::NotFinite, "{payload}");
            let detail = &batch.rejected[0].detail;
            assert!(
                detail.contains("'value'") || detail.contains("'temperature'"),
                "{detail}"
            );
        }
    }
}

#[test]
fn a_number_as_a_label_keeps_all_its_digits_or_is_refused() {
    let own =
        |label: &str| format!(r#"{{"metric":"m","labels":{{"id":{label}}},"ts":1700000000000,"value":1}}"#);
    for (text, label) in [
        ("7", "7"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1E2", "100"),
        ("1.10", "1.1"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551616", "18446744073709551616"),
        ("-12345678901234567890123", "-12345678901234567890123"),
    ] {
        let expected = format!(r#"m{{id="{label}"}} 2023-11-14T22:13:20.000000Z 1"#);
        assert_eq!(points(&own(text)), [expected]);
    }
    assert_eq!(
        refused(plan(), &own("9007199254740993.0")),
        (Reason::WrongType, None)
    );
    assert_eq!(refused(plan(), &own("1e400")), (Reason::NotFinite, None));
    assert!(detail(&own("NaN")).contains("'id'"));
}

#[test]
fn a_number_as_a_time_is_exact_or_refused_and_the_refusal_shows_it() {
    let at = |ts: &str| format!(r#"{{"metric":"m","ts":{ts},"value":1}}"#);
    for ts in ["1.7E12", "1700000000000.0", "1700000000000", "17000000000000e-1"] {
        assert_eq!(points(&at(ts)), ["m{} 2023-11-14T22:13:20.000000Z 1"], "{ts}");
    }
    for ts in ["18446744073709551616", "123456789012345678901", "1e400", "NaN"] {
        assert_eq!(refused(plan(), &at(ts)), (Reason::BadTimestamp, None), "{ts}");
    }
    let told = detail(&at(r#""2026-11-28T17:44:05""#));
    for part in ["'ts'", "2026-11-28T17:44:05'", "milliseconds", "time zone"] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn what_no_mapping_reads_may_be_any_number() {
    for odd in ["NaN", "1e400", "-Infinity", "123456789012345678901"] {
        let payload = format!(
            r#"{{"ts":1700000000000,"site":"b","device":"d","temperature":1,"vibration":2,"odd":[{odd},{{"x":{odd}}}]}}"#
        );
        assert_eq!(points(&payload).len(), 2, "{payload}");
    }
    let deep = format!(
        r#"{{"ts":1700000000000,"site":"b","device":"d","temperature":1,"vibration":2,"odd":{}{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    assert_eq!(refused(plan(), &deep), (Reason::TooDeep, None));
}

#[test]
fn an_integer_that_is_to_be_rounded_and_is_beyond_any_float_is_not_finite() {
    let mut plan = plan();
    plan.mapping.values = vec![ValueField {
        number: Number::Round,
        ..ValueField::field("v")
    }];
    plan.mapping.labels = Vec::new();
    let payload = |digits: &str| format!(r#"{{"ts":1700000000000,"v":{digits}}}"#);
    let batch = apply(plan.clone(), &[Some(&payload(&"9".repeat(300)))], vec![]);
    assert_eq!(batch.points[0].value, 1e300);
    for digits in [
        "9".repeat(400),
        format!("-{}", "9".repeat(400)),
        format!("\"{}\"", "9".repeat(400)),
    ] {
        let batch = apply(plan.clone(), &[Some(&payload(&digits))], vec![]);
        assert_eq!(batch.rejected[0].reason, Reason::NotFinite);
    }
}
