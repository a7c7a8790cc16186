//! Which indexes there should be, as the migrations make them.

/// One definition a line, as Postgres prints it; a test compares them with a new database.
const WANTED: &str = include_str!("indexes.sql");

/// The wanted ones, and others that cannot be used: name, whether it can be used, name as SQL has to call it.
pub(super) const FIND: &str = "select c.relname::text, i.indisvalid and i.indisready, c.oid::regclass::text
    from pg_index i join pg_class c on c.oid = i.indexrelid
    where c.relnamespace = current_schema()::text::regnamespace
        and (c.relname = any($1) or not (i.indisvalid and i.indisready))
    order by c.relname";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexes {
    /// Name and definition.
    pub missing: Vec<(&'static str, &'static str)>,
    /// Left behind by what was interrupted: written to, and of no use.
    pub invalid: Vec<String>,
}

impl Indexes {
    pub(super) fn judge(found: impl Iterator<Item = (String, bool, String)>) -> Self {
        let mut missing: Vec<_> = wanted().collect();
        let mut invalid = Vec::new();
        for (name, is_valid, quoted) in found {
            missing.retain(|(wanted, _)| *wanted != name);
            if !is_valid {
                invalid.push(quoted);
            }
        }
        Self { missing, invalid }
    }
}

pub(super) fn wanted() -> impl Iterator<Item = (&'static str, &'static str)> {
    WANTED.lines().filter_map(|line| {
        let (_, rest) = line.split_once(" INDEX ")?;
        Some((rest.split_once(' ')?.0, line))
    })
}
