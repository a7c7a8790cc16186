//! Documents that are too large, too deep or would be read too often.

use super::*;

#[test]
fn a1_what_nests_deeper_than_a_stack_is_refused() {
    for levels in [65, 600, 2_000, 20_000] {
        let nested = |open: &str, close: &str| format!("{}{}", open.repeat(levels), close.repeat(levels));
        for document in [
            format!("{{ latest(selector: {}) {{ ts }} }}", nested("[", "]")),
            format!(
                "{{ latest(selector: {}1{}) {{ ts }} }}",
                "{a:".repeat(levels),
                "}".repeat(levels)
            ),
            format!(
                "query($a: {}Int{}) {{ a }}",
                "[".repeat(levels),
                "]".repeat(levels)
            ),
            format!("query($a: Int = {}) {{ a }}", nested("[", "]")),
            format!("query @a(b: {}) {{ a }}", nested("[", "]")),
            format!("{{ {} a {} }}", "a {".repeat(levels), "}".repeat(levels)),
            format!("{{ {} a {} }}", "... {".repeat(levels), "}".repeat(levels)),
            "{a".repeat(levels),
            "[".repeat(levels),
        ] {
            let why = refusal(&document);
            let expected = [
                "brackets within each other",
                "expected {",
                "more than 65536 bytes",
            ];
            assert!(
                expected.iter().any(|words| why.contains(words)),
                "{levels}: {why}"
            );
        }
    }
}

#[test]
fn a1_a_chain_of_fragments_is_refused_whether_it_is_used_or_not() {
    let chain = |n: usize, within: usize| {
        let (open, close) = ("...{".repeat(within), "}".repeat(within));
        let link = |at: usize| format!("fragment F{at} on Query{{{open}...F{}{close}}} ", at + 1);
        let last = format!("fragment F{n} on Query{{__typename}}");
        (0..n).map(link).collect::<String>() + &last
    };
    for (count, within) in [(16, 0), (99, 0), (100, 0), (3_000, 0), (16, 60), (500, 60)] {
        assert_ne!(
            refusal(&format!("{{ __typename }} {}", chain(count, within))),
            "",
            "{count}"
        );
        assert_ne!(
            refusal(&format!("{{ ...F0 }} {}", chain(count, within))),
            "",
            "{count}"
        );
    }
    assert_eq!(refusal(&format!("{{ ...F0 }} {}", chain(CHAIN_MAX - 1, 0))), "");
    assert_eq!(refusal(&format!("{{ ...F0 }} {}", chain(CHAIN_MAX - 1, 2))), "");
}

#[test]
fn a2_fragments_that_double_are_counted_as_often_as_they_are_spread() {
    let doubling = |levels: usize, times: usize| {
        let mut document = String::from("{...F0}");
        for at in 0..levels {
            let next = format!("...F{} ", at + 1).repeat(times);
            let _ = write!(document, " fragment F{at} on Query{{{next}}}");
        }
        format!("{document} fragment F{levels} on Query{{__typename}}")
    };
    assert_eq!(refusal(&doubling(8, 2)), "");
    for (levels, times) in [(14, 2), (15, 2), (15, 50), (2, 100), (29, 2), (90, 2)] {
        let why = refusal(&doubling(levels, times));
        assert!(
            why.contains("selected") || why.contains("spread one another"),
            "{levels}: {why}"
        );
    }
}

#[test]
fn circles_of_fragments_are_refused_wherever_they_are() {
    for document in [
        "{ ...F } fragment F on Query { ...F }",
        "{ a } fragment F on Query { ...F }",
        "{ ...F } fragment F on Query { a { ...G } } fragment G on Query { ... { ...H } } fragment H on Query { ...F }",
        "{ ...A } fragment A on Query { a } fragment B on Query { ...C } fragment C on Query { ...B }",
    ] {
        assert!(refusal(document).contains("spreads itself"), "{document}");
    }
    assert!(refusal("{ a } fragment F on Query { b }").contains("not used"));
    let shared =
        "{ ...F ...G } fragment F on Query { ...H } fragment G on Query { ...H } fragment H on Query { a }";
    assert_eq!(refusal(shared), "");
}

#[test]
fn each_limit_holds_where_it_is_reached_and_not_before() {
    type Case = (&'static str, fn(usize) -> String, usize);
    let cases: [Case; 9] = [
        ("bytes", |n| format!("{{a}}{}", " ".repeat(n - 3)), DOCUMENT_MAX),
        (
            "tokens",
            |n| format!("{{a(b:[{}])}}", "1 ".repeat(n - 9)),
            TOKENS_MAX,
        ),
        ("selected", |n| format!("{{{}}}", "a ".repeat(n)), SELECTIONS_MAX),
        (
            "brackets",
            |n| format!("{}a{}", "{a".repeat(n), "}".repeat(n)),
            DEPTH_MAX,
        ),
        (
            "arguments",
            |n| format!("{{a({})}}", "a:1 ".repeat(n)),
            ARGUMENTS_MAX,
        ),
        ("a name", |n| format!("{{{}}}", "a".repeat(n)), NAME_MAX),
        ("an alias", |n| format!("{{{}:a}}", "a".repeat(n)), ALIAS_MAX),
        (
            "operations",
            |n| (0..n).map(|n| format!("query Q{n}{{a}}")).collect(),
            OPERATIONS_MAX,
        ),
        (
            "fragments",
            |n| {
                let fragments = (0..n).map(|n| format!("fragment F{n} on Q{{a}}"));
                let spreads = (0..n).map(|n| format!("...F{n} "));
                format!(
                    "{{{}}}{}",
                    spreads.collect::<String>(),
                    fragments.collect::<String>()
                )
            },
            FRAGMENTS_MAX,
        ),
    ];
    for (what, document, most) in cases {
        assert_eq!(refusal(&document(most)), "", "{what}");
        assert!(
            refusal(&document(most + 1)).contains(what),
            "{what}: {}",
            refusal(&document(most + 1))
        );
    }
    let aliases = |n: usize| {
        format!(
            "{{{}}}",
            (0..n).map(|n| format!("a{n:099}:a ")).collect::<String>()
        )
    };
    assert_eq!(refusal(&aliases(ALIASES_MAX / 100)), "");
    assert!(refusal(&aliases(ALIASES_MAX / 100 + 1)).contains("an alias"));
    // In fragments too, and behind other things with colons.
    let long = "a".repeat(ALIAS_MAX + 1);
    assert!(refusal(&format!("{{...F}} fragment F on Q{{... on Q {{{long}:a}}}}")).contains("an alias"));
    assert_eq!(refusal(&format!("{{a(b:{{{long}:1}})}}")), "");
}

#[test]
fn a_variable_counts_as_often_as_it_is_used() {
    let check = |uses: usize| {
        let variables =
            Variables::from_json(json!({ "v": "x".repeat(100_000), "unused": "x".repeat(1_000_000) }));
        let uses = "sure(of:$v)".repeat(uses);
        Checked::of(Request::new(format!("query($v:String!){{{uses}}}")).variables(variables))
    };
    assert!(check(40).is_ok());
    assert!(check(42).is_err());
}

/// Why a document that is parsed is not executed; empty when it is.
fn unsettled(checked: Checked, types: &Types) -> String {
    match checked.data(Viewer::everyone()).into_request(types, None) {
        Ok(_) => String::new(),
        Err(errors) => errors[0].message.clone(),
    }
}

#[test]
fn a_default_counts_as_often_as_it_is_used() {
    let types = Types::of(&Schema::new(Query, EmptyMutation, Ticks).sdl());
    let why = |query: &str| match Checked::of(Request::new(query)) {
        Ok(checked) => unsettled(checked, &types),
        Err(errors) => errors[0].message.clone(),
    };
    let list = |items: usize| format!("[{}]", "1 ".repeat(items));
    let fields = |items: usize, uses: usize| {
        format!(
            "query($v:[Int]={}){{{}}}",
            list(items),
            "list(of:$v)".repeat(uses)
        )
    };
    assert_eq!(why(&fields(20, 500)), "");
    // Copied, it would take 80 MB, and is 2 MB of text.
    assert!(why(&fields(2_000, 550)).contains("copied into more than"));
    let objects = |uses: usize| {
        let uses = "walk(steps:$v)".repeat(uses);
        format!("query($v:[Step!]=[{}]){{{uses}}}", "{} ".repeat(1_000))
    };
    assert!(why(&objects(500)).contains("copied into more than"));
    // In a fragment it is copied once, and walked as often as that is spread.
    let spread = |items: usize, uses: usize| {
        let query = format!(
            "query Q($a:Int,$v:[Int]={}){{number(of:$a){}}}",
            list(items),
            "...F ".repeat(uses)
        );
        (
            format!("{query} fragment F on Query{{list(of:$v)}}"),
            format!("fragment F on Query{{list(of:$v)}} {query}"),
        )
    };
    let (few, many) = (spread(2_000, 500), spread(2_000, 1_200));
    for query in [few.0, few.1] {
        assert_eq!(why(&query), "");
    }
    for query in [many.0, many.1] {
        assert!(why(&query).contains("with its fragments and variables"));
    }
}

#[test]
fn a_variable_that_stands_at_one_place_may_be_as_large_as_its_request() {
    let types = Types::of(&Schema::new(Query, EmptyMutation, Ticks).sdl());
    let check = |query: &str| {
        let variables = Variables::from_json(json!({ "v": vec![1; 200_000] }));
        unsettled(
            Checked::of(Request::new(query).variables(variables)).unwrap(),
            &types,
        )
    };
    assert_eq!(check("query($v:[Int]){list(of:$v)}"), "");
    assert!(check("query($v:[Int]){list(of:$v) text(of:\"\") b:list(of:$v)}").contains("copied"));
}

#[test]
fn a_cursor_to_go_on_after_is_bounded_like_other_values() {
    let types = Types::of(&Schema::new(Query, EmptyMutation, Ticks).sdl());
    let query = format!("query($after:String){{{}}}", "text(of:$after)".repeat(500));
    let mut checked = Checked::of(Request::new(query)).unwrap();
    assert!(checked.resume(&"x".repeat(100_000)));
    assert!(unsettled(checked, &types).contains("copied into more than"));
}

#[test]
fn regular_expressions_are_counted_in_all_of_a_request() {
    let types = Types::of(&crate::graphql::sdl());
    let why = |query: String, variables: Value| {
        let request = Request::new(query)
            .data(Viewer::everyone())
            .variables(Variables::from_json(variables));
        unsettled(Checked::of(request).unwrap(), &types)
    };
    let none = || json!({});
    let matchers = |op: &str, count: usize| format!("{{name:\"a\",op:{op},value:\"b\"}}").repeat(count);
    let fields = |op: &str, count: usize| {
        let selector = format!("{{labels:[{}]}}", matchers(op, 5));
        let fields = (0..count).map(|n| match n % 3 {
            0 => format!("a{n}:latest(selector:{selector}){{ts}}"),
            1 => format!("a{n}:series(selector:{selector}){{nodes{{key}}}}"),
            _ => format!("...{{a{n}:labels(selector:{selector}){{name}}}}"),
        });
        fields.collect::<String>()
    };
    let most = EXPRESSIONS_MAX / 5;
    for op in ["MATCHES", "NOT_MATCHES", "\"MATCHES\""] {
        assert_eq!(why(format!("{{{}}}", fields(op, most)), none()), "", "{op}");
        let many = why(format!("{{{}}}", fields(op, most + 1)), none());
        assert!(
            many.contains("regular expressions in one request"),
            "{op}: {many}"
        );
    }
    assert_eq!(why(format!("{{{}}}", fields("EQUAL", 2 * most)), none()), "");
    let matcher = json!({"name": "a", "op": "MATCHES", "value": "b"});
    let selector = json!({"s": {"labels": vec![matcher; 5]}});
    let by_variable = |uses: usize| {
        let uses = (0..uses).map(|n| format!("a{n}:latest(selector:$s){{ts}}"));
        let other = "query B($n:Int){series(selector:{},first:$n){nodes{key}}}";
        let query = format!(
            "query A($s:SeriesSelector!){{{}}} {other}",
            uses.collect::<String>()
        );
        let variables = Variables::from_json(selector.clone());
        let request = Request::new(query)
            .data(Viewer::everyone())
            .operation_name("A")
            .variables(variables);
        unsettled(Checked::of(request).unwrap(), &types)
    };
    assert_eq!(by_variable(most), "");
    assert!(by_variable(most + 1).contains("regular expressions"));
    let spread = |uses: usize| {
        let fragment = format!("fragment F on Query{{{}}}", fields("MATCHES", 1));
        why(format!("{{{}}} {fragment}", "...F ".repeat(uses)), none())
    };
    assert_eq!(spread(most), "");
    assert!(spread(most + 1).contains("regular expressions"));
}

#[test]
fn what_the_guard_reads_is_what_the_parser_reads() {
    for document in [
        r#"{ a(b: "{{{{ \" # [") }"#,
        "{ a # {{{{ \"\n }",
        "{ a(b: \"\"\"{{{ \\\"\"\" \" \n\"\"\") }",
        "\u{feff}{ a,,,b }",
        "query Q($a: [Int!]! = [1 -2 1.5e3]) @x(y: $a) { b: c(d: $a) @y ... on X @z { e } ...F } fragment F on X @q { g }",
        "{ a(b: \"\", c: \"\"\"\"\"\") }",
        "{ on: on(on: on) { ... on on { on } } }",
    ] {
        assert_eq!(refusal(document), "", "{document}");
    }
    for document in [
        "",
        "a",
        "{",
        "}",
        "{}",
        "{ a",
        "{ a ] }",
        "{ a( }",
        "{ a(b: \"x) }",
        "{ a(b: \"\"\"x\"\") }",
        "{ a(b: \"\n\") }",
        "{ a(b: \"\\q\") }",
        "{ . }",
        "{ .. a }",
        "{ a ? }",
        "{ a\u{0} }",
        "{ ä }",
        "queryQ { a }",
        "fragment on on X { a }",
        "fragmentF on X { a } { ...F }",
        "type A { a: Int }",
        "{ a } }",
        "{ a(b: 1e999) }",
    ] {
        assert_ne!(refusal(document), "", "{document}");
    }
    let many = "1".repeat(60_000);
    assert_eq!(refusal(&format!("{{ a(b: {}.5) }}", &many[..300])), "");
    assert_ne!(refusal(&format!("{{ a(b: {many}) }}")), "");
}
