//! Commands that can be pasted as they stand: with the options that this one was given, and no secret.

use crate::config::{Config, Overrides};
use crate::terminal::shell::quoted;

#[derive(Clone, Debug)]
pub struct Remedies {
    /// As it was called.
    program: String,
    /// Options of commands that read the configuration.
    options: String,
    /// Options of commands that ask a running server.
    server: String,
    /// The shell's word for the database.
    database: String,
}

impl Remedies {
    pub fn new(program: String, config: &Config, overrides: &Overrides) -> Self {
        let mut options = String::new();
        for (option, path) in [
            ("--config", &overrides.config),
            ("--data-dir", &overrides.data_dir),
        ] {
            if let Some(path) = path {
                options += &format!(" {option} {}", quoted(&path.display().to_string()));
            }
        }
        let (http, usual) = (&config.http, Config::default().http);
        let scheme = if http.tls.is_some() { "https" } else { "http" };
        let is_usual = http.listen == usual.listen && http.tls.is_none();
        let server = match is_usual {
            true => String::new(),
            false => format!(" --url {scheme}://{}", http.listen),
        };
        Self {
            program,
            options,
            server,
            database: "\"$DATABASE_URL\"".to_owned(),
        }
    }

    pub fn on_database(&self, database: String) -> Self {
        Self {
            database,
            ..self.clone()
        }
    }

    /// A command that reads the configuration.
    pub fn streamsync(&self, command: &str) -> String {
        format!("{} {command}{}", self.program, self.options)
    }

    /// A command that asks a running server.
    pub fn of_server(&self, command: &str) -> String {
        format!("{} {command}{}", self.program, self.server)
    }

    pub fn psql(&self, statements: &[String]) -> String {
        let statements = statements.iter().map(|one| format!(" -c {}", quoted(one)));
        format!("psql {}{}", self.database, statements.collect::<String>())
    }
}

#[cfg(test)]
impl Default for Remedies {
    fn default() -> Self {
        Self::new("streamsync".to_owned(), &Config::default(), &Overrides::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_repeat_the_options_that_were_given_as_a_shell_takes_them() {
        let usual = Remedies::default();
        assert_eq!(usual.streamsync("migrate"), "streamsync migrate");
        assert_eq!(usual.of_server("reload"), "streamsync reload");
        let statement = "reindex index \"it's\"".to_owned();
        assert_eq!(
            usual.psql(&[statement]),
            r#"psql "$DATABASE_URL" -c 'reindex index "it'\''s"'"#
        );

        let overrides = Overrides {
            config: Some("my files/a.toml".into()),
            database_url: Some("postgres://u:hidden@h/db".to_owned()),
            ..Overrides::default()
        };
        let mut config = Config::default();
        config.http.listen = ([127, 0, 0, 1], 9000).into();
        let remedies = Remedies::new("streamsync".to_owned(), &config, &overrides);
        assert_eq!(
            remedies.streamsync("migrate"),
            "streamsync migrate --config 'my files/a.toml'"
        );
        assert_eq!(
            remedies.of_server("reload"),
            "streamsync reload --url http://127.0.0.1:9000"
        );
        assert!(!format!("{remedies:?}").contains("hidden"));
    }
}
