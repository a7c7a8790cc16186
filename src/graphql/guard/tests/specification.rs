//! What async-graphql takes less exactly than the specification.

use super::*;

const BAD: &str = "BAD_USER_INPUT";
const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";

#[test]
fn a_variable_that_may_not_be_null_is_refused_when_it_is_or_is_missing() {
    for (variable, field) in [
        ("String!", "text(of: $v)"),
        ("String!", "sure(of: $v)"),
        ("Int!", "number(of: $v)"),
        ("[Int]!", "list(of: $v)"),
        ("[Step!]!", "walk(steps: $v)"),
        ("Step!", "walk(steps: [$v])"),
        ("Way!", "walk(steps: [{way: $v}])"),
        ("Boolean!", "number @include(if: $v)"),
        ("Boolean!", "inner { a ...F @skip(if: $v) }"),
    ] {
        let fragment = if field.contains("...F") {
            "fragment F on Inner { b }"
        } else {
            ""
        };
        let query = format!("query($v: {variable}) {{ {field} }} {fragment}");
        assert_eq!(answer(&query, json!({"v": null})), BAD, "{query}");
        assert_eq!(answer(&query, json!({})), BAD, "{query}");
    }
    for (variable, value) in [
        ("[Int!]!", json!([1, null])),
        ("[Int!]", json!([null])),
        ("Int", json!("1")),
        ("Int", json!(1.5)),
        ("Int", json!(2_147_483_648_i64)),
        ("Int", json!(true)),
        ("Int", json!({})),
    ] {
        let query = format!("query($v: {variable}) {{ list(of: $v) }}");
        // `Int` cannot stand where a list is expected.
        let code = if variable == "Int" { INVALID } else { BAD };
        assert_eq!(answer(&query, json!({ "v": value })), code, "{query} {value}");
    }
    for (of, value) in [
        ("Step", json!({"far": null})),
        ("Step", json!({"far": "7"})),
        ("Step", json!({"fear": 7})),
        ("Step", json!({"marks": [1, null]})),
        ("Step", json!({"way": "LEFT"})),
        ("Step", json!("up")),
        ("Step", json!([null])),
    ] {
        let query = format!("query($v: [{of}!]!) {{ walk(steps: $v) }}");
        assert_eq!(answer(&query, json!({ "v": value })), BAD, "{value}");
    }
    for (field, value) in [
        ("text(of: $v)", json!(1)),
        ("text(of: $v)", json!({})),
        ("text(of: $v)", json!(["a"])),
    ] {
        assert_eq!(
            answer(&format!("query($v: String) {{ {field} }}"), json!({ "v": value })),
            BAD
        );
    }
    assert_eq!(
        answer(
            "query($v: Boolean!) { inner { a @include(if: $v) } }",
            json!({"v": "true"})
        ),
        BAD
    );
}

#[test]
fn values_are_coerced_as_the_specification_says() {
    let list = |shown: &str| json!({"list": shown});
    for (variable, field, value, expected) in [
        ("Int!", "number(of: $v)", json!(5.0), json!({"number": 5})),
        ("Float!", "real(of: $v)", json!(5), json!({"real": 5.0})),
        ("ID!", "id(of: $v)", json!(5), json!({"id": "5"})),
        ("[Int]", "list(of: $v)", json!(5), list("Some([Some(5)])")),
        ("[Int]", "list(of: $v)", json!(null), list("None")),
        // A list that is not null fits where one may be null.
        ("[Int!]!", "list(of: $v)", json!([5]), list("Some([Some(5)])")),
        (
            "Int",
            "list(of: [1, $v])",
            json!(null),
            list("Some([Some(1), None])"),
        ),
        (
            "Step!",
            "walk(steps: [$v])",
            json!({"way": "UP"}),
            json!({"walk": "up 7 None None;"}),
        ),
        (
            "[Step!]!",
            "walk(steps: $v)",
            json!({"marks": 1}),
            json!({"walk": "down 7 None Some([1]);"}),
        ),
        (
            "Way!",
            "walk(steps: [{way: $v, far: 1}])",
            json!("UP"),
            json!({"walk": "up 1 None None;"}),
        ),
    ] {
        let query = format!("query($v: {variable}) {{ {field} }}");
        assert_eq!(
            answer(&query, json!({ "v": value, "unknown": {"a b": [null]} })),
            expected,
            "{query}"
        );
    }
}

#[test]
fn defaults_of_variables_hold_everywhere() {
    let all = json!({"inner": {"a": 1, "b": 2}});
    let only_a = json!({"inner": {"a": 1}});
    for (query, expected) in [
        (
            "query($i: Boolean = true) { inner { a b @include(if: $i) } }",
            &all,
        ),
        (
            "query($i: Boolean! = false) { inner { a b @include(if: $i) } }",
            &only_a,
        ),
        (
            "query($i: Boolean = true) { inner { a b @skip(if: $i) } }",
            &only_a,
        ),
        (
            "query($i: Boolean = true) { inner { a ...F @include(if: $i) } } fragment F on Inner { b }",
            &all,
        ),
        (
            "query($i: Boolean = true) { inner { ...F } } fragment F on Inner { a b @include(if: $i) }",
            &all,
        ),
        (
            "query($i: Boolean = true) { inner { a ... @skip(if: $i) { b } } }",
            &only_a,
        ),
    ] {
        assert_eq!(answer(query, json!({})), *expected, "{query}");
    }
    assert_eq!(
        answer("query($n: Int = 9) { number(of: $n) }", json!({})),
        json!({"number": 9})
    );
    assert_eq!(
        answer("query($n: Int = 9) { number(of: $n) }", json!({"n": null})),
        BAD
    );
    assert_eq!(
        answer("query($n: String = \"x\") { text(of: $n) }", json!({"n": null})),
        json!({"text": "None"})
    );
    assert_eq!(
        answer(
            "query($i: Boolean = true) { inner { a @include(if: $i) } }",
            json!({"i": null})
        ),
        BAD
    );
    let ticks = heard(
        "subscription($n: Int = 5, $i: Boolean = false) { tick(from: $n) { a b @include(if: $i) } }",
        json!({}),
    );
    assert_eq!(ticks[0], json!({"data": {"tick": {"a": 5}}}));
}

#[test]
fn what_is_left_out_leaves_the_defaults_of_the_schema() {
    let query = "query($n: Int, $w: Way, $t: String) {
        number(of: $n) walk(steps: [{way: $w, far: $n, note: $t}]) text(of: $t) }";
    let defaults = json!({"number": 3, "walk": "down 7 None None;", "text": "None"});
    assert_eq!(answer(query, json!({})), defaults);
    let given = json!({"number": 4, "walk": "up 4 Some(\"x\") None;", "text": "Some(\"x\")"});
    assert_eq!(answer(query, json!({"n": 4, "w": "UP", "t": "x"})), given);
    // Null was asked for, and may not stand there.
    assert_eq!(answer(query, json!({"n": null})), BAD);
    // In a fragment that another operation uses too.
    let two = "query A($n: Int) { ...F } query B($n: Int!) { ...F } fragment F on Query { number(of: $n) }";
    let named = |name: &str, variables: Value| {
        let request = Request::new(two)
            .data(Viewer::everyone())
            .operation_name(name)
            .variables(Variables::from_json(variables));
        let response = api().execute(request).now_or_never().unwrap();
        serde_json::to_value(response).unwrap()
    };
    assert_eq!(named("A", json!({})), json!({"data": {"number": 3}}));
    assert_eq!(named("B", json!({"n": 8})), json!({"data": {"number": 8}}));
}

#[test]
fn the_rules_for_variables_hold() {
    for (query, words) in [
        ("query($a: Int, $a: Int) { number(of: $a) }", "two variables"),
        ("query($a: Nope) { number(of: $a) }", "unknown type"),
        // async-graphql panics for it.
        ("query($a: [Nope] = [1]) { list(of: $a) }", "unknown type"),
        ("query($a: Inner) { number(of: $a) }", "output type"),
        ("query($a: Int = \"x\") { number(of: $a) }", "default of variable"),
        ("query($a: Int! = null) { number(of: $a) }", "default of variable"),
        (
            "query($a: Int @skip(if: true)) { number(of: $a) }",
            "cannot stand",
        ),
        ("query($a: Int) { number }", "not used"),
        ("{ number(of: $a) }", "not defined"),
        ("query($a: String) { number(of: $a) }", "is expected"),
        ("query($a: Int) { real(of: $a) }", "is expected"),
        ("query($a: String) { sure(of: $a) }", "is expected"),
        ("query($a: [Int]) { list(of: [$a]) }", "is expected"),
        ("query($a: Boolean) { number @skip(if: $a) }", "is expected"),
        ("query($a: Way) { walk(steps: [{far: $a}]) }", "is expected"),
        (
            "query A($a: Int) { number(of: $a) } query B($b: Nope) { number(of: $b) }",
            "unknown type",
        ),
    ] {
        let response = ask(query, json!({"a": 1}));
        let message = response["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{query}: {response}");
        assert_eq!(response["errors"][0]["extensions"]["code"], INVALID);
    }
}

#[test]
fn a_subscription_is_gathered_through_fragments() {
    let expected = vec![
        json!({"data": {"tick": {"a": 1, "b": 2}}}),
        json!({"data": {"tick": {"a": 3, "b": 0}}}),
    ];
    for query in [
        "subscription { tick { a b } }",
        "subscription { ...F } fragment F on Subscription { tick { a b } }",
        "subscription { ... on Subscription { tick { a b } } }",
        "subscription { ... { ... { tick { a ...G } } } } fragment G on Inner { b }",
        "subscription { ...F ...G } fragment F on Subscription { tick { a } } fragment G on Subscription { ...H } fragment H on Subscription { tick { b } }",
        "subscription { tick { a } tick { b } }",
        "subscription { tick(from: 1) { a } ... { tick(from: 1) { b } } }",
    ] {
        let query = query.replace("Subscription ", "Ticks ");
        assert_eq!(heard(&query, json!({})), expected, "{query}");
    }
}

#[test]
fn a_subscription_has_one_field_at_its_root() {
    for query in [
        "subscription { tick { a } tock }",
        "subscription { a: tock b: tock }",
        "subscription { tick(from: 1) { a } tick(from: 2) { a } }",
        "subscription { tock ...F } fragment F on Ticks { tick { a } }",
        "subscription { __typename }",
        "subscription { ... { __typename } }",
        "subscription { tock __typename }",
        "subscription { tock @include(if: true) }",
        "subscription($v: Boolean = true) { tock @skip(if: $v) }",
        "subscription { ... @include(if: true) { tock } }",
        "subscription { ...F @skip(if: false) } fragment F on Ticks { tock }",
        "subscription { ...F } fragment F on Query { tock }",
        "subscription { ...F } fragment F on Ticks @nope { tock }",
        "subscription { ...Nope }",
        "query A { number } subscription B { a: tock b: tock }",
    ] {
        let mut request = Request::new(query).data(Viewer::everyone());
        request.operation_name = query.starts_with("query").then(|| "A".to_owned());
        let responses = api()
            .execute_stream(request, None)
            .collect::<Vec<_>>()
            .now_or_never()
            .unwrap();
        let responses = serde_json::to_value(responses).unwrap();
        assert_eq!(
            responses[0]["errors"][0]["extensions"]["code"], INVALID,
            "{query}: {responses}"
        );
        assert_eq!(responses[0]["data"], Value::Null);
        assert_eq!(responses.as_array().unwrap().len(), 1);
    }
}

#[test]
fn what_answers_under_one_name_is_one_field_however_deep() {
    for query in [
        "{ inner { x: a } inner { x: b } }",
        "{ inner { a } ...F } fragment F on Query { inner { ... { a: b } } }",
        "{ i: inner { ...F } ... { i: inner { ...G } } } fragment F on Inner { x: a } fragment G on Inner { x: b }",
        "{ number(of: 1) ... { number(of: 2) } }",
        "subscription { tick { x: a } tick { x: b } }",
    ] {
        let refused = heard(query, json!({}));
        assert_eq!(refused[0]["errors"][0]["extensions"]["code"], INVALID, "{query}");
    }
    let fine = "{ inner { x: a } ...F ...F } fragment F on Query { inner { x: a y: b } }";
    assert_eq!(answer(fine, json!({})), json!({"inner": {"x": 1, "y": 2}}));
}

#[test]
fn strings_may_have_any_character_by_its_code() {
    for (literal, text) in [
        (r#""\ud83d\ude00""#, "\u{1f600}"),
        (r#""\u{1F600}\u{61}\uD83D\uDE00b""#, "\u{1f600}a\u{1f600}b"),
        (r#""\u{22}\u{5c}\u{0a}\u0022""#, "\"\\\n\""),
        (r#""\u{00000041}""#, "A"),
        (r#""\\ud83d""#, "\\ud83d"),
        (r#""""\ud83d""""#, "\\ud83d"),
        ("\"\u{1f600}\"", "\u{1f600}"),
    ] {
        assert_eq!(
            answer(&format!("{{ sure(of: {literal}) }}"), json!({})),
            json!({"sure": text}),
            "{literal}"
        );
    }
    for literal in [
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ude00\ud83d""#,
        r#""\ud83d\u0061""#,
        r#""\ud83d\n""#,
        r#""\u{D83D}""#,
        r#""\u{110000}""#,
        r#""\u{}""#,
        r#""\u{1F600""#,
        r#""\u{+41}""#,
        r#""\u12""#,
        r#""\u{123456789}""#,
    ] {
        assert_eq!(
            answer(&format!("{{ sure(of: {literal}) }}"), json!({})),
            INVALID,
            "{literal}"
        );
    }
    // What follows stands where it stood.
    let response = ask("{ a: sure(of: \"\\ud83d\\ude00\\u{1F600}\") nope }", json!({}));
    assert_eq!(
        response["errors"][0]["locations"],
        json!([{"line": 1, "column": 40}])
    );
}

#[test]
fn errors_are_few_and_short() {
    let fields: String = (0..3_000).map(|n| format!("x{n} ")).collect();
    let response = ask(&format!("{{ {fields} }}"), json!({}));
    assert!(response["errors"].as_array().unwrap().len() <= ERRORS_MAX);
    let long = "x".repeat(60_000);
    let response = ask(&format!("{{ number(of: \"{long}\") }}"), json!({}));
    assert!(response.to_string().len() < 2 * MESSAGE_MAX);
}

#[test]
fn what_tools_ask_of_the_schema_is_answered_and_not_more() {
    let types = Types::of(&crate::graphql::sdl());
    let check = |query: &str| {
        let checked = Checked::of(Request::new(query)).unwrap();
        checked
            .data(Viewer::everyone())
            .into_request(&types, None)
            .is_ok()
    };
    let all = include_str!("introspection.graphql");
    let document = Checked::of(Request::new(all)).unwrap().document;
    let (_, operation) = document.operations.iter().next().unwrap();
    let count = roots::introspected(&document, &operation.node, &types);
    // Room for a schema that grows.
    assert!(count < INTROSPECTED_MAX / 2, "{count}");
    assert!(check(all));
    assert!(check(
        "{ __type(name: \"Query\") { fields { type { ofType { fields { name type { name } } } } } } }"
    ));
    let nested = |n: usize| {
        let (open, close) = ("{ fields { type ".repeat(n), "} }".repeat(n));
        format!("{{ __schema {{ types {open}{{ name {close}}} }} }}")
    };
    assert!(check(&nested(1)));
    assert!(!check(&nested(4)));
    let wide: String = (0..200)
        .map(|n| format!("a{n}: fields {{ args {{ name }} name }} "))
        .collect();
    assert!(!check(&format!("{{ __schema {{ types {{ {wide} }} }} }}")));
    let twice = "{ __schema { types { ...T } } } fragment T on __Type { fields { type { ...U } } } fragment U on __Type { fields { type { fields { name } } } }";
    assert!(!check(twice));
}
