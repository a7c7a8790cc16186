//! The help of each command: its group, the settings that matter to it, and its examples.

use std::fmt::Write;

use clap::builder::StyledStr;
use clap::{Arg, Command};

/// In columns.
pub(super) const WIDTH: usize = 80;
/// The heading of what the environment and the configuration file say as well. A command takes all of
/// them, since it checks the whole configuration, and shows those that change what it does.
pub(super) const SETTINGS: &str = "Settings (a flag overrides its variable, that overrides the file)";

const GROUPS: [(&str, &[&str]); 5] = [
    ("Run", &["demo", "serve", "check", "health", "doctor", "reload"]),
    ("Look", &["query", "tail", "export", "tap", "dry-run", "audit"]),
    ("Write", &["infer", "test", "produce"]),
    (
        "Look after",
        &[
            "resume",
            "rewind",
            "delete-series",
            "keys",
            "migrate",
            "archive",
            "restore",
        ],
    ),
    ("Print", &["schema", "completions", "man"]),
];

struct Page {
    shown: &'static [&'static str],
    /// What it does, and the command.
    examples: &'static [(&'static str, &'static str)],
}

const ALL: &[&str] = &[
    "config",
    "kafka_brokers",
    "database_url",
    "redis_url",
    "schema_registry_url",
    "listen",
    "allow_anonymous",
    "allowed_hosts",
    "allowed_origins",
    "data_dir",
    "log",
];
const SCHEMAS: &[&str] = &["config", "schema_registry_url"];
const LISTENING: &[&str] = &["config", "listen"];
const KAFKA: &[&str] = &["config", "kafka_brokers", "schema_registry_url", "data_dir"];
const DATABASE: &[&str] = &["config", "database_url", "data_dir"];
const BOTH: &[&str] = &["config", "kafka_brokers", "database_url", "data_dir"];
const BROKER: &[&str] = &["config", "kafka_brokers", "data_dir"];

/// `None`: there is no such command. The words of a command within another are its path.
fn page(path: &str) -> Option<Page> {
    let (shown, examples): (&[&str], &[(&str, &str)]) = match path {
        "" => (
            &[],
            &[
                ("Everything at once, with data", "streamsync demo"),
                (
                    "What it has stored",
                    "streamsync query --last 5m --step 10s --format table",
                ),
                (
                    "What is coming in",
                    "streamsync tail --metric ec2_cpu_utilization",
                ),
            ],
        ),
        "demo" => (
            ALL,
            &[
                (
                    "On the usual port, in the directory .streamsync",
                    "streamsync demo",
                ),
                (
                    "Elsewhere, and faster",
                    "streamsync demo --listen 127.0.0.1:8090 --data-dir /tmp/demo --pace 100ms",
                ),
            ],
        ),
        "serve" => (
            ALL,
            &[
                (
                    "The streams of streamsync.toml, with everything embedded",
                    "streamsync serve",
                ),
                (
                    "With Kafka and Postgres of your own",
                    "streamsync serve --kafka-brokers kafka:9092 --database-url postgres://me@db/x",
                ),
            ],
        ),
        "check" => (
            ALL,
            &[
                ("All mistakes of streamsync.toml", "streamsync check"),
                (
                    "What becomes of each record of a file",
                    "streamsync check --sample records.ndjson --stream iot",
                ),
            ],
        ),
        "health" => (
            LISTENING,
            &[("For a container's health check", "streamsync health")],
        ),
        "doctor" => (
            ALL,
            &[
                ("One screen, with a remedy each", "streamsync doctor"),
                (
                    "For scripts: fails for a warning, too",
                    "streamsync doctor --strict --json",
                ),
            ],
        ),
        "reload" => (&[], &[("After streamsync.toml has changed", "streamsync reload")]),
        "query" => (
            &[],
            &[
                (
                    "The latest value of each series",
                    "streamsync query --format table",
                ),
                (
                    "Averages of ten seconds",
                    "streamsync query --metric cpu --last 5m --step 10s --format table",
                ),
                (
                    "The highest value of each day of a month in Berlin",
                    "streamsync query --metric cpu --from 2026-11-01 --to 2026-12-01 \\\n    \
                     --step 1d --aggregate max --time-zone Europe/Berlin --format table",
                ),
                ("Any GraphQL", "streamsync query '{ metrics { name series } }'"),
            ],
        ),
        "tail" => (
            &[],
            &[
                (
                    "The last minute, then what comes",
                    "streamsync tail --metric cpu --label site=north --backfill 1m",
                ),
                (
                    "One point of each series a second, as JSON",
                    "streamsync tail --every 1s --format json",
                ),
            ],
        ),
        "export" => (
            &[],
            &[
                (
                    "The stored points of a day",
                    "streamsync export --from 2026-11-28 --to 2026-11-29 --out day.parquet",
                ),
                (
                    "Averages of an hour, to standard output",
                    "streamsync export --metric cpu --last 1h --step 1m --aggregate avg,max",
                ),
            ],
        ),
        "tap" => (
            KAFKA,
            &[(
                "The next ten records as they are",
                "streamsync tap --stage decoded --limit 10",
            )],
        ),
        "dry-run" => (
            KAFKA,
            &[
                ("The last records of the only stream", "streamsync dry-run"),
                (
                    "From a time on",
                    "streamsync dry-run --stream iot --from 2026-11-28T17:44 --limit 100",
                ),
            ],
        ),
        "audit" => (
            DATABASE,
            &[(
                "What was refused this week",
                "streamsync audit --last 7d --action denied",
            )],
        ),
        "infer" => (
            KAFKA,
            &[
                (
                    "From a file",
                    "streamsync infer records.ndjson >> streamsync.toml",
                ),
                ("From a topic", "streamsync infer --topic iot --name iot"),
            ],
        ),
        "test" => (SCHEMAS, &[("All streams", "streamsync test")]),
        "produce" => (
            BROKER,
            &[
                (
                    "A file",
                    "streamsync produce --stream iot --file records.csv --key device",
                ),
                (
                    "Lines of JSON",
                    "echo '{\"device\": \"m7\", \"t\": 21.5}' | streamsync produce --stream iot",
                ),
            ],
        ),
        "resume" => (
            &[],
            &[("After its mapping was mended", "streamsync resume --stream iot")],
        ),
        "rewind" => (
            BOTH,
            &[(
                "All of a day again",
                "streamsync rewind --stream iot --to 2026-11-28",
            )],
        ),
        "delete-series" => (
            DATABASE,
            &[(
                "A device that is gone",
                "streamsync delete-series --metric cpu --label device=m7 --yes",
            )],
        ),
        "keys" => (DATABASE, &[("All of them", "streamsync keys list")]),
        "keys create" => (
            DATABASE,
            &[(
                "For ninety days",
                "streamsync keys create telegraf --role writer --expires 90d",
            )],
        ),
        "keys list" => (DATABASE, &[("All keys", "streamsync keys list")]),
        "keys revoke" => (DATABASE, &[("By its name", "streamsync keys revoke telegraf")]),
        "keys rotate" => (DATABASE, &[("By its name", "streamsync keys rotate telegraf")]),
        "migrate" => (
            DATABASE,
            &[("Before the nodes are replaced", "streamsync migrate")],
        ),
        "archive" => (
            DATABASE,
            &[
                ("What is due", "streamsync archive"),
                ("What the archive holds", "streamsync archive --list"),
            ],
        ),
        "restore" => (
            DATABASE,
            &[(
                "A day",
                "streamsync restore --from 2026-11-01 --to 2026-11-02 --keep 30d",
            )],
        ),
        "schema" => (&[], &[("Into a file", "streamsync schema > schema.graphql")]),
        "completions" => (
            &[],
            &[
                (
                    "bash",
                    "streamsync completions bash > /etc/bash_completion.d/streamsync",
                ),
                (
                    "zsh, with ~/.zfunc in fpath",
                    "streamsync completions zsh > ~/.zfunc/_streamsync",
                ),
                (
                    "fish",
                    "streamsync completions fish > ~/.config/fish/completions/streamsync.fish",
                ),
            ],
        ),
        "man" => (
            &[],
            &[
                ("Read it", "streamsync man | man -l -"),
                (
                    "Install the pages of all commands",
                    "streamsync man --out /usr/local/share/man/man1",
                ),
            ],
        ),
        _ => return None,
    };
    Some(Page { shown, examples })
}

/// The examples as lines.
pub(super) fn examples(path: &str) -> String {
    let mut text = String::new();
    for (what, command) in page(path).iter().flat_map(|page| page.examples) {
        // Writing into memory does not fail.
        let _ = writeln!(text, "  # {what}\n  {command}");
    }
    text.truncate(text.trim_end().len());
    text
}

/// With groups, examples, and only the settings that matter.
pub(super) fn dressed(command: Command) -> Command {
    let overview = overview(&command);
    let options = command.get_styles().get_header();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{overview}\n\
         {options}Options:{options:#}\n{{options}}{{after-help}}"
    );
    with_page(command, "").help_template(StyledStr::from(template))
}

fn with_page(command: Command, path: &str) -> Command {
    let shown = page(path).map_or(&[][..], |page| page.shown);
    let heading = command.get_styles().get_header();
    let examples = format!("{heading}Examples:{heading:#}\n{}", examples(path));
    let has_commands = command.has_subcommands();
    let is_setting = |arg: &Arg| arg.get_help_heading() == Some(SETTINGS);
    let settings = move |arg: Arg| match is_setting(&arg) {
        true => {
            let is_shown = shown.contains(&arg.get_id().as_str());
            // Also behind the commands within this one.
            arg.hide(!is_shown).global(has_commands && !path.is_empty())
        }
        false => arg,
    };
    let inner = |command: Command| {
        let path = format!("{path} {}", command.get_name());
        with_page(command, path.trim_start())
    };
    command
        .mut_args(settings)
        .mut_subcommands(inner)
        .after_help(StyledStr::from(examples))
}

/// All commands by group, with a line for each.
fn overview(command: &Command) -> String {
    let styles = command.get_styles();
    let (heading, literal) = (styles.get_header(), styles.get_literal());
    let mut text = String::new();
    for (group, names) in GROUPS {
        let _ = writeln!(text, "\n{heading}{group}:{heading:#}");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {literal}{name:<15}{literal:#}{about}");
        }
    }
    text
}

#[cfg(test)]
mod tests;
