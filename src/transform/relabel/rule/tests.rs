//! The cases of Prometheus' own tests, and what is ours: nothing may panic, names are checked later.

use super::*;

/// As it is written in a configuration.
fn rules(toml: &str) -> Vec<Relabel> {
    #[derive(Deserialize)]
    struct Stream {
        relabel: Vec<Relabel>,
    }
    let stream: Stream = toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}\n{error}"));
    stream.relabel
}

fn refused(rule: &str) -> String {
    #[derive(Debug, Deserialize)]
    struct One {
        #[expect(dead_code, reason = "none comes")]
        rule: Relabel,
    }
    toml::from_str::<One>(&format!("rule = {{ {rule} }}"))
        .unwrap_err()
        .message()
        .to_owned()
}

/// `metric name=value …` of what the rules make.
fn made(rules_of: &str, metric: &str, labels: &[(&str, &str)]) -> Option<String> {
    let rules = rules(&format!("relabel = [{rules_of}]"));
    let (metric, labels) = apply(&rules, metric, labels.iter().copied())?;
    let labels = labels.iter().map(|(name, value)| format!(" {name}={value}"));
    Some(format!("{metric}{}", labels.collect::<String>()))
}

const ABC: [(&str, &str); 3] = [("a", "foo"), ("b", "bar"), ("c", "baz")];

#[test]
fn replace_sets_a_label_from_what_the_groups_matched() {
    for (rule, expected) in [
        (
            r#"{ source_labels = ["a"], regex = "f(.*)", target_label = "d", separator = ";", replacement = "ch${1}-ch${1}" }"#,
            "m a=foo b=bar c=baz d=choo-choo",
        ),
        (
            r#"{ source_labels = ["a", "b"], regex = "f(.*);(.*)r", target_label = "a", replacement = "b${1}${2}m" }, { source_labels = ["a", "b"], regex = "(b)(o+).*;(.*)", target_label = "d", replacement = "$1$2$2$3" }"#,
            "m a=boobam b=bar c=baz d=boooobar",
        ),
        // Nothing matches, so nothing changes.
        (
            r#"{ source_labels = ["a"], regex = "(b).*", target_label = "a", replacement = "x" }"#,
            "m a=foo b=bar c=baz",
        ),
        // An empty text deletes.
        (r#"{ target_label = "a", replacement = "" }"#, "m b=bar c=baz"),
        (
            r#"{ target_label = "d", replacement = "eu" }"#,
            "m a=foo b=bar c=baz d=eu",
        ),
        (
            r#"{ source_labels = ["none"], target_label = "a" }"#,
            "m b=bar c=baz",
        ),
        (
            r#"{ source_labels = ["a"], target_label = "d" }"#,
            "m a=foo b=bar c=baz d=foo",
        ),
        // Not in the whole text.
        (
            r#"{ source_labels = ["a"], regex = "fo", target_label = "d" }"#,
            "m a=foo b=bar c=baz",
        ),
        (
            r#"{ source_labels = ["a"], regex = "(?P<first>f)(.*)", target_label = "${first}_d", replacement = "$$${2}" }"#,
            "m a=foo b=bar c=baz f_d=$oo",
        ),
        // A target that is empty is no label.
        (
            r#"{ source_labels = ["a"], regex = "foo(x?)", target_label = "${1}", replacement = "y" }"#,
            "m a=foo b=bar c=baz",
        ),
        (
            r#"{ source_labels = ["__name__"], regex = "(.*)", target_label = "__name__", replacement = "plant_$1" }"#,
            "plant_m a=foo b=bar c=baz",
        ),
        // `\d` is about ASCII, and a brace stands for itself, as in RE2.
        (
            r#"{ source_labels = ["a"], regex = '\w+|{x}', target_label = "d" , replacement = "w"}"#,
            "m a=foo b=bar c=baz d=w",
        ),
    ] {
        assert_eq!(made(rule, "m", &ABC).as_deref(), Some(expected), "{rule}");
    }
}

#[test]
fn keep_and_drop_decide_about_the_point() {
    for (rule, keeps) in [
        (
            r#"{ source_labels = ["a"], regex = ".*o.*", action = "drop" }"#,
            false,
        ),
        (
            r#"{ source_labels = ["a"], regex = "f|o", action = "drop" }"#,
            true,
        ),
        (
            r#"{ source_labels = ["a"], regex = "no-match", action = "keep" }"#,
            false,
        ),
        (
            r#"{ source_labels = ["a"], regex = "f.*", action = "keep" }"#,
            true,
        ),
        (
            r#"{ source_labels = ["none"], regex = "", action = "keep" }"#,
            true,
        ),
        (
            r#"{ source_labels = ["__name__"], regex = "m", action = "drop" }"#,
            false,
        ),
        (
            r#"{ source_labels = ["a"], target_label = "b", action = "keepequal" }"#,
            false,
        ),
        (
            r#"{ source_labels = ["a"], target_label = "b", action = "dropequal" }"#,
            true,
        ),
        (
            r#"{ source_labels = ["a"], target_label = "a", action = "keepequal" }"#,
            true,
        ),
        (
            r#"{ source_labels = ["a"], target_label = "a", action = "dropequal" }"#,
            false,
        ),
    ] {
        assert_eq!(made(rule, "m", &ABC).is_some(), keeps, "{rule}");
    }
}

#[test]
fn hashmod_is_what_prometheus_takes_of_md5() {
    let hashed = |rule: &str, labels: &[(&str, &str)]| made(rule, "m", labels).unwrap();
    assert_eq!(
        hashed(
            r#"{ source_labels = ["c"], target_label = "d", action = "hashmod", modulus = 1000 }"#,
            &ABC
        ),
        "m a=foo b=bar c=baz d=976"
    );
    assert_eq!(
        hashed(
            r#"{ source_labels = ["a"], target_label = "d", action = "hashmod", modulus = 1000 }"#,
            &[("a", "foo\nbar")]
        ),
        "m a=foo\nbar d=734"
    );
}

#[test]
fn labelmap_labeldrop_and_labelkeep_are_about_names() {
    let labels = [("a", "foo"), ("b1", "bar"), ("b2", "baz")];
    for (rule, expected) in [
        (
            r#"{ regex = "(b.*)", replacement = "bar_${1}", action = "labelmap" }"#,
            "m a=foo b1=bar b2=baz bar_b1=bar bar_b2=baz",
        ),
        (r#"{ regex = "(b.*)", action = "labeldrop" }"#, "m a=foo"),
        (
            r#"{ regex = "(b.*|__name__)", action = "labelkeep" }"#,
            "m b1=bar b2=baz",
        ),
        // As in Prometheus the metric is a label too.
        (r#"{ regex = "(b.*)", action = "labelkeep" }"#, " b1=bar b2=baz"),
        (
            r#"{ regex = "a()", replacement = "$1", action = "labelmap" }"#,
            "m a=foo b1=bar b2=baz",
        ),
    ] {
        assert_eq!(made(rule, "m", &labels).as_deref(), Some(expected), "{rule}");
    }
    let meta = [("__meta_my_bar", "aaa"), ("__meta_my_baz", "bbb")];
    assert_eq!(
        made(r#"{ regex = "__meta_(my.*)", action = "labelmap" }"#, "m", &meta).as_deref(),
        Some("m my_bar=aaa my_baz=bbb")
    );
}

#[test]
fn lowercase_and_uppercase_write_a_text_anew() {
    let rules = r#"{ source_labels = ["foo"], target_label = "up", action = "uppercase" },
                   { source_labels = ["foo"], target_label = "low", action = "lowercase" }"#
        .replace('\n', " ");
    assert_eq!(
        made(&rules, "m", &[("foo", "bAr123Foo")]).as_deref(),
        Some("m foo=bAr123Foo low=bar123foo up=BAR123FOO")
    );
}

#[test]
fn labels_that_begin_with_two_underscores_are_gone_in_the_end() {
    let rules = r#"{ source_labels = ["a"], target_label = "__tmp" }, { source_labels = ["__tmp"], target_label = "d" }"#;
    assert_eq!(
        made(rules, "m", &ABC).as_deref(),
        Some("m a=foo b=bar c=baz d=foo")
    );
}

#[test]
fn mistakes_of_a_rule_are_told() {
    for (rule, expected) in [
        (r#"source_labels = ["a"]"#, "replace needs a target_label"),
        (
            r#"action = "keepequal", source_labels = ["a"]"#,
            "keepequal needs a target_label",
        ),
        (
            r#"action = "hashmod", target_label = "b""#,
            "hashmod needs a modulus, 1 or more",
        ),
        (
            r#"action = "labeldrop", source_labels = ["a"]"#,
            "labeldrop has no source_labels; it has regex",
        ),
        (
            r#"action = "lowercase", target_label = "a", replacement = "x""#,
            "lowercase has no replacement; it has source_labels, separator, target_label",
        ),
        (
            r#"action = "keep", regex = "(""#,
            "regex is no usable regular expression: unclosed group",
        ),
        (
            r#"action = "keep", regex = "a)|(b""#,
            "regex is no usable regular expression: unopened group",
        ),
        (
            r#"action = "keep", regex = "((a{100}){100}){100}""#,
            "regex is no usable regular expression: Compiled regex exceeds size limit of 1048576 bytes.",
        ),
        (r#"action = "keeep""#, "unknown variant `keeep`"),
        (r#"colour = "red""#, "unknown field `colour`"),
    ] {
        let said = refused(rule);
        assert!(said.starts_with(expected), "{rule}: {said}");
    }
}
