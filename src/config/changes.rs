//! What changes when the configuration is read again: mappings and `[auth]` at once, the rest at the next
//! start.

use super::{Config, StreamConfig};
use crate::access::config::AuthConfig;

impl Config {
    /// The sections that take effect at the next start.
    ///
    /// # Errors
    /// Why nothing of it may be taken up.
    pub fn at_restart(&self, new: &Self) -> Result<Vec<String>, String> {
        let (old_names, new_names) = (self.stream_names(), new.stream_names());
        if old_names != new_names {
            return Err(format!(
                "the streams are [{}] and were [{}]: restart to add or remove some",
                new_names.join(", "),
                old_names.join(", ")
            ));
        }
        for new in &new.streams {
            let old = self.streams.iter().find(|old| old.name == new.name);
            if old.is_some_and(|old| old.fixed() != new.fixed()) {
                return Err(format!(
                    "stream {}: topic, partitions, start, on_offset_lost, max_series and retention change only at a restart",
                    new.name
                ));
            }
        }
        let grace = |config: &Self| config.auth.as_ref().map(|auth| auth.grace);
        let has_other_grace = grace(self).zip(grace(new)).is_some_and(|(old, new)| old != new);
        let sections = [
            ("data_dir", self.data_dir == new.data_dir),
            ("log", self.log == new.log),
            ("kafka", self.kafka == new.kafka),
            ("postgres", self.postgres == new.postgres),
            ("redis", self.redis == new.redis),
            ("http", self.http == new.http),
            ("pipeline", self.pipeline == new.pipeline),
            ("rollups", self.rollups == new.rollups),
            ("archive", self.archive == new.archive),
            ("schema_registry", self.schema_registry == new.schema_registry),
            ("auth", self.auth.is_some() == new.auth.is_some()),
            ("auth.grace", !has_other_grace),
        ];
        let changed = sections.into_iter().filter(|(_, is_same)| !is_same);
        Ok(changed.map(|(name, _)| name.to_owned()).collect())
    }

    /// Takes what changes at once. The rest stays as the server was started with it.
    pub fn take_up(&mut self, new: Self) {
        self.streams = new.streams;
        if let (Some(auth), Some(new)) = (&mut self.auth, new.auth) {
            *auth = AuthConfig {
                grace: auth.grace,
                ..new
            };
        }
    }

    /// In no order of the file.
    fn stream_names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.streams.iter().map(|stream| &*stream.name).collect();
        names.sort_unstable();
        names
    }
}

impl StreamConfig {
    /// The settings that Kafka and the tables were prepared for.
    fn fixed(&self) -> Self {
        Self {
            name: self.name.clone(),
            topic: self.topic.clone(),
            partitions: self.partitions,
            start: self.start,
            on_offset_lost: self.on_offset_lost,
            max_series: self.max_series,
            retention: self.retention,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;
    use crate::transform::replanned;

    fn config(text: &str) -> Config {
        Config::from_text(text, &Overrides::default()).unwrap_or_else(|error| panic!("{text}\n{error:#}"))
    }

    const OLD: &str = "[[stream]]\nname = \"a\"\nvalues = [\"x\"]\n[[stream]]\nname = \"b\"";

    #[test]
    fn streams_change_at_once_in_any_order_and_other_sections_at_the_next_start() {
        let none: Vec<String> = Vec::new();
        let new = OLD.replace("\"x\"", "\"x\", \"y\"");
        assert_eq!(config(OLD).at_restart(&config(&new)), Ok(none.clone()));
        let turned = "[[stream]]\nname = \"b\"\n[[stream]]\nname = \"a\"\nvalues = [\"x\"]";
        assert_eq!(config(OLD).at_restart(&config(turned)), Ok(none));
        let turned = turned.replace("\"a\"", "\"a\"\ntopic = \"t\"");
        let why = config(OLD).at_restart(&config(&turned)).expect_err("refused");
        assert!(why.contains("stream a: topic"), "{why}");
        let new = format!("[http]\nworkers = 3\n{new}");
        assert_eq!(config(OLD).at_restart(&config(&new)), Ok(vec!["http".to_owned()]));
    }

    #[test]
    fn what_waits_for_a_restart_is_told_each_time() {
        let with = |auth: &str| config(&format!("{auth}\n{OLD}"));
        let waits = |running: &Config, new: &Config| running.at_restart(new).expect("allowed").join(" ");
        let roles = |read: &str| {
            format!(
                "[auth]\nanonymous = \"guest\"\n[auth.roles.guest]\noperations = [\"read\"]\nread = [\"{read}\"]"
            )
        };
        let (first, second) = (with(&roles("a")), with(&roles("b")));

        // Removed, and put back with changes, which hold.
        let mut running = first.clone();
        for _ in 0..2 {
            assert_eq!(waits(&running, &with("")), "auth");
            running.take_up(with(""));
        }
        assert_eq!(running.auth, first.auth);
        assert_eq!(waits(&running, &second), "");
        running.take_up(second.clone());
        assert_eq!(running.auth, second.auth);

        let mut running = with("");
        for _ in 0..2 {
            assert_eq!(waits(&running, &first), "auth");
            running.take_up(first.clone());
        }
        assert_eq!(running.auth, None);

        let mut running = first.clone();
        let other = with(&roles("b").replace("\"guest\"\n[", "\"guest\"\ngrace = \"7s\"\n["));
        for _ in 0..2 {
            assert_eq!(waits(&running, &other), "auth.grace");
            running.take_up(other.clone());
            assert_eq!(running.auth, second.auth);
        }
    }

    #[test]
    fn a_stream_has_changed_if_it_makes_something_else_of_records() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let avro = |field: &str| {
            let text = format!(
                r#"{{"type": "record", "name": "R", "fields": [{{"name": "{field}", "type": "double"}}]}}"#
            );
            file("r.avsc", &text)
        };
        let site = |field: &str| {
            file(
                "site.proto",
                &format!("syntax = \"proto3\"; message Site {{ string {field} = 1; }}"),
            )
        };
        let proto = "syntax = \"proto3\"; import \"site.proto\"; message R { double x = 1; Site site = 2; }";
        let (avro_file, _, proto_file) = (avro("x"), site("a"), file("r.proto", proto));
        let stream = |name: &str, settings: &str| {
            format!(
                "[[stream]]\nname = \"{name}\"\ntime = {{ from = \"kafka\" }}\nvalues = [\"x\"]\n{settings}\n"
            )
        };
        let old = [
            stream(
                "a",
                &format!("format = \"avro\"\nschema = {{ file = {avro_file:?} }}"),
            ),
            stream(
                "p",
                &format!("format = \"protobuf\"\nschema = {{ file = {proto_file:?}, message = \"R\" }}"),
            ),
            stream("r", "relabel = [{ regex = \"l\", action = \"labeldrop\" }]"),
        ]
        .concat();
        let plans = |text: &str| config(text).plans(None).expect("plans");
        let before = plans(&old);
        let changed = |text: &str| {
            let (all, changed) = replanned(&before, &plans(text));
            assert_eq!(all.len(), 3);
            changed
                .iter()
                .map(|plan| plan.name.to_string())
                .collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        assert_eq!(changed(&old), none);
        let test = "[[stream.test]]\nname = \"t\"\ninput = \"{}\"";
        assert_eq!(changed(&format!("{old}{test}")), none);
        assert_eq!(changed(&old.replace("\"l\"", "\"m\"")), ["r"]);
        assert_eq!(
            changed(&old.replace("format = \"avro\"", "max_record_bytes = 9\nformat = \"avro\"")),
            ["a"]
        );
        avro("y");
        assert_eq!(changed(&old), ["a"]);
        avro("x");
        site("b");
        assert_eq!(changed(&old), ["p"]);
    }

    #[test]
    fn streams_and_their_topics_stay_until_a_restart() {
        for (change, words) in [
            (OLD.replace("\"b\"", "\"c\""), "[a, c] and were [a, b]"),
            (format!("{OLD}\n[[stream]]\nname = \"c\""), "[a, b, c]"),
            (format!("{OLD}\ntopic = \"t\""), "stream b: topic"),
            (format!("{OLD}\nmax_series = 7"), "stream b: topic"),
            (format!("{OLD}\nretention = \"9d\""), "stream b: topic"),
        ] {
            let why = config(OLD).at_restart(&config(&change)).expect_err("refused");
            assert!(why.contains(words), "{change}: {why}");
        }
    }
}
