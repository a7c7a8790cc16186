//! Schemas: their messages by name and index, and what is wrong with others.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn error(source: &str) -> String {
    Schema::parse(&text(source)).expect_err("refused")
}

#[test]
fn messages_are_found_by_name_by_index_and_alone() {
    let schema = parse(
        "syntax = \"proto3\"; package p; message A { message B { int32 b = 1; } message C { message D { int32 d = 1; } } }\n\
         message E { int32 e = 1; }",
    );
    let names: Vec<&str> = schema.names().collect();
    assert_eq!(names, ["p.A", "p.E"]);
    assert!(schema.by_name("p.A.C.D").is_some());
    assert!(schema.by_name("A").is_none());
    assert!(schema.only().is_none());
    for (path, name) in [
        (&[0][..], "p.A"),
        (&[1], "p.E"),
        (&[0, 0], "p.A.B"),
        (&[0, 1, 0], "p.A.C.D"),
    ] {
        let decoder = schema.by_indexes(path).expect("a message");
        let error = refused(&decoder, b"\x00");
        assert!(error.detail.contains(&format!("'{name}'")), "{}", error.detail);
    }
    for path in [&[][..], &[2], &[-1], &[0, 2], &[1, 0], &[0, 1, 0, 0]] {
        assert!(schema.by_indexes(path).is_none(), "{path:?}");
    }
}

#[test]
fn what_is_wrong_with_a_schema_is_a_sentence_with_its_place() {
    for (source, expected) in [
        (
            "syntax = \"proto3\";\nmessage M { int32 x 1; }",
            "the schema cannot be read at line 2 column 21: expected '=', but found '1'",
        ),
        (
            "syntax = \"proto3\"; message M { Other x = 1; }",
            "the field 'x' of 'M' is of the type 'Other', which neither the schema nor an import defines",
        ),
        (
            "syntax = \"proto3\"; message M { int32 x = 1; int32 y = 1; }",
            "two fields of 'M' have the number 1",
        ),
        ("message M {} message M {}", "the schema defines 'M' twice"),
        (
            "import \"plant/site.proto\"; message M {}",
            "the schema imports 'plant/site.proto', which is neither with it nor one of Google's files",
        ),
        (
            "edition = \"2023\"; message M {}",
            "the schema has an edition, which is read from a descriptor set alone",
        ),
    ] {
        let found = error(source);
        assert!(found.starts_with(expected), "{found}");
        assert!(found.len() < 400, "{found}");
    }
}

#[test]
fn imports_may_go_in_a_circle_and_references_that_nobody_imports_are_not_read() {
    let schema = SchemaText {
        text: "syntax = \"proto3\"; import \"a.proto\"; message M { A a = 1; }".to_owned(),
        references: [
            (
                "a.proto",
                "syntax = \"proto3\"; import \"b.proto\"; message A { B b = 1; }",
            ),
            (
                "b.proto",
                "syntax = \"proto3\"; import \"a.proto\"; message B { A a = 1; }",
            ),
            ("c.proto", "nonsense"),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .to_vec(),
    };
    let schema = Schema::parse(&schema).expect("a schema");
    assert!(schema.by_name("A").is_some() && schema.only().is_some());
}

#[test]
fn all_files_that_may_be_imported_without_being_brought_are_read() {
    let names = include_str!("../known.protos")
        .lines()
        .filter_map(|line| line.strip_prefix(">>> "));
    let mut found = 0;
    for name in names {
        parse(&format!("syntax = \"proto3\"; import \"{name}\"; message M {{}}"));
        found += 1;
    }
    assert!(found > 20, "{found}");
}

#[test]
fn a_schema_that_is_nested_deep_or_long_is_read_or_refused() {
    let deep = |open: &str, close: &str, depth: usize| {
        format!(
            "syntax = \"proto2\"; message M {{ {} {} }}",
            open.repeat(depth),
            close.repeat(depth)
        )
    };
    for (open, close) in [
        ("message A { ", "}"),
        ("optional group A = 1 {", "}"),
        ("option (a) = { a: {", "} }; "),
        ("oneof a { group A = 1 {", "}}"),
        ("{", "}"),
        ("(", ")"),
        ("[", "]"),
        ("/*", "*/"),
        ("extend A { optional group B = 1 {", "}}"),
    ] {
        let _ = Schema::parse(&text(&deep(open, close, 50_000)));
    }
    let aggregate = format!(
        "option (a) = {{ {} {} }}; message M {{}}",
        "a {".repeat(50_000),
        "}".repeat(50_000)
    );
    let _ = Schema::parse(&text(&aggregate));
    assert!(error(&deep("message A { ", "}", 40)).contains("recursion limit"));
    assert!(error(&" ".repeat(5 << 20)).contains("bytes; they may have"));
    let name = "a".repeat(2_000);
    assert!(error(&format!("message {name} {{}}")).contains("a full name of 2000 bytes"));
}

#[test]
fn a_descriptor_set_that_is_cut_or_nested_too_deep_is_refused() {
    assert!(Schema::parse_set(b"").is_err());
    assert!(Schema::parse_set(b"\x0a\xff\x01").is_err());
    assert!(Schema::parse_set(b"hello").is_err());
    let mut message = framed(1, b"m");
    for _ in 0..100 {
        message = [framed(1, b"m"), framed(3, &message)].concat();
    }
    let set = framed(1, &[framed(1, b"m.proto"), framed(4, &message)].concat());
    let error = Schema::parse_set(&set).expect_err("refused");
    assert!(error.contains("deeper than 64"), "{error}");
}

#[test]
fn a_single_descriptor_of_a_file_is_read_like_a_set_of_one() {
    let message = [
        framed(1, b"M"),
        framed(2, &[framed(1, b"x"), vec![0x18, 1, 0x20, 1, 0x28, 5]].concat()),
    ]
    .concat();
    let file = [framed(1, b"m.proto"), framed(2, b"p"), framed(4, &message)].concat();
    for bytes in [framed(1, &file), file] {
        let schema = Schema::parse_set(&bytes).expect("a schema");
        assert!(schema.only().expect("one message").decode(b"\x08\x01").is_ok());
        assert!(schema.by_name("p.M").is_some());
    }
}

#[test]
fn a_text_may_be_a_descriptor_in_base64_as_clients_of_python_register_it() {
    let import = [framed(1, b"r.proto"), framed(2, b"p"), framed(3, b"u.proto")].concat();
    let field = [
        framed(1, b"u"),
        vec![0x18, 1, 0x20, 1, 0x28, 14],
        framed(6, b".p.U"),
    ]
    .concat();
    let reading = [import, framed(4, &[framed(1, b"M"), framed(2, &field)].concat())].concat();
    let value = [framed(1, b"OFF"), vec![0x10, 0]].concat();
    let unit = [
        framed(1, b"u.proto"),
        framed(2, b"p"),
        framed(5, &[framed(1, b"U"), framed(2, &value)].concat()),
    ]
    .concat();
    let schema = SchemaText {
        text: STANDARD.encode(reading),
        references: vec![("u.proto".to_owned(), STANDARD.encode(unit))],
    };
    let decoder = Schema::parse(&schema)
        .expect("a schema")
        .by_name("p.M")
        .expect("it");
    assert!(decoder.decode(b"\x08\x00").is_ok());
    let error = error(&STANDARD.encode(b"no descriptor"));
    assert!(error.starts_with("the schema in base64: "), "{error}");
}

proptest! {
    #[test]
    fn whatever_comes_as_a_descriptor_set_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Schema::parse_set(&bytes);
    }

    #[test]
    fn a_descriptor_set_that_is_changed_anywhere_is_read_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut set = peers::set();
        for (at, byte) in changes {
            let at = at.index(set.len());
            set[at] = byte;
        }
        if let Ok(schema) = Schema::parse_set(&set) {
            for (_, payload) in peers::messages() {
                for name in schema.names() {
                    let _ = schema.by_name(name).expect("a message").decode(&payload);
                }
            }
        }
    }

    #[test]
    fn whatever_comes_as_a_text_is_read_or_refused(
        words in proptest::collection::vec(prop::sample::select(vec![
            "syntax", "=", "\"proto3\"", ";", "message", "M", "{", "}", "int32", "x", "1", "oneof", "map", "<", ">", ",",
            "string", "repeated", "optional", "group", "enum", "option", "(", ")", "[", "]", "default", "-", ".", "extend",
            "reserved", "to", "max", "import", "\"google/protobuf/any.proto\"", "package", "/*", "//", "\n", "\u{fc}", "'",
        ]), 0..40),
    ) {
        let _ = Schema::parse(&text(&words.join(" ")));
    }
}
