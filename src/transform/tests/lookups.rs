//! `lookup`: labels from tables, as they are when a batch comes.

use super::*;

fn looking_up(lookup: &str) -> StreamPlan {
    #[derive(serde::Deserialize)]
    struct Of {
        lookup: LookupSettings,
    }
    let of: Of =
        toml::from_str(&format!("[lookup]\n{lookup}")).unwrap_or_else(|error| panic!("{lookup}\n{error}"));
    let lookup = Lookup::new(of.lookup);
    lookup.set(devices("north"));
    let mut plan = plan();
    plan.mapping.on_missing = OnMissing::Skip;
    StreamPlan {
        lookups: vec![lookup],
        ..plan
    }
}

fn devices(site: &str) -> Table {
    let mut table = TableBuilder::default();
    table
        .add(Some("m7"), [Some(site), Some("ops")].into_iter())
        .unwrap();
    table.add(Some("m8"), [None, Some("lab")].into_iter()).unwrap();
    table.finish()
}

const BY_LABEL: &str = r#"
label = "device"
key = "id"
table = "devices"
labels = ["site", { field = "owner", as = "team" }]
"#;

fn keys(plan: StreamPlan, payloads: &[&str]) -> Vec<String> {
    let payloads: Vec<_> = payloads.iter().map(|payload| Some(*payload)).collect();
    let batch = apply(plan, &payloads, vec![]);
    assert_eq!(batch.rejected, []);
    let key = |point: &Point| batch.series[point.series as usize].key.to_string();
    batch.points.iter().map(key).collect()
}

#[test]
fn a_row_gives_labels_to_mapped_and_own_points_and_what_the_record_says_wins() {
    let payloads = [
        r#"{"ts":1700000000000,"device":"m7","temperature":1}"#,
        r#"{"ts":1700000000000,"device":"m8","temperature":1}"#,
        r#"{"ts":1700000000000,"device":"m9","temperature":1}"#,
        r#"{"ts":1700000000000,"device":"m7","site":"west","temperature":1}"#,
        r#"{"metric":"cpu","labels":{"device":"m7"},"ts":1700000000000,"value":1}"#,
    ];
    assert_eq!(
        keys(looking_up(BY_LABEL), &payloads),
        [
            r#"machines_temperature{device="m7",site="north",team="ops"}"#,
            r#"machines_temperature{device="m8",team="lab"}"#,
            r#"machines_temperature{device="m9"}"#,
            r#"machines_temperature{device="m7",site="west",team="ops"}"#,
            r#"cpu{device="m7",site="north",team="ops"}"#,
        ]
    );
}

#[test]
fn a_field_need_be_no_label() {
    let by_field = BY_LABEL.replace("label = \"device\"", "field = \"serial.number\"");
    let payload = r#"{"ts":1700000000000,"serial":{"number":"m7"},"temperature":1}"#;
    assert_eq!(
        keys(looking_up(&by_field), &[payload]),
        [r#"machines_temperature{site="north",team="ops"}"#]
    );
}

#[test]
fn what_the_table_lacks_is_a_dead_letter_if_that_is_wanted() {
    let plan = || looking_up(&format!("{BY_LABEL}on_missing = \"dead_letter\""));
    let why = |payload| apply(plan(), &[Some(payload)], vec![]).rejected[0].detail.clone();
    assert_eq!(
        why(r#"{"ts":1700000000000,"device":"m9","temperature":1}"#),
        "the table devices has no 'm9'"
    );
    assert_eq!(
        why(r#"{"ts":1700000000000,"temperature":1}"#),
        "the label 'device' is missing, by which the table devices is asked"
    );
    assert_eq!(
        keys(plan(), &[r#"{"ts":1700000000000,"device":"m7","temperature":1}"#]).len(),
        1
    );
}

#[test]
fn relabelling_sees_what_a_table_knows_and_a_new_table_holds_for_the_next_record() {
    let mut plan = looking_up(BY_LABEL);
    #[derive(serde::Deserialize)]
    struct One {
        rule: Relabel,
    }
    let one: One = toml::from_str(r#"rule = { regex = "device|team", action = "labeldrop" }"#).unwrap();
    plan.relabel = vec![one.rule];
    let payload = r#"{"ts":1700000000000,"device":"m7","temperature":1}"#;
    let lookup = plan.lookups[0].clone();
    assert_eq!(
        keys(plan.clone(), &[payload]),
        [r#"machines_temperature{site="north"}"#]
    );
    lookup.set(devices("west"));
    assert_eq!(keys(plan, &[payload]), [r#"machines_temperature{site="west"}"#]);
}

#[test]
fn limits_hold_for_what_a_table_says() {
    let plan = looking_up(BY_LABEL);
    plan.lookups[0].set(devices(&"x".repeat(2_000)));
    let payload = r#"{"ts":1700000000000,"device":"m7","temperature":1}"#;
    assert_eq!(refused(plan, payload).0, Reason::LabelTooLong);
}

#[test]
fn mistakes_of_a_lookup_are_told() {
    let refused = |lookup: &str| {
        toml::from_str::<LookupSettings>(lookup)
            .unwrap_err()
            .message()
            .to_owned()
    };
    for (from, to, expected) in [
        ("label = \"device\"", "", "a lookup has one of label and field"),
        (
            "table = \"devices\"",
            "",
            "a lookup has a file, or a table perhaps with its schema",
        ),
        (
            "table",
            "file = \"a\"\ntable",
            "a lookup has a file, or a table perhaps with its schema",
        ),
        (
            "key = \"id\"",
            "key = \"id\"\nrefresh = \"10ms\"",
            "refresh must be at least 1s",
        ),
        (
            "\"site\"",
            "{ key = true, as = \"x\" }",
            "the labels and the key of a lookup are columns",
        ),
        ("key = \"id\"", "", "missing field `key`"),
    ] {
        assert_eq!(refused(&BY_LABEL.replace(from, to)), expected, "{to}");
    }
}
