//! What may leave the program by which way, and for whom: every HTTP path, every root field of the
//! schema and every read of the store is listed here with the scope it applies. Whoever adds one says
//! so here first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use streamsync::data::Operation::{self, Operate, Publish, Read};
use streamsync::graphql::guard::permissions;
use streamsync::http::routes::{PATHS, PathAccess};

/// Whose data a way gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gives {
    /// Series and points: those that the viewer may see (`Scoped`).
    Series,
    /// GraphQL: what the root fields give.
    Fields,
    /// Streams, topics and dead letters: those of the viewer's role (`Streams`).
    Streams,
    /// What the process is and does, over all series and streams: for who may operate, or nothing.
    Operations,
    /// API keys, to administrators.
    Keys,
    /// Who did what: for administrators alone.
    Audit,
    /// Nothing of what is stored.
    Nothing,
}

use Gives::{Audit, Fields, Keys, Nothing, Operations, Series, Streams};

const ROUTES: [(&str, Gives); 29] = [
    ("/graphql", Fields),
    ("/ws", Series),
    // In builds for the benchmark alone.
    ("/stock", Fields),
    ("/api/v1/points", Series),
    ("/api/v1/history", Series),
    ("/api/v1/openapi.json", Nothing),
    // As `Mutation.publish`.
    ("/write", Streams),
    ("/api/v2/write", Streams),
    ("/otlp/v1/metrics", Streams),
    ("/ping", Nothing),
    ("/prometheus/api/v1/write", Streams),
    ("/prometheus/api/v1/query", Series),
    ("/prometheus/api/v1/query_range", Series),
    ("/prometheus/api/v1/series", Series),
    ("/prometheus/api/v1/labels", Series),
    ("/prometheus/api/v1/label/{name}/values", Series),
    ("/prometheus/api/v1/query_exemplars", Nothing),
    ("/prometheus/api/v1/metadata", Nothing),
    ("/prometheus/api/v1/rules", Nothing),
    ("/prometheus/api/v1/alerts", Nothing),
    ("/prometheus/api/v1/status/buildinfo", Nothing),
    ("/auth/session", Nothing),
    ("/auth/login", Nothing),
    ("/auth/callback", Nothing),
    ("/auth/logout", Nothing),
    ("/livez", Nothing),
    ("/readyz", Operations),
    ("/metrics", Operations),
    ("/", Nothing),
];

const FIELDS: [(&str, Gives); 24] = [
    ("Query.latest", Series),
    ("Query.history", Series),
    ("Query.points", Series),
    ("Query.metrics", Series),
    ("Query.series", Series),
    ("Query.labels", Series),
    ("Query.labelValues", Series),
    ("Query.pipeline", Streams),
    ("Query.deadLetters", Streams),
    ("Query.deadLetterReasons", Streams),
    ("Query.records", Streams),
    ("Query.me", Nothing),
    ("Query.apiKeys", Keys),
    ("Mutation.createApiKey", Keys),
    ("Mutation.revokeApiKey", Keys),
    ("Mutation.rotateApiKey", Keys),
    ("Query.audit", Audit),
    // Only of series that the role may write does it tell one that is new from one that is there.
    ("Mutation.publish", Streams),
    ("Mutation.redriveDeadLetters", Streams),
    ("Mutation.resumeStream", Streams),
    ("Mutation.reloadConfiguration", Streams),
    ("Subscription.points", Series),
    ("Subscription.aggregates", Series),
    ("Subscription.pipeline", Streams),
];

/// Reads that give out nothing of single series or streams, so they take neither `Scoped`, `Matched` nor
/// `Streams`. The first is for administrators, the next two serve `publish`.
const UNSCOPED_READS: [&str; 6] = [
    "audit",
    "unknown_series",
    "stream_series",
    "levels",
    "progress",
    "version",
];

/// Where everybody's scope is made, and where the program asks for itself.
const MADE_IN: [(&str, &[&str]); 3] = [
    ("Viewer::everyone()", &["access/principal.rs"]),
    (
        "Viewer::operator()",
        &["actors/aggregates/engine.rs", "demo/stored.rs", "offline.rs"],
    ),
    ("Viewer::of(", &[]),
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder, as text, without their tests.
fn sources(dir: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.join(dir)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(&root).expect("below src").display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs")
                && !name.ends_with("tests.rs")
                && !name.ends_with("testing.rs")
                && !name.contains("/tests/")
            {
                let text = fs::read_to_string(&path).expect("a text");
                let code = text.split("#[cfg(test)]\nmod tests {").next();
                found.insert(name, code.unwrap_or_default().to_owned());
            }
        }
    }
    found
}

/// The fields of the three roots, as `Root.field`, with their arguments.
fn root_fields(schema: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let (mut root, mut field, mut quoted) = (None, None, false);
    for line in schema.lines().map(str::trim) {
        let quotes = line.matches("\"\"\"").count();
        let is_text = quoted || line.starts_with('"');
        quoted ^= quotes % 2 == 1;
        if is_text {
            continue;
        }
        if let Some(name) = line
            .strip_prefix("type ")
            .and_then(|line| line.strip_suffix(" {"))
        {
            root = ["Query", "Mutation", "Subscription"]
                .contains(&name)
                .then_some(name);
        } else if line == "}" {
            root = None;
        } else if let Some(root) = root
            && !line.is_empty()
        {
            let end = line.find(['(', ':']).unwrap_or(line.len());
            let name = field.get_or_insert_with(|| format!("{root}.{}", &line[..end]));
            let arguments: &mut String = found.entry(name.clone()).or_default();
            arguments.push_str(line);
            let count = |sign| arguments.matches(sign).count();
            if count('(') == count(')') {
                field = None;
            }
        }
    }
    found
}

#[test]
fn every_path_is_listed_with_what_it_gives_out() {
    let listed: BTreeSet<&str> = ROUTES.iter().map(|(path, _)| *path).collect();
    assert_eq!(listed, PATHS.iter().map(|(path, _)| *path).collect());
}

#[test]
fn every_root_field_is_listed_with_what_it_gives_out() {
    let listed: BTreeSet<String> = FIELDS.iter().map(|(field, _)| (*field).to_owned()).collect();
    let there = root_fields(&read("schema.graphql")).into_keys();
    assert_eq!(listed, there.collect());
}

#[test]
fn a_path_needs_what_it_gives_out() {
    for (path, access) in PATHS {
        let gives = ROUTES.iter().find(|(listed, _)| *listed == path);
        let expected = match gives.expect("listed").1 {
            // What is asked for says what it needs.
            Fields => access == PathAccess::Asked,
            Series if path == "/ws" => access == PathAccess::Asked,
            Series => access == PathAccess::Needs(Read),
            Operations => [PathAccess::Needs(Operate), PathAccess::Details(Operate)].contains(&access),
            // What writes tells of streams that are named.
            Streams => access == PathAccess::Needs(Publish),
            Keys | Audit => false,
            // Prometheus' empty answers are for its clients.
            Nothing => [PathAccess::Public, PathAccess::Needs(Read)].contains(&access),
        };
        assert!(expected, "{path}: {access:?}");
    }
}

#[test]
fn every_root_field_says_what_it_needs() {
    let there: BTreeSet<String> = root_fields(&read("schema.graphql")).into_keys().collect();
    let needs = permissions::FIELDS.iter();
    let needs: BTreeMap<String, Operation> = needs
        .map(|(root, field, needed)| (format!("{root:?}.{field}"), *needed))
        .collect();
    let anybody = permissions::ANYBODY.iter();
    let anybody = anybody.map(|(root, field)| format!("{root:?}.{field}"));
    assert_eq!(
        needs.keys().cloned().chain(anybody).collect::<BTreeSet<_>>(),
        there
    );
    for (field, needed) in needs {
        let is_change = field.starts_with("Mutation.");
        assert!(!is_change || needed != Read, "{field}: {needed:?}");
    }
}

#[test]
fn a_field_that_gives_out_series_has_a_selector() {
    let fields = root_fields(&read("schema.graphql"));
    for (field, gives) in FIELDS {
        // `metrics` is of all series that the viewer may see.
        let expected = gives == Series && field != "Query.metrics";
        assert_eq!(
            fields[field].contains("selector: SeriesSelector!"),
            expected,
            "{field}"
        );
    }
}

#[test]
fn every_read_of_the_store_says_for_whom_it_is() {
    let mut unscoped = BTreeSet::new();
    for text in sources("store/read").values() {
        for method in text.split("pub async fn ").skip(1) {
            let signature = method.split('{').next().unwrap_or_default();
            let name = signature.split('(').next().unwrap_or_default();
            let scopes = ["&Scoped", "[Matched]", "&Streams"];
            if !scopes.iter().any(|scope| signature.contains(scope)) {
                unscoped.insert(name.to_owned());
            }
        }
    }
    assert_eq!(unscoped, BTreeSet::from(UNSCOPED_READS.map(str::to_owned)));
}

#[test]
fn a_viewer_is_made_in_few_places() {
    let sources = sources("");
    for (maker, places) in MADE_IN {
        let found = sources.iter().filter(|(_, text)| text.contains(maker));
        let found: Vec<&str> = found.map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, places, "{maker}");
    }
}

#[test]
fn the_cursors_of_everybody_who_was_let_in_are_sealed() {
    let sources = sources("");
    let makes = |text: &str| text.matches("Viewer::new(").count();
    let makers: BTreeMap<&str, &str> = sources
        .iter()
        .filter(|(_, text)| makes(text) > 0)
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    assert!(!makers.is_empty());
    for (name, text) in makers {
        assert!(name.starts_with("access/"), "{name}");
        assert_eq!(
            makes(text),
            text.matches(".with_sealed_cursors(").count(),
            "{name}"
        );
    }
}
