//! The schema in the repository is the one the program serves, and the documentation has all its codes.

use std::collections::BTreeSet;
use std::path::Path;

use streamsync::data::Code;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// The texts in capitals between backticks.
fn codes(text: &str) -> BTreeSet<&str> {
    let is_code = |text: &&str| text.len() > 3 && text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    text.split('`').skip(1).step_by(2).filter(is_code).collect()
}

#[test]
fn schema_graphql_is_what_the_program_prints() {
    assert!(
        read("schema.graphql") == streamsync::graphql::sdl(),
        "schema.graphql is stale: run `make schema` and look at the difference"
    );
}

#[test]
fn every_code_of_an_error_is_documented_and_no_other() {
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let page = read("docs/graphql.md");
    let section = page.split("## Errors\n").nth(1).expect("the section");
    let list = section.split("\n\n").next().expect("its first paragraph");
    assert_eq!(codes(list), known);

    // What plain HTTP does not have: subscriptions, mutations, documents and bodies.
    let elsewhere =
        "RESUME_GAP SLOW_CLIENT GOING_AWAY STREAM_PAUSED PAYLOAD_TRUNCATED GRAPHQL_VALIDATION_FAILED
        PERSISTED_QUERY_NOT_FOUND PERSISTED_QUERY_NOT_SUPPORTED TOO_MANY_OPERATIONS BAD_MESSAGE DUPLICATE_ID
        REQUEST_TIMEOUT PAYLOAD_TOO_LARGE UNSUPPORTED_MEDIA_TYPE UPGRADE_REQUIRED";
    let elsewhere: BTreeSet<&str> = elsewhere.split_whitespace().collect();
    let here: BTreeSet<&str> = known.difference(&elsewhere).copied().collect();
    let page = read("docs/http.md");
    let table = page.split("| status | code |").nth(1).expect("the table");
    let table = table.split("\n\n").next().expect("its end");
    assert_eq!(codes(table), here);
}
