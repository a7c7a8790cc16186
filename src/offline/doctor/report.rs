//! The findings on one screen of 80 columns, or as JSON.

use serde_json::{Value, json};

use super::finding::{Finding, Level};

const COLUMNS: usize = 80;
/// Where what was seen begins; level and check are before it.
const SEEN: usize = 21;

/// How many of them were of each level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub ok: usize,
    pub skipped: usize,
    pub warnings: usize,
    pub failures: usize,
}

impl Counts {
    pub fn of(findings: &[Finding]) -> Self {
        let of = |level| findings.iter().filter(|finding| finding.level == level).count();
        Self {
            ok: of(Level::Ok),
            skipped: of(Level::Skip),
            warnings: of(Level::Warn),
            failures: of(Level::Fail),
        }
    }

    pub fn in_words(self) -> String {
        let parts = [
            (self.ok, "ok"),
            (
                self.warnings,
                if self.warnings == 1 { "warning" } else { "warnings" },
            ),
            (self.failures, "failed"),
            (self.skipped, "left out"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
        parts.join(", ")
    }
}

/// One line each, longer ones folded, and a line for what to do about it. A remedy is not folded, so that a
/// command can be pasted.
pub fn text(findings: &[Finding], coloured: bool) -> String {
    let mut out = String::new();
    let mut rest = findings;
    while let Some((first, others)) = rest.split_first() {
        // Checks that are left out for one reason share a line.
        let alike = |other: &&Finding| (first.level, &first.seen) == (other.level, &other.seen);
        let shared = match first.level {
            Level::Skip => others.iter().take_while(alike).count(),
            _ => 0,
        };
        let (group, left) = rest.split_at(shared + 1);
        rest = left;
        let (check, seen) = match first.level {
            Level::Skip => {
                let checks: Vec<_> = group.iter().map(|finding| finding.check).collect();
                ("", format!("{} ({})", checks.join(", "), first.seen))
            }
            _ => (first.check, first.seen.clone()),
        };
        let (word, colour) = match first.level {
            Level::Ok => ("ok", "32"),
            Level::Skip => ("skip", "2"),
            Level::Warn => ("warn", "33"),
            Level::Fail => ("fail", "1;31"),
        };
        let word = format!("{word:4}");
        let word = match coloured {
            true => format!("\x1b[{colour}m{word}\x1b[0m"),
            false => word,
        };
        // What servers say may hold anything.
        let lines = folded(&seen.replace(char::is_control, " "), COLUMNS - SEEN);
        for (at, line) in lines.iter().enumerate() {
            match at {
                0 => out.push_str(&format!("{word}  {check:13}  {line}\n")),
                _ => out.push_str(&format!("{:SEEN$}{line}\n", "")),
            }
        }
        if let Some(remedy) = &first.remedy {
            out.push_str("      → ");
            out.push_str(&remedy.replace(char::is_control, " "));
            out.push('\n');
        }
    }
    out
}

/// At words; a longer word is cut.
fn folded(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split_whitespace() {
        let word: Vec<char> = word.chars().collect();
        for piece in word.chunks(width) {
            let used = line.chars().count();
            if used > 0 && used + 1 + piece.len() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.extend(piece);
        }
    }
    lines.push(line);
    lines
}

/// For scripts.
pub fn json(findings: &[Finding]) -> Value {
    let counts = Counts::of(findings);
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "ok": counts.ok,
        "skipped": counts.skipped,
        "warnings": counts.warnings,
        "failures": counts.failures,
        "checks": findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        let long = format!(
            "cannot connect to postgres://ann@db:5432/{}: refused",
            "x".repeat(70)
        );
        let mut findings = vec![
            Finding::ok("kafka", "1 broker").with("round_trip_ms", 0.5),
            Finding::fail("postgres", long, "start it"),
        ];
        findings.extend(Finding::skipped(&["clock", "tables"], "Postgres does not answer"));
        findings.push(Finding::warn("disk", "little\n\x1b[31mroom", "make room"));
        findings
    }

    #[test]
    fn each_finding_is_a_line_of_80_columns_with_its_remedy_below() {
        let expected = [
            "ok    kafka          1 broker".to_owned(),
            "fail  postgres       cannot connect to".to_owned(),
            format!("                     postgres://ann@db:5432/{}", "x".repeat(36)),
            format!("                     {}: refused", "x".repeat(34)),
            "      → start it".to_owned(),
            "skip                 clock, tables (Postgres does not answer)".to_owned(),
            "warn  disk           little [31mroom".to_owned(),
            "      → make room".to_owned(),
        ];
        let text = text(&findings(), false);
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS));
    }

    #[test]
    fn colours_are_there_only_when_wanted_and_go_around_the_level_alone() {
        assert!(!text(&findings(), false).contains('\x1b'));
        let coloured = text(&findings(), true);
        assert!(coloured.starts_with("\x1b[32mok  \x1b[0m  kafka"), "{coloured}");
        assert!(coloured.contains("\x1b[1;31mfail\x1b[0m"), "{coloured}");
    }

    #[test]
    fn scripts_get_every_check_with_its_level_and_its_numbers() {
        let json = json(&findings());
        let count = |name: &str| json[name].as_u64().unwrap();
        assert_eq!(
            (
                count("ok"),
                count("warnings"),
                count("failures"),
                count("skipped")
            ),
            (1, 1, 1, 2)
        );
        assert_eq!(
            json["checks"][0],
            json!({"check": "kafka", "level": "ok", "seen": "1 broker", "values": {"round_trip_ms": 0.5}})
        );
        assert_eq!(json["checks"][2]["level"], "skip");
        assert_eq!(json["checks"][4]["remedy"], "make room");
        assert_eq!(
            Counts::of(&findings()).in_words(),
            "1 ok, 1 warning, 1 failed, 2 left out"
        );
    }
}
