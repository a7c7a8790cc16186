//! Many documents on a small stack: whatever they are, the process goes on.
//!
//! `DOCUMENTS=1000000 cargo test --release --lib guard::tests::documents -- --nocapture` runs a
//! million; without it so many as a test may take.

use std::time::{Duration, Instant};

use super::generator::{self, Asked, Dice};
use super::*;
use crate::graphql::services::Services;
use crate::graphql::tests::services;

/// A quarter of what the threads of the server have.
const STACK: usize = 512 * 1024;
const DOCUMENTS: u64 = 20_000;

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

struct World {
    api: Api,
    types: Types,
    /// For timers; nothing here waits for them.
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> Self {
        let services: Services = services();
        Self {
            api: Api::new(services),
            types: Types::of(&crate::graphql::sdl()),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    /// What a transport does with it, until it waits or has answered; the code of its first error.
    fn ask(&self, asked: &Asked) -> Option<String> {
        let _inside = self.runtime.enter();
        let variables = Variables::from_json(asked.variables.clone());
        let request = Request::new(&asked.query)
            .data(Viewer::everyone())
            .variables(variables);
        let code = |errors: &[ServerError]| {
            let code = errors.first()?.extensions.as_ref()?.get("code")?.to_string();
            Some(code)
        };
        match Checked::of(request) {
            Ok(checked) if checked.is_subscription() => {
                match crate::graphql::Operations::payloads(&self.api, Ok(checked), None)
                    .next()
                    .now_or_never()
                {
                    Some(Some(crate::graphql::Payload::Refused(errors))) => code(&errors),
                    _ => None,
                }
            }
            Ok(checked) => {
                let response = crate::graphql::Operations::answer(&self.api, Ok(checked)).now_or_never()?;
                code(&response.errors)
            }
            Err(errors) => code(&errors).or(Some("uncoded".to_owned())),
        }
    }
}

#[test]
fn no_document_ends_the_process() {
    on_a_small_stack(|| {
        let world = World::new();
        let asked = std::env::var("DOCUMENTS").ok();
        let count = asked.map_or(DOCUMENTS, |count| count.parse().unwrap());
        let (mut executed, mut slowest) = (0, Duration::ZERO);
        for seed in 0..count {
            let asked = generator::asked(&world.types, seed);
            let began = Instant::now();
            let code = world.ask(&asked);
            let refused = ["\"GRAPHQL_VALIDATION_FAILED\"", "\"BAD_USER_INPUT\"", "uncoded"];
            executed += u64::from(code.is_none_or(|code| !refused.contains(&code.as_str())));
            let took = began.elapsed();
            if took > slowest {
                slowest = took;
                let start: String = asked.query.chars().take(60).collect();
                println!("{seed}: {took:?} for {} bytes: {start}", asked.query.len());
            }
        }
        println!("{count} documents, {executed} of them executed");
        // They are worth something only if many are valid.
        assert!(executed > count / 20, "{executed} of {count}");
    });
}

#[test]
fn documents_up_to_the_limits_need_no_more_than_a_small_stack() {
    on_a_small_stack(|| {
        let world = World::new();
        for seed in 0..600 {
            let query = generator::extreme(&mut Dice::new(seed));
            let asked = Asked {
                query,
                ..Asked::default()
            };
            world.ask(&asked);
        }
        // As deep as it may be, in each of the places that nest, and with variables as deep as JSON may be.
        let (open, close) = (
            |text: &str, n: usize| text.repeat(n),
            |text: &str, n: usize| text.repeat(n),
        );
        for n in [DEPTH_MAX - 3, DEPTH_MAX - 2, DEPTH_MAX - 1, DEPTH_MAX] {
            for query in [
                format!("{{a(b:{}{})}}", open("[", n), close("]", n)),
                format!("{{latest(selector:{}1{}){{ts}}}}", open("{a:", n), close("}", n)),
                format!("{}a{}", open("{a", n), close("}", n)),
                format!("{{{}a{}}}", open("...{", n), close("}", n)),
                format!("{}a{}", open("{metrics", n), close("}", n)),
                format!("query($a:{}Int{}){{a}}", open("[", n), close("]", n)),
                format!(
                    "query($a:[Int]={}{}){{metrics(first:$a){{name}}}}",
                    open("[", n),
                    close("]", n)
                ),
            ] {
                let asked = Asked {
                    query,
                    ..Asked::default()
                };
                world.ask(&asked);
            }
        }
        for n in [JSON_DEPTH_MAX, JSON_DEPTH_MAX + 1, 127, 128, 100_000] {
            for (start, end) in [("[", "]"), ("{\"a\":", "}")] {
                let text = format!("{{\"v\":{}1{}}}", start.repeat(n), end.repeat(n));
                let Ok(variables) = json::parse(text.as_bytes()) else {
                    assert!(n >= JSON_DEPTH_MAX);
                    continue;
                };
                for query in [
                    "query($v: SeriesSelector!) { latest(selector: $v) { ts } }",
                    "query($v: [[[[Int]]]]) { latest(selector: $v) { ts } }",
                    "query($v: DateTime!) { latest(selector: {}, at: $v) { ts } }",
                ] {
                    let variables = variables.clone();
                    let query = query.to_owned();
                    world.ask(&Asked { query, variables });
                }
            }
        }
    });
}

/// The bound is for an unoptimised build on a busy machine; `--nocapture` shows what each takes.
const COSTS_AT_MOST: Duration = Duration::from_millis(500);

#[test]
fn the_largest_documents_of_each_kind_are_answered_quickly() {
    let world = World::new();
    let fill = |head: &str, part: &dyn Fn(usize) -> String, tail: &str| {
        let mut text = head.to_owned();
        for n in 0.. {
            let part = part(n);
            if text.len() + part.len() + tail.len() > DOCUMENT_MAX {
                break;
            }
            text.push_str(&part);
        }
        text + tail
    };
    let long = |n: usize| format!("{n:0200}");
    let cases = [
        ("one string", fill("{a(b:\"", &|_| "x".to_owned(), "\")}")),
        (
            "surrogates",
            fill("{a(b:\"", &|_| "\\ud83d\\ude00".to_owned(), "\")}"),
        ),
        ("one name", fill("{", &|_| "a".to_owned(), "}")),
        ("brackets", fill("", &|_| "{a".to_owned(), "")),
        ("tokens", fill("{a(b:[", &|_| "1 ".to_owned(), "])}")),
        (
            "tokens up to the limit",
            fill(
                "{a(b:[",
                &|n| {
                    if n < TOKENS_MAX - 10 {
                        "1 ".to_owned()
                    } else {
                        "        ".to_owned()
                    }
                },
                "])}",
            ),
        ),
        ("unknown fields", fill("{", &|n| format!("nope{n} "), "}")),
        (
            "4,900 unknown fields",
            fill(
                "{",
                &|n| {
                    if n < 4_900 {
                        format!("nope{n:08} ")
                    } else {
                        "        ".to_owned()
                    }
                },
                "}",
            ),
        ),
        (
            "long unknown fields",
            fill("{", &|n| format!("n{} ", long(n)), "}"),
        ),
        (
            "long unknown arguments",
            fill("{", &|n| format!("latest(n{}:1){{ts}}", long(n)), "}"),
        ),
        (
            "fields in conflict",
            fill(
                "{",
                &|n| {
                    format!(
                        "a:{} ",
                        if n % 2 == 0 {
                            "latest(selector:{}){ts}"
                        } else {
                            "metrics{name}"
                        }
                    )
                },
                "}",
            ),
        ),
        (
            "arguments in conflict",
            fill(
                "{",
                &|n| format!("a:latest(selector:{{metric:\"{n}\"}}){{ts}}"),
                "}",
            ),
        ),
        (
            "fragments",
            fill(
                "{...F}",
                &|n| format!("fragment F{n} on Query{{...F{}}}", n + 1),
                "",
            ),
        ),
        (
            "unused fragments",
            fill("{a}", &|n| format!("fragment F{n} on Query{{a}}"), ""),
        ),
        (
            "directives",
            fill("{metrics{name ", &|_| "@skip(if:false)".to_owned(), "}}"),
        ),
        (
            "directives on a spread",
            fill(
                "{...{metrics{name}}...",
                &|_| "@nope(if:1)".to_owned(),
                "{metrics{name}}}",
            ),
        ),
        ("too complex", fill("{", &|_| "metrics{name}".to_owned(), "}")),
        ("typenames", fill("{", &|_| "__typename ".to_owned(), "}")),
        (
            "a literal spread often",
            fill(
                &format!(
                    "{{{}}}fragment F on Query{{latest(selector:{{metric:\"",
                    "...F ".repeat(60)
                ),
                &|_| "x".to_owned(),
                "\"}){ts}}",
            ),
        ),
        (
            "a literal spread too often",
            fill(
                &format!(
                    "{{{}}}fragment F on Query{{latest(selector:{{metric:\"",
                    "...F ".repeat(900)
                ),
                &|_| "x".to_owned(),
                "\"}){ts}}",
            ),
        ),
        (
            "variables",
            fill("query(", &|n| format!("$v{n}:[Int!]! "), "){a}"),
        ),
        (
            "subscriptions",
            fill("subscription{", &|n| format!("a{n}:pipeline{{state}}"), "}"),
        ),
        ("comments", fill("{metrics{nope}", &|_| "#\n".to_owned(), "}")),
        ("operations", fill("", &|n| format!("query Q{n}{{nope}}"), "")),
        (
            "introspection",
            fill(
                "{__schema{types{",
                &|_| "fields{type{fields{name}}}".to_owned(),
                "}}}",
            ),
        ),
        (
            "a syntax error at the end",
            fill("{", &|_| "metrics{name}".to_owned(), "metrics{name(}}"),
        ),
        (
            "a syntax error of the grammar",
            fill(
                "{",
                &|n| {
                    if n < 1_000 {
                        "latest(selector:{metric:\"m\"}){ts}"
                    } else {
                        " "
                    }
                    .to_owned()
                },
                "@}",
            ),
        ),
    ];
    for (what, query) in cases {
        let asked = Asked {
            query,
            ..Asked::default()
        };
        let mut best = Duration::MAX;
        let mut code = None;
        for _ in 0..5 {
            let began = Instant::now();
            code = world.ask(&asked);
            best = best.min(began.elapsed());
        }
        assert!(best < COSTS_AT_MOST, "{what}: {best:?}");
        println!(
            "{best:>12.1?} {:>6} bytes {what}: {}",
            asked.query.len(),
            code.unwrap_or_default()
        );
    }
}
