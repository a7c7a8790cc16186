//! `transform`: programs in VRL between decoding and mapping.

use super::fuzz::memory;
use super::*;
use crate::data::headers;

fn program(source: &str) -> Program {
    Program::compile(source).unwrap_or_else(|mistakes| panic!("{source}\n{mistakes:?}"))
}

fn with(source: &str) -> StreamPlan {
    StreamPlan {
        program: Some(program(source)),
        ..plan()
    }
}

fn made(source: &str, payload: &str) -> Vec<String> {
    let batch = apply(with(source), &[Some(payload)], vec![]);
    assert_eq!(batch.rejected, [], "{source}\n{payload}");
    lines(&batch)
}

fn failed(source: &str, payload: &str) -> String {
    let mut rejected = apply(with(source), &[Some(payload)], vec![]).rejected;
    let rejected = rejected
        .pop()
        .unwrap_or_else(|| panic!("{source}\n{payload}\nhas points"));
    assert_eq!(rejected.reason, Reason::TransformFailed, "{}", rejected.detail);
    rejected.detail
}

fn mistakes(source: &str) -> String {
    Program::compile(source).expect_err(source).join("\n")
}

const READING: &str =
    r#"{"ts":1700000000000,"site":"north","device":"m7","temperature":212,"vibration":0.25,"raw":"a=1 b=2"}"#;

#[test]
fn a_program_changes_a_record_before_its_mapping() {
    let celsius = "
        .temperature = round((to_float!(.temperature) - 32.0) / 1.8, precision: 1)
        .device = upcase!(.device)
        del(.vibration)
        .vibration = parse_key_value!(.raw).b
        .vibration = to_int!(.vibration)
    ";
    let points = made(celsius, READING);
    assert_eq!(
        points,
        [
            "machines_temperature{device=\"M7\",site=\"north\"} 2023-11-14T22:13:20.000000Z 100",
            "machines_vibration{device=\"M7\",site=\"north\"} 2023-11-14T22:13:20.000000Z 2",
        ]
    );
}

#[test]
fn a_program_gives_several_records() {
    let split = r#"
        common = .
        . = map_values(["a", "b"]) -> |device| { merge(common, { "device": device }) }
    "#;
    let devices = made(split, READING);
    assert_eq!(devices.len(), 4);
    assert!(devices[2].contains(r#"device="b""#), "{devices:?}");
    let unnested = made(
        ". = unnest!(.items)\n. = map_values(.) -> |one| { one.items }",
        r#"{"items":[
            {"ts":1700000000000,"site":"n","device":"1","temperature":1,"vibration":1},
            {"ts":1700000000000,"site":"n","device":"2","temperature":2,"vibration":2}]}"#,
    );
    assert_eq!(unnested.len(), 4);
}

#[test]
fn what_a_program_drops_is_counted() {
    let metrics = Metrics::default();
    for source in ["if .site == \"north\" { abort }", ". = null", ". = []"] {
        let batch = apply_with(with(source), &[Some(READING)], vec![], &metrics);
        assert_eq!((lines(&batch), batch.rejected), (vec![], vec![]), "{source}");
    }
    assert_eq!(
        (skipped(&metrics, "transform"), left_out(&metrics, "transform")),
        (3, 3)
    );
    // The others of its array have points.
    let batch = apply_with(
        with("if .site == \"south\" { abort }"),
        &[Some(&format!(
            "[{READING},{}]",
            READING.replace("north", "south")
        ))],
        vec![],
        &metrics,
    );
    assert_eq!(lines(&batch).len(), 2);
    assert_eq!(
        (skipped(&metrics, "transform"), left_out(&metrics, "transform")),
        (3, 4)
    );
}

#[test]
fn a_program_that_fails_makes_a_dead_letter_that_names_the_place() {
    assert_eq!(
        failed(".a = 1\n.n = to_int!(.site)", READING),
        "transform: line 2, column 6: function call error for \"to_int\": Invalid integer \"north\": invalid digit found in \
         string"
    );
    let inner = failed(".a = round(\n  float!(.temperature))", READING);
    assert!(
        inner.starts_with("transform: line 2, column 3: ") && inner.ends_with("expected float, got integer"),
        "{inner}"
    );
    assert_eq!(
        failed(". = 5", READING),
        "transform: `.` must be an object or an array of objects in the end, and is integer"
    );
    assert_eq!(
        failed(". = [., 5]", READING),
        "transform: an element of `.` must be an object or an array of objects in the end, and is integer"
    );
    // The element of the record, not that of the program.
    let batch = apply(
        with(".n = int!(.temperature)"),
        &[Some(&format!("[{READING},{}]", READING.replace("212", "\"x\"")))],
        vec![],
    );
    assert_eq!((batch.points.len(), batch.rejected[0].element), (0, Some(1)));
}

#[test]
fn mistakes_of_a_program_have_line_and_column_and_say_what_to_do() {
    let told = mistakes(".a = 1\n.b = to_float(.temperature)");
    assert!(told.starts_with("line 2, column 6: "), "{told}");
    assert!(
        told.ends_with("or end the name of the function with `!`, for a dead letter"),
        "{told}"
    );
    let told = mistakes(".a = upcase(5)");
    assert!(told.starts_with("line 1, column 13: "), "{told}");
    let told = mistakes(".a = 1 +\n");
    assert!(told.starts_with("line "), "{told}");
    let told = mistakes(".a = 1\n.b = sha9(.a)\n.c = upcase(1)");
    assert_eq!(told.lines().count(), 2, "{told}");
    let told = mistakes("%key = \"x\"");
    assert!(told.contains("read-only"), "{told}");
    for said in mistakes(&"(".repeat(300)).lines() {
        assert!(said.starts_with("line 1, column "), "{said}");
    }
}

#[test]
fn functions_whose_outcome_a_replay_would_change_are_refused() {
    for (source, why) in [
        (".at = now()", "the time of the record is `%timestamp`"),
        (
            ".x = 1\n.id = uuid_v4()",
            "line 2, column 7: the function `uuid_v4`",
        ),
        ("if true { .n = random_int(1, 5) }", "another value"),
        (
            ".a = [{ \"b\": get_env_var!(\"HOME\") }]",
            "depends on the machine",
        ),
        (".a = dns_lookup!(\"localhost\")", "asks the network"),
        (".a = parse_syslog!(.raw)", "takes the year from the clock"),
        (".a = parse_xml!(.raw)", "no bound on how deep"),
        (".a = flatten(.)", "far more than it is given"),
        (".a = parse_cef!(.raw)", "order of a hash table"),
        ("m = .\n. = unnest!(m.items)", "takes a path of the record"),
        (
            ".a = split!(replace!(.raw, \"a\", \"b\"), \",\")",
            "assign the outcome of `replace` first",
        ),
        (".a = split!(del(.raw), \",\")", "call `del` before the call"),
        ("return {\"v\": 1}", "assign it to `.`, then `return .`"),
        (".a = parse_grok!(.raw, \"%{DATA}\")", "use `parse_regex`"),
        (".a = decode_gzip!(.raw)", "`compression` of the stream"),
        (
            ".a = format_timestamp!(%timestamp, format: \"%H\", timezone: \"local\")",
            "name a zone",
        ),
        ("log(.)", "a line for each record"),
        (".a = map_values({}) -> |v| { now() }", "line 1, column 30"),
        (".a = !is_null(now())", "the function `now`"),
    ] {
        let told = mistakes(source);
        assert!(told.contains(why), "{source}\n{told}");
    }
    assert!(
        failed(
            ".z = \"local\"\n.a = format_timestamp!(%timestamp, format: \"%H\", timezone: .z)",
            READING
        )
        .contains("name a zone")
    );
}

#[test]
fn a_text_is_not_multiplied_and_no_index_is_far() {
    for source in [
        ".a = \"x\" * int!(.temperature)",
        ".a = string!(.site) * 1000",
        "n = int!(.temperature)\n.a, err = .site * n",
        ".a[100000] = 1",
        ".a[1][1][1][1] = 1",
        "a = []\na[-2000000000] = 1",
    ] {
        mistakes(source);
    }
    let numbers = "
        .a = int!(.temperature) * int!(.temperature)
        .b = to_float!(.temperature) * 1.5 * 1.2
        .c = (int!(.temperature) - 32) * length(array!([1,2]))
        .vibration = float!(.vibration) * 1000
    ";
    assert_eq!(made(numbers, READING).len(), 2);
    mistakes(&format!("{}= 1", ".a".repeat(1_000)));
    assert_eq!(
        made("if .site == \"north\" { return . }\nabort", READING).len(),
        2
    );
}

/// Memory that a program may take beside its record, of some hundred bytes.
const HELD_MAX: usize = 128 << 20;

#[test]
fn no_program_takes_time_or_memory_without_bound() {
    let many = r#"range!(0, 100000)"#;
    let doubled = ["s = s + s"; 60].join("\n");
    for source in [
        // Steps.
        format!("n = 0\nfor_each({many}) -> |_i, a| {{ for_each({many}) -> |_j, b| {{ n = a + b }} }}"),
        // Texts and objects that grow twofold.
        format!("s = \"x\"\nfor_each({many}) -> |_i, _v| {{ s = s + s }}"),
        format!("s = \"x\"\n{doubled}"),
        format!("x = {{}}\nfor_each({many}) -> |_i, _v| {{ x = {{ \"a\": x, \"b\": x }} }}"),
        format!(".x = {{}}\nfor_each({many}) -> |_i, _v| {{ .x = [.x, .x] }}"),
        // Nested ever deeper.
        format!("x = {{}}\nfor_each({many}) -> |_i, _v| {{ x = {{ \"a\": x }} }}"),
        format!("x = []\nfor_each({many}) -> |_i, _v| {{ x = [x] }}"),
        format!("for_each({many}) -> |_i, _v| {{ .a = . }}"),
        // Calls that give more than they are given.
        format!("s = join!(map_values({many}) -> |_v| {{ \"aaaaaaaa\" }})\n.a = replace(s, \"a\", s)"),
        format!("s = join!(map_values({many}) -> |_v| {{ \"aaaaaaaa\" }})\n.a = join!({many}, s)"),
        "s = join!(map_values(range!(0, 90000)) -> |_v| { \"aaaaaaaa\" })\n.a = split(s, r'a.*z|a')".to_owned(),
        format!(".xs = {many}\n.ys = unnest!(.xs)"),
        ".a = set!({}, [1000000000], 1)".to_owned(),
        ".a = format_number(1.5, scale: 1000000000)".to_owned(),
        "p = map_values(range!(0, 90000)) -> |_v| { \"a\" }\n.a = set!({}, p, 1)".to_owned(),
        "x = {}\nfor_each(range!(0, 100000)) -> |_i, _v| { x = set!({}, [0, 0, 0, 0], x) }".to_owned(),
        ".items = map_values(range!(0, 500)) -> |_v| { 1 }\n.o = map_values(range!(0, 2500)) -> |_v| { { \"a\": 1 } }\n\
         . = unnest!(.items)"
            .to_owned(),
    ] {
        let plan = with(&source);
        let (said, held) = memory::peak(|| {
            let mut rejected = apply(plan, &[Some(READING)], vec![]).rejected;
            rejected.pop().map(|dead| dead.detail)
        });
        let said = said.unwrap_or_else(|| panic!("{source}\nhas an outcome"));
        assert!(
            said.contains("it took more") || said.contains("too much"),
            "{source}\n{said}"
        );
        assert!(held < HELD_MAX, "{source}\nheld {held} bytes");
    }
}

#[test]
fn programs_see_values_as_they_are_and_leave_those_they_do_not_touch() {
    let of = |source: &str, payload: &str| made(source, payload).join("\n");
    let big = READING.replace("212", "18446744073709551616");
    assert!(of("", &big).contains(" 18446744073709552000"));
    // What the mapping does not use is no matter.
    let odd = READING.replace("\"raw\":\"a=1 b=2\"", "\"raw\":NaN,\"other\":1e999");
    assert_eq!(of("del(.other)", &odd), of("", READING));
    let dated = READING.replace("1700000000000", "\"2023-11-14T22:13:20Z\"");
    let untouched = of("", &dated);
    assert_eq!(of(".ts = parse_timestamp!(.ts, \"%+\")", &dated), untouched);
    // A text without a zone is UTC, wherever the program runs.
    assert_eq!(
        of(
            ".ts = parse_timestamp!(\"2023-11-14 22:13:20\", \"%F %T\")",
            &dated
        ),
        untouched
    );
    assert!(failed(".temperature = string!(.temperature)", READING).starts_with("transform: line 1"));
}

#[test]
fn programs_read_key_headers_partition_and_time_of_the_record() {
    let header = Header {
        name: "tenant".into(),
        value: b"acme".to_vec(),
    };
    let source = "
        .site = %headers.tenant
        .device = to_string(%partition)
        .ts = %timestamp
        if %key == null { .vibration = 7 }
    ";
    let batch = apply(with(source), &[Some(READING)], vec![header]);
    assert_eq!(batch.rejected, []);
    assert_eq!(
        lines(&batch)[1],
        "machines_vibration{device=\"0\",site=\"acme\"} 2023-11-14T22:13:20.000000Z 7"
    );
}

#[test]
fn points_that_streamsync_wrote_go_through_no_program() {
    let own = Header {
        name: headers::POINTS.into(),
        value: b"machines".to_vec(),
    };
    let payload = r#"{"metric":"m","labels":{},"ts":1700000000000,"value":1}"#;
    let batch = apply(with("abort"), &[Some(payload)], vec![own]);
    assert_eq!(lines(&batch), ["m{} 2023-11-14T22:13:20.000000Z 1"]);
}

/// Whatever a text holds, no function of VRL brings the process down with it.
#[test]
fn hostile_texts_bring_no_function_down() {
    let nested = |open: &str, n: usize| open.repeat(n);
    let texts = [
        nested("<a>", 30_000),
        nested("[", 100_000),
        nested("{\"a\":", 20_000),
        nested("{:a=>", 20_000),
        nested("a.", 50_000),
        nested("((", 50_000),
        nested("- ", 50_000),
        format!("{}&x [*x,*x]", nested("&a [", 500)),
        "\u{0}\u{1f600}%%%\\\"=,;:&?/".repeat(1_000),
        "9".repeat(100_000),
        String::new(),
    ];
    let skipped = ["assert", "assert_eq"];
    let dotted = "a.".repeat(200);
    let deep = (0..100).fold("1".to_owned(), |inner, _| format!("{{\"{dotted}\":{inner}}}"));
    let wide: String = (0..3_000).map(|n| format!(",\"{n}\":0")).collect();
    let objects = [
        deep,
        format!("{{\"{}\":{{\"x\":1{wide}}}}}", "k".repeat(50_000)),
        format!("[{{\"a\":1}}{}]", ",{\"a\":1}".repeat(5_000)),
        format!(
            "{{\"a\":{{}}{}}}",
            (0..5_000).map(|n| format!(",\"a{n}\":{{}}")).collect::<String>()
        ),
    ];
    let texts = texts.iter().map(|text| serde_json::json!(text).to_string());
    let values: Vec<String> = texts.chain(objects).collect();
    for function in vrl::stdlib::all() {
        let name = function.identifier();
        if skipped.contains(&name) || function.closure().is_some() {
            continue;
        }
        // Those that one value alone is given to.
        let given = ["string!(.value)", "object!(.value)", "array!(.value)"];
        for given in given {
            let calls = ["!", ""].map(|end| format!(".out = {name}{end}({given})"));
            let Some(program) = calls.iter().find_map(|call| Program::compile(call).ok()) else {
                continue;
            };
            let plan = StreamPlan {
                program: Some(program),
                ..plan()
            };
            for value in &values {
                let payload = format!("{{\"value\":{value}}}");
                let (_, held) = memory::peak(|| apply(plan.clone(), &[Some(&payload)], vec![]));
                assert!(held < HELD_MAX, "{name} held {held} bytes");
            }
        }
    }
}
