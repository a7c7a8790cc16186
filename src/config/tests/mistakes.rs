//! Every mistake is told at once, with its line, its key and its value, in plain words.

use super::*;

fn told(text: &str) -> String {
    told_with(text, &Overrides::default())
}

fn told_with(text: &str, over: &Overrides) -> String {
    match Config::from_text(text, over) {
        Ok(_) => String::new(),
        Err(mistakes) => mistakes.to_string(),
    }
}

/// All lines are there, and no others.
fn assert_told(text: &str, expected: &[&str]) {
    let said = told(text);
    let lines: Vec<_> = said.lines().skip(1).collect();
    assert_eq!(lines.len(), expected.len(), "{said}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.contains(expected), "{expected}\nis not in\n{said}");
    }
}

#[test]
fn every_mistake_is_told_at_once() {
    assert_told(
        r#"colour = "red"
[kafka]
brokers = 7
grupo = "x"
[http]
listen = "0.0.0.0:80"
allowed_origins = ["example.org"]
[[stream]]
name = "a b"
partitions = 0
start = "soon"
[[stream]]
name = "two"
topic = "t"
labels = ["x"]
[[stream]]
name = "two"
topic = "t"
retention = "1 fortnight"
"#,
        &[
            "line 1: colour: unknown setting; known here: data_dir, log, kafka",
            "line 3: kafka.brokers: must be a text in quotes, found 7",
            "line 4: kafka.grupo: unknown setting; known here: brokers, group_id",
            "line 6: http.listen: 0.0.0.0:80 can be reached",
            "line 7: http.allowed_origins: 'example.org' is not an origin",
            "line 9: stream 'a b': name: must be 1 to 200",
            "line 10: stream 'a b': partitions: must be 1 to 10000, found 0",
            "line 11: stream #1.start: must be \"earliest\", \"latest\" or an RFC 3339 time, found \"soon\"",
            "line 15: stream 'two': labels: have no effect",
            "line 17: stream 'two': name: has the same name as stream #2",
            "line 18: stream 'two': topic: 't' is already read by stream 'two'",
            "line 19: stream #3.retention: must be a length of time such as",
        ],
    );
}

#[test]
fn what_a_setting_takes_is_said_in_plain_words() {
    for (text, expected) in [
        (
            "[http]\nlisten = \"8080\"",
            "line 2: http.listen: must be an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\", found \"8080\"",
        ),
        (
            "[http]\ndrain = \"soon\"",
            "line 2: http.drain: must be a length of time such as \"30s\", \"12h\" or \"7days\", found \"soon\"",
        ),
        ("[http]\ndrain = 5", "must be a length of time such as"),
        (
            "[http]\nworkers = \"two\"",
            "line 2: http.workers: must be a whole number, 0 or more, found \"two\"",
        ),
        (
            "[http]\nworkers = -1",
            "http.workers: must be a whole number, 0 or more, found -1",
        ),
        (
            "[http]\nworkers = 0",
            "line 2: http.workers: must be 1 to 64, found 0",
        ),
        (
            "[[stream]]\nname = \"s\"\ntime = \"ts\"",
            "line 3: stream #1.time: must be a table such as { field = \"ts\", unit = \"ms\" }, found \"ts\"",
        ),
        (
            "[[stream]]\nname = \"s\"\n[stream.time]\nfield = \"ts\"\nunit = \"h\"",
            "line 5: stream #1.time: must be one of s, ms, us, ns, found \"h\"",
        ),
        (
            "[[stream]]\nname = \"s\"\ntime = { feild = \"ts\" }",
            "line 3: stream #1.time: unknown setting feild; known here: field, unit",
        ),
        (
            "[[stream]]\nname = \"s\"\nvalues = [\n  \"a\",\n  7,\n]",
            "line 5: stream #1.values: must be a field's name, or a table such as",
        ),
        (
            "[[stream]]\nname = \"s\"\nvalues = \"a\"",
            "must be a list such as",
        ),
        (
            "[[stream]]\nname = \"s\"\nrelabel = [\n  { action = \"labeldrop\", regex = \"a\" },\n  { regex = \"(\", target_label = \"a\" },\n]",
            "line 5: stream #1.relabel: regex is no usable regular expression: unclosed group",
        ),
        (
            "[[stream]]\nname = \"s\"\n[[stream.relabel]]\ntarget_label = \"a\"\n[[stream.relabel]]\naction = \"hashmod\"\ntarget_label = \"b\"",
            "line 5: stream #1.relabel: hashmod needs a modulus, 1 or more",
        ),
        (
            "[[stream]]\nname = \"s\"\n[[stream.lookup]]\nlabel = \"a\"\nkey = \"id\"\ntable = \"t\"\nlabels = [\"b\"]\n\
             [[stream.lookup]]\nkey = \"id\"\ntable = \"t\"\nlabels = [\"c\"]",
            "line 8: stream #1.lookup: a lookup has one of label and field",
        ),
        (
            "[[stream]]\nname = \"s\"\n[[stream.lookup]]\nlabel = \"a\"\nkey = \"id\"\ntable = \"t\"\nlabels = [\"b\"]\n\
             [[stream.lookup]]\nlabel = \"a\"\nkey = \"id\"\nfile = \"nowhere.csv\"\nlabels = [\"c\"]",
            "line 8: stream 's': lookup #2: cannot read nowhere.csv: ",
        ),
        (
            "[[stream]]\nname = \"s\"\nrelabel = [\"a\"]",
            "line 3: stream #1.relabel: must be a table such as { source_labels",
        ),
        (
            "[pipeline]\ndead_letter_limit = \"half\"",
            "must be a number, found \"half\"",
        ),
        (
            "[http]\nallow_anonymous = \"yes\"",
            "must be true or false, found \"yes\"",
        ),
        (
            "log = \"xml\"",
            "line 1: log: must be one of text, json, found \"xml\"",
        ),
        ("[[stream]]\npartitions = 1", "line 1: stream #1.name: is missing"),
        ("kafka = 3", "line 1: kafka: must be a table, as [kafka]"),
        (
            "[stream]\nname = \"s\"",
            "stream: write [[stream]] with two brackets",
        ),
        ("[kafka]\nbrokers = \"k\nx = 1", "line 2: not TOML"),
    ] {
        let said = told(text);
        assert!(said.contains(expected), "{expected}\nis not in\n{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}

#[test]
fn what_serve_would_refuse_is_refused_by_check() {
    assert_told(
        r#"[kafka]
brokers = "kafka:port"
[kafka.properties]
"sasl.mechanism" = "PLAIN"
"security.protocl" = "SSL"
"ssl.ca.location" = "/nowhere/ca.pem"
[postgres]
url = "postgres://me:hush@db/x?sslmode=verify-full&sslrootcert=/nowhere/root.crt"
[redis]
url = "localhost:6379"
[http]
allowed_hosts = ["https://a.example.org/"]
allowed_origins = ["https://a.example.org/page"]
"#,
        &[
            "line 2: kafka.brokers: 'kafka:port' is no address",
            "line 5: kafka.properties.security.protocl: librdkafka knows no property",
            "line 6: kafka.properties.ssl.ca.location: cannot read /nowhere/ca.pem",
            "line 8: postgres.url: not a usable database url: sslrootcert: cannot read /nowhere/root.crt",
            "line 10: redis.url: not a usable Redis url",
            "line 12: http.allowed_hosts: 'https://a.example.org/'",
            "line 13: http.allowed_origins: 'https://a.example.org/page'",
        ],
    );
    assert_told(
        "[kafka.properties]\n\"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanism\" = \"PLAIN\"\n\"sasl.username\" = \"me\"",
        &["line 1: kafka.properties: "],
    );
}

#[test]
fn a_mapping_that_collides_or_can_never_be_accepted_is_refused() {
    for (setting, expected) in [
        (
            r#"values = ["temp.c", "temp_c"]"#,
            "line 3: stream 's': values: 'temp.c' and 'temp_c' would both become the metric 's_temp_c'",
        ),
        (r#"values = ["a", "a"]"#, "values: 'a' is named twice"),
        (r#"values = ["a", ""]"#, "values: a field name is empty"),
        (
            r#"values = ["a{b"]"#,
            "values: 'a{b' would become the metric 's_a{b'",
        ),
        (
            "values = [\"a\"]\nlabels = [\"x\", \"x\"]",
            "line 4: stream 's': labels: 'x' is named twice",
        ),
        (
            "values = [\"a\"]\nlabels = [\"__name__\"]",
            "labels: '__name__' stands for the metric",
        ),
        (
            "values = [\"a\"]\nlabels = [\"x=y\"]",
            "labels: label 'x=y' must be",
        ),
        (
            "values = [\"a\"]\nlabels = [\"a\"]",
            "labels: 'a' is also one of the values",
        ),
        (
            "values = [\"a\"]\nlabels = [\"ts\"]",
            "labels: 'ts' is also the time",
        ),
        (
            "values = [\"a\"]\nmetric_prefix = \"a b\"",
            "line 4: stream 's': metric_prefix: 'a b' cannot start a metric name",
        ),
        (
            "values = [\"a\"]\nmetric_prefix = \"a{\"",
            "metric_prefix: 'a{' cannot start a metric name",
        ),
        (
            "dedupe = { by = [], within = \"5m\" }",
            "line 3: stream 's': dedupe: by names what tells records apart",
        ),
        (
            "dedupe = { by = [\"a\"], within = \"0s\" }",
            "dedupe: within must be longer than zero",
        ),
        (
            "[[stream.lookup]]\nlabel = \"device\"\nkey = \"id\"\nfile = \"nowhere.csv\"\nlabels = [\"site\"]",
            "line 3: stream 's': lookup #1: cannot read nowhere.csv: ",
        ),
        (
            "values = [\"a\"]\n[[stream.lookup]]\nlabel = \"device\"\nkey = \"id\"\nfile = \"docs/devices.csv\"\nlabels = [\"site\"]",
            "line 4: stream 's': lookup #1: there is no label 'device'",
        ),
        (
            "[[stream.lookup]]\nlabel = \"a\"\nkey = \"id\"\nfile = \"docs/devices.csv\"\nlabels = [\"colour\"]",
            "lookup #1: docs/devices.csv: there is no column 'colour'; its first row has id, site, owner",
        ),
        ("labels = [\"x\"]", "labels: have no effect without values"),
        (
            "values = [\"a\"]\ntime = { field = \"\" }",
            "line 4: stream 's': time: the field name is empty",
        ),
    ] {
        let said = told(&format!("[[stream]]\nname = \"s\"\n{setting}\n"));
        assert!(said.contains(expected), "{expected}\nis not in\n{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
    let long = "x".repeat(255);
    assert!(told(&format!("[[stream]]\nname = \"s\"\nvalues = [\"{long}\"]")).contains("at most 255 bytes"));
    let two = |a: &str, b: &str| told(&format!("[[stream]]\nname = \"{a}\"\n[[stream]]\nname = \"{b}\""));
    assert!(two("a.b", "a_b").contains("line 4: stream 'a_b': name: differs from that of stream #1"));
    assert_eq!(two("a.b", "a.c"), "");
}

#[test]
fn a_setting_from_outside_is_named_by_its_flag() {
    let over = Overrides {
        redis_url: Some("nonsense".to_owned()),
        ..Overrides::default()
    };
    let said = told_with("[redis]\nurl = \"redis://cache\"", &over);
    assert!(
        said.contains("(by --redis-url, REDIS_URL or REDIS_URL_FILE)"),
        "{said}"
    );
    assert!(!said.contains("line "), "{said}");
}

#[test]
fn a_secret_from_outside_that_cannot_be_used_is_told_with_the_other_mistakes() {
    let over = Overrides {
        secrets: [("REDIS_URL_FILE", "/nowhere"), ("DATABASE_PASSWORD", "hush")]
            .into_iter()
            .collect(),
        ..Overrides::default()
    };
    let said = told_with("colour = \"red\"\n[postgres]\nurl = \"host=db user=me\"", &over);
    for expected in [
        "line 1: colour: unknown",
        "line 3: postgres.url: must be a URL to take the password of DATABASE_PASSWORD",
        "REDIS_URL_FILE: cannot read /nowhere: No such file",
    ] {
        assert!(said.contains(expected), "{expected}\nis not in\n{said}");
    }
    assert!(
        said.contains("has 3 mistakes") && !said.contains("hush"),
        "{said}"
    );
}

#[test]
fn no_mistake_repeats_a_secret() {
    let said = told(
        "[kafka.properties]\nsasl.password = \"hush\"\n[postgres]\nurl = \"jdbc:hush\"\npasswort = \"hush\"\n\
         [redis]\nurl = \"hush@x\"\n[archive]\nurl = \"s3://key:hush@bucket\"",
    );
    assert!(said.lines().count() > 4, "{said}");
    assert!(!said.contains("hush"), "{said}");
    let said = told(
        "[postgres]\nurl = [\"hush\"]\n[redis]\nurl = { password = \"hush\" }\n[schema_registry]\npassword = [\"hush\"]",
    );
    assert!(
        said.contains("line 2: postgres.url: must be a text in quotes"),
        "{said}"
    );
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn every_mistake_in_roles_is_told_with_its_place() {
    assert_told(
        r#"[auth]
anonymous = "nobody"
grace = "2h"
colour = "red"
[auth.roles.berlin]
operations = ["read", "fly"]
[auth.roles.paris]
operations = ["read"]
read = ["machines_*{site='paris'}", "sum(m)"]
streams = ["machines", "weather"]
[[auth.issuer]]
issuer = 7
[auth.sign_in]
client_secret = 7
[[stream]]
name = "machines"
"#,
        &[
            "line 2: auth.anonymous: there is no role 'nobody'",
            "line 3: auth.grace: must be at most 1h, found \"2h\"",
            "line 4: auth.colour: unknown setting; known here: anonymous, grace, roles",
            "line 6: auth.roles.berlin.operations: must be one of read, publish, operate, admin, found \"fly\"",
            "line 9: auth.roles.paris.read: 'sum(m)' is no series selector",
            "line 10: auth.roles.paris.streams: there is no stream 'weather'",
            "line 12: auth.issuer #1.issuer: must be a text in quotes, found 7",
            "line 14: auth.sign_in.client_secret: must be a text in quotes",
        ],
    );
    assert!(!told("[auth.sign_in]\nclient_secret = 12345").contains("12345"));
}
