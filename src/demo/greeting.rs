//! What `streamsync demo` prints: where everything is, and commands to paste, on one screen.

use std::path::Path;

const COLUMNS: usize = 80;
/// Where the commands of the terminal look by themselves.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";
const CPU: &str = "--metric ec2_cpu_utilization";
const WRITE: &str = "curl -d 'room,site=north temperature=21.5'";

pub struct Greeting<'a> {
    /// As it was called, so that pasted commands work without PATH.
    pub program: &'a str,
    pub url: &'a str,
    pub kafka: &'a str,
    pub kafka_is_embedded: bool,
    /// Of a private Postgres.
    pub data: Option<&'a Path>,
    pub has_dashboard: bool,
}

impl Greeting<'_> {
    pub fn text(&self) -> String {
        let Self { program, url, .. } = self;
        let mut places = vec![("page", format!("{url}/"))];
        if self.has_dashboard {
            places.push(("board", format!("{url}/explore?board=demo")));
            places.push(("dead letters", format!("{url}/dead-letters")));
        }
        places.push(("GraphQL", format!("{url}/graphql")));
        places.push((
            "Kafka",
            match self.kafka_is_embedded {
                true => format!("{} (embedded: in memory, lost at exit)", self.kafka),
                false => self.kafka.to_owned(),
            },
        ));
        places.push((
            "data",
            match self.data {
                Some(data) => format!("{} (a private Postgres)", data.display()),
                None => "in the Postgres of the configuration".to_owned(),
            },
        ));
        let places: String = (places.iter())
            .map(|(what, place)| format!("  {what:<13}{place}\n"))
            .collect();
        let server = match *url == DEFAULT_URL {
            true => String::new(),
            false => format!("--url {url}"),
        };
        let (query, tail) = (format!("{program} query"), format!("{program} tail"));
        let query = [&query, &server, CPU, "--last 24h", "--step 2h", "--format table"];
        let tail = [&tail, &server, CPU, "--backfill 1m"];
        let write = [WRITE, &format!("{url}/write")];
        let (query, tail, write) = (folded(&query), folded(&tail), folded(&write));
        format!(
            "
StreamSync demo: 9 series, a day of history, live points, two dead letters.

{places}
A day of history, live points, and a point of your own:

{query}
{tail}
{write}

Points are kept for two days. Ctrl-C stops everything; a restart continues.
"
        )
    }
}

/// Indented, and on as many lines as it needs; a shell reads them as one.
fn folded(parts: &[&str]) -> String {
    let (mut text, mut column) = (String::from(" "), 1);
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if column > 1 && column + part.len() + " \\".len() >= COLUMNS {
            text.push_str(" \\\n   ");
            column = 3;
        }
        text.push(' ');
        text.push_str(part);
        column += 1 + part.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(program: &str, url: &str) -> String {
        let greeting = Greeting {
            program,
            url,
            kafka: "127.0.0.1:40123",
            kafka_is_embedded: true,
            data: Some(Path::new(".streamsync")),
            has_dashboard: true,
        };
        greeting.text()
    }

    #[test]
    fn it_fits_a_screen_of_80_columns_and_24_rows() {
        for (program, url) in [
            ("target/debug/streamsync", DEFAULT_URL),
            (
                "/home/somebody/streamsync/target/release/streamsync",
                "https://127.0.0.1:40000",
            ),
        ] {
            let text = greeting(program, url);
            // One row is for the cursor.
            assert!(text.lines().count() <= 23, "{text}");
            assert!(text.lines().all(|line| line.len() <= COLUMNS), "{text}");
        }
    }

    #[test]
    fn its_commands_say_where_the_server_is_unless_they_find_it() {
        assert!(!greeting("streamsync", DEFAULT_URL).contains("--url"));
        let text = greeting("streamsync", "http://127.0.0.1:40000").replace(" \\\n   ", "");
        let tail =
            "\n  streamsync tail --url http://127.0.0.1:40000 --metric ec2_cpu_utilization --backfill 1m\n";
        assert!(text.contains(tail), "{text}");
    }
}
