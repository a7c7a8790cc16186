//! What has no points, by rule.

/// Why a record has neither points nor a dead letter, or lacks some of its points.
pub type Rule = &'static str;

/// What was left out of a record: points, or objects as a whole. Mostly nothing, which takes no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut(Vec<(Rule, u64)>);

impl LeftOut {
    pub fn one(rule: Rule) -> Self {
        Self(vec![(rule, 1)])
    }

    pub fn add(&mut self, rule: Rule) {
        self.add_some(rule, 1);
    }

    pub fn append(&mut self, other: Self) {
        for (rule, n) in other.0 {
            self.add_some(rule, n);
        }
    }

    pub fn first(&self) -> Option<Rule> {
        self.0.first().map(|(rule, _)| *rule)
    }

    pub fn counts(&self) -> impl Iterator<Item = (Rule, u64)> {
        self.0.iter().copied()
    }

    fn add_some(&mut self, rule: Rule, n: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == rule) {
            Some((_, count)) => *count += n,
            None => self.0.push((rule, n)),
        }
    }
}
