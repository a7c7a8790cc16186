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
    assert_eq!(refusal(&format!("{{ a(b: {}) }}", &many[..300])), "");
    assert_ne!(refusal(&format!("{{ a(b: {many}) }}")), "");
}
