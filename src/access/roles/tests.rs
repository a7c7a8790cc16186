//! Roles as the configuration has them, and what they come to.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::data::{MatchOp, Series};

fn roles(text: &str) -> Result<Roles, Vec<String>> {
    Roles::of(&toml::from_str(text).unwrap())
}

fn claims(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

const TENANT: &str = r#"
[roles.tenant]
operations = ["read", "publish"]
read = ['machines_*{tenant="{{ claims.tenant }}"}', 'weather']
write = ['machines_*{tenant="{{ claims.tenant }}"}']
streams = ["machines"]
"#;

fn machine(tenant: &str) -> Series {
    Series::new("machines_speed", [("tenant", tenant)])
}

#[test]
fn a_role_allows_what_it_lists_and_an_admin_everything() {
    let roles = roles(
        r#"
        anonymous = "guest"
        [roles.guest]
        operations = ["read"]
        read = ['weather{station=~"10.*"}']
        [roles.boss]
        operations = ["admin"]
        "#,
    )
    .unwrap();
    assert_eq!(roles.anonymous().map(|name| &**name), Some("guest"));
    let guest = roles.fixed("guest").unwrap();
    assert!(guest.allows(Operation::Read) && !guest.allows(Operation::Publish));
    assert!(guest.read.matches(&Series::new("weather", [("station", "100")])));
    assert!(!guest.read.matches(&Series::new("weather", [("station", "2")])));
    assert!(!guest.write.matches(&Series::new("weather", [("station", "100")])));
    assert!(!guest.streams.contain("machines"));
    let boss = roles.fixed("boss").unwrap();
    assert!(boss.allows(Operation::Publish) && boss.read.is_everything() && boss.write.is_everything());
    assert!(boss.streams.contain("machines"));
    assert_eq!(roles.fixed("nobody"), None);
    assert_eq!(roles.grant("nobody", &Map::new()), None);
}

#[test]
fn claims_decide_what_a_role_with_places_for_them_sees() {
    let roles = roles(TENANT).unwrap();
    assert!(roles.needs_claims("tenant"));
    assert_eq!(roles.fixed("tenant"), None);
    let grant = |value: Value| roles.grant("tenant", &claims(value));
    let one = grant(json!({"tenant": "a"})).unwrap();
    assert!(one.read.matches(&machine("a")) && !one.read.matches(&machine("b")));
    let two = grant(json!({"tenant": ["a", "b"]})).unwrap();
    assert!(two.write.matches(&machine("a")) && two.write.matches(&machine("b")));
    assert!(!two.write.matches(&machine("")));
    let none = grant(json!({})).unwrap();
    assert!(
        none.read
            .matches(&Series::new("weather", Vec::<(&str, &str)>::new()))
    );
    assert!(!none.read.matches(&machine("a")) && none.write.selectors().is_empty());
}

#[test]
fn more_selectors_than_allowed_let_nobody_in() {
    let roles = roles(TENANT).unwrap();
    let of = |n: usize| {
        let tenants: Vec<_> = (0..n).map(|n| format!("t{n}")).collect();
        roles.grant("tenant", &claims(json!({"tenant": tenants})))
    };
    // And the one for the weather.
    assert!(of(15).is_some());
    assert_eq!(of(16), None);
    assert_eq!(of(10_000), None);
}

#[test]
fn every_mistake_in_a_role_is_told() {
    let told = roles(&format!(
        r#"
        anonymous = "nobody"
        [roles."a b"]
        operations = ["operate"]
        [roles.idle]
        [roles.boss]
        operations = ["admin"]
        streams = ["*"]
        [roles.blind]
        operations = ["read"]
        write = ["m"]
        [roles.many]
        operations = ["read"]
        read = [{}'m{{', 'n}}']
        "#,
        "'m',".repeat(15)
    ))
    .unwrap_err();
    for expected in [
        "auth.roles.a b: the name must be",
        "auth.roles.idle.operations: at least one of",
        "auth.roles.boss.operations: an admin role has all",
        "auth.roles.blind.read: say which series",
        "auth.roles.blind.write: has no effect without the operation 'publish'",
        "auth.roles.many.read: at most 16",
        "auth.roles.many.read: 'm{' is no series selector",
        "auth.roles.many.read: 'n}' is no series selector",
        "auth.anonymous: there is no role 'nobody'",
    ] {
        assert!(
            told.iter().any(|line| line.starts_with(expected)),
            "{expected}: {told:?}"
        );
    }
    assert_eq!(told.len(), 9, "{told:?}");
    let told = roles(&format!("anonymous = \"tenant\"\n{TENANT}")).unwrap_err();
    assert!(
        told[0].starts_with("auth.anonymous: role 'tenant' needs claims"),
        "{told:?}"
    );
}

proptest! {
    #[test]
    fn whatever_the_claims_are_only_series_with_their_values_are_seen(
        values in prop::collection::vec(".{0,12}", 0..20),
        tenant in ".{0,12}",
        metric in "(machines_|weather|machines)[a-z_]{0,6}",
    ) {
        let roles = roles(TENANT).unwrap();
        let grant = roles.grant("tenant", &claims(json!({"tenant": values})));
        let distinct: BTreeSet<_> = values.iter().filter(|value| !value.is_empty()).collect();
        prop_assert_eq!(grant.is_some(), distinct.len() < SELECTORS_MAX);
        let Some(grant) = grant else { return Ok(()) };
        let series = Series::new(&*metric, [("tenant", &*tenant)]);
        let own = metric.starts_with("machines_") && distinct.contains(&tenant);
        prop_assert_eq!(grant.read.matches(&series), own || metric == "weather");
        prop_assert_eq!(grant.write.matches(&series), own);
        let exact = |s: &crate::data::Selector| s.labels.iter().all(|m| matches!(m.op, MatchOp::Equal | MatchOp::StartsWith));
        prop_assert!(grant.read.selectors().iter().all(exact));
    }
}
