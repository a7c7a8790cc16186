//! The schema in the repository is the one the program serves.

use std::path::Path;

#[test]
fn schema_graphql_is_what_the_program_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let committed = std::fs::read_to_string(path).expect("schema.graphql");
    assert!(
        committed == streamsync::graphql::sdl(),
        "schema.graphql is stale: run `make schema` and look at the difference"
    );
}
