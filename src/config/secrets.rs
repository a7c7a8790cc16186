//! Secrets from outside `streamsync.toml`: each is a variable, or the file that `<variable>_FILE`
//! names, as orchestrators mount them.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub(super) const S3_KEYS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// Every variable that holds a secret.
const VARIABLES: [&str; 10] = [
    "DATABASE_URL",
    "DATABASE_PASSWORD",
    "REDIS_URL",
    "REDIS_PASSWORD",
    "SCHEMA_REGISTRY_URL",
    "SCHEMA_REGISTRY_PASSWORD",
    "KAFKA_SASL_PASSWORD",
    S3_KEYS[0],
    S3_KEYS[1],
    S3_KEYS[2],
];

/// What the environment says of them; files are read when the configuration is.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter();
        Self(
            variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl Secrets {
    pub fn of_environment() -> Self {
        let names = VARIABLES
            .iter()
            .flat_map(|name| [(*name).to_owned(), file_of(name)]);
        names
            .filter_map(|name| std::env::var(&name).ok().map(|value| (name, value)))
            .collect()
    }

    /// Each that is set, by its variable. A mistake names the variable and the file, never what is in them.
    pub(super) fn read(&self, mistakes: &mut Vec<String>) -> BTreeMap<&'static str, String> {
        let mut known = BTreeMap::new();
        for variable in VARIABLES {
            match self.one(variable) {
                Ok(secret) => known.extend(secret.map(|secret| (variable, secret))),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        known
    }

    fn one(&self, variable: &str) -> Result<Option<String>, String> {
        // An empty variable says nothing.
        let set = |name: &str| self.0.get(name).filter(|value| !value.is_empty());
        let by_file = file_of(variable);
        let path = match (set(variable), set(&by_file)) {
            (Some(_), Some(_)) => {
                return Err(format!(
                    "{variable} and {by_file} are both set; unset one of them"
                ));
            }
            (secret, None) => return Ok(secret.cloned()),
            (None, Some(path)) => path,
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{by_file}: cannot read {path}: {error}"))?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(format!("{by_file}: {path} is empty")),
            secret => Ok(Some(secret.to_owned())),
        }
    }
}

fn file_of(variable: &str) -> String {
    format!("{variable}_FILE")
}

/// The URL with this password in place of its own; `None` if it is not a URL.
pub(super) fn with_password(url: &str, password: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let user = login.split(':').next().unwrap_or_default();
    let password = utf8_percent_encode(password, NON_ALPHANUMERIC);
    Some(format!("{scheme}://{user}:{password}@{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<BTreeMap<&'static str, String>, Vec<String>> {
        let mut mistakes = Vec::new();
        let known = variables.iter().copied().collect::<Secrets>().read(&mut mistakes);
        if mistakes.is_empty() {
            Ok(known)
        } else {
            Err(mistakes)
        }
    }

    #[test]
    fn a_secret_is_read_from_its_variable_or_from_its_file_without_the_last_newline() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        let path = file.to_str().unwrap();
        for (written, secret) in [
            ("hush", "hush"),
            ("hush\n", "hush"),
            ("hush\r\n", "hush"),
            (" hu sh \n", " hu sh "),
        ] {
            std::fs::write(&file, written).unwrap();
            for variable in VARIABLES {
                let known = read(&[(&file_of(variable), path), (variable, "")]).unwrap();
                assert_eq!(known, BTreeMap::from([(variable, secret.to_owned())]));
            }
        }
        assert_eq!(
            read(&[("REDIS_URL", "redis://a")]).unwrap()["REDIS_URL"],
            "redis://a"
        );
        assert!(read(&[("REDIS_URL_FILE", "")]).unwrap().is_empty());
    }

    #[test]
    fn a_secret_that_cannot_be_had_is_a_mistake_that_names_the_variable_and_the_file_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            std::fs::write(dir.path().join(name), content).unwrap();
            dir.path().join(name).to_str().unwrap().to_owned()
        };
        let good = file("good", b"hush");
        assert_eq!(
            read(&[("DATABASE_URL", "hush"), ("DATABASE_URL_FILE", &good)]),
            Err(vec![
                "DATABASE_URL and DATABASE_URL_FILE are both set; unset one of them".to_owned()
            ])
        );
        for (path, why) in [
            (file("empty", b"\n"), "is empty"),
            (file("bytes", b"hush\xff"), "UTF-8"),
            (
                dir.path().join("none").to_str().unwrap().to_owned(),
                "No such file",
            ),
            (dir.path().to_str().unwrap().to_owned(), "Is a directory"),
        ] {
            let mistakes = read(&[("REDIS_PASSWORD_FILE", &path)]).unwrap_err();
            let [said] = &mistakes[..] else {
                panic!("{mistakes:?}")
            };
            assert!(
                said.starts_with("REDIS_PASSWORD_FILE: ") && said.contains(&path) && said.contains(why),
                "{said}"
            );
            assert!(!said.contains("hush"), "{said}");
        }
    }

    #[test]
    fn a_password_of_any_characters_takes_the_place_of_that_of_a_url() {
        for (url, expected) in [
            (
                "postgres://me@db:5432/x?a=b@c",
                "postgres://me:p%40s%3A%2F%3Fs%25@db:5432/x?a=b@c",
            ),
            ("postgres://me:old@db/x", "postgres://me:p%40s%3A%2F%3Fs%25@db/x"),
            ("redis://cache", "redis://:p%40s%3A%2F%3Fs%25@cache"),
        ] {
            assert_eq!(with_password(url, "p@s:/?s%").as_deref(), Some(expected));
        }
        assert_eq!(with_password("host=db user=me", "x"), None);
    }

    #[test]
    fn no_secret_is_shown() {
        let secrets: Secrets = [("REDIS_PASSWORD", "hush")].into_iter().collect();
        assert_eq!(format!("{secrets:?}"), "{\"REDIS_PASSWORD\"}");
    }
}
