//! The cost of operations including their fragments.
//!
//! Fragments count as often as they are spread. Each is added up once, the last of a chain first; no
//! step recurses.

use std::collections::HashMap;

use super::tokens::{Unreadable, at_most, unreadable};
use crate::graphql::limits::{
    CHAIN_MAX, DEPTH_MAX, EXPANDED_MAX, FRAGMENTS_MAX, OPERATIONS_MAX, SELECTIONS_MAX,
};

/// An operation or a fragment.
#[derive(Default)]
pub struct Definition<'a> {
    pub at: usize,
    /// Only a fragment's.
    pub name: Option<&'a str>,
    /// Its spreads: which fragment, and within how many braces.
    pub spreads: Vec<(&'a str, usize)>,
    /// The variables in it, as often as they are used.
    pub uses: Vec<&'a str>,
    pub own: Cost,
}

#[derive(Clone, Copy, Default)]
pub struct Cost {
    pub selections: usize,
    /// Bytes of the text and of the variables in it.
    pub bytes: usize,
    /// Braces within braces.
    pub depth: usize,
    /// Fragments that spread the next.
    pub chain: usize,
}

/// # Errors
/// They are more, deeper or larger than the limits, or fragments spread themselves.
pub fn judge(definitions: &[Definition<'_>]) -> Result<(), Unreadable> {
    let fragments = definitions.iter().filter(|d| d.name.is_some()).count();
    at_most(fragments, FRAGMENTS_MAX, 0, |most| {
        format!("the document has more than {most} fragments")
    })?;
    at_most(definitions.len() - fragments, OPERATIONS_MAX, 0, |most| {
        format!("the document has more than {most} operations")
    })?;
    let named = definitions.iter().enumerate();
    let named: HashMap<&str, usize> = named.filter_map(|(at, d)| Some((d.name?, at))).collect();
    let mut costs = Costs {
        definitions,
        named: &named,
        known: vec![Progress::Unknown; definitions.len()],
    };
    let mut all = Cost::default();
    for (at, definition) in definitions.iter().enumerate() {
        if definition.name.is_none() {
            let cost = costs.of(at)?;
            all.selections = all.selections.saturating_add(cost.selections);
            all.bytes = all.bytes.saturating_add(cost.bytes);
            at_most(cost.depth, DEPTH_MAX, definition.at, |most| {
                format!("with its fragments more than {most} brackets are within each other")
            })?;
        }
    }
    // Fragments that no operation reaches are in a circle or not used.
    for (at, definition) in definitions.iter().enumerate() {
        if let (Some(name), Progress::Unknown) = (definition.name, costs.known[at]) {
            costs.of(at)?;
            let what = format!("fragment \"{name}\" is not used");
            return Err(unreadable(what, definition.at));
        }
    }
    at_most(all.selections, SELECTIONS_MAX, 0, |most| {
        format!("more than {most} fields and fragments are selected, each as often as it is spread")
    })?;
    at_most(all.bytes, EXPANDED_MAX, 0, |most| {
        format!("with its fragments and variables the document has more than {most} bytes")
    })
}

#[derive(Clone, Copy)]
enum Progress {
    Unknown,
    /// It waits for what it spreads.
    Waiting,
    Known(Cost),
}

struct Costs<'a> {
    definitions: &'a [Definition<'a>],
    named: &'a HashMap<&'a str, usize>,
    known: Vec<Progress>,
}

impl Costs<'_> {
    fn of(&mut self, wanted: usize) -> Result<Cost, Unreadable> {
        // Definitions that wait for their spreads, each with the index of its next spread.
        let mut waiting = vec![(wanted, 0)];
        self.known[wanted] = Progress::Waiting;
        let mut last = Cost::default();
        while let Some((at, next)) = waiting.last_mut() {
            let definition = &self.definitions[*at];
            let Some(&(name, _)) = definition.spreads.get(*next) else {
                last = self.add_up(definition)?;
                self.known[*at] = Progress::Known(last);
                waiting.pop();
                continue;
            };
            *next += 1;
            // A missing fragment costs nothing; validation reports it.
            let Some(&spread) = self.named.get(name) else {
                continue;
            };
            match self.known[spread] {
                Progress::Known(_) => {}
                Progress::Unknown => {
                    self.known[spread] = Progress::Waiting;
                    waiting.push((spread, 0));
                }
                Progress::Waiting => {
                    let what = format!("fragment \"{name}\" spreads itself");
                    return Err(unreadable(what, self.definitions[spread].at));
                }
            }
        }
        Ok(last)
    }

    fn add_up(&self, definition: &Definition<'_>) -> Result<Cost, Unreadable> {
        let mut sum = definition.own;
        for (name, depth) in &definition.spreads {
            let spread = self.named.get(name).map(|at| self.known[*at]);
            if let Some(Progress::Known(cost)) = spread {
                sum.selections = sum.selections.saturating_add(cost.selections);
                sum.bytes = sum.bytes.saturating_add(cost.bytes);
                sum.depth = sum.depth.max(depth + cost.depth);
                sum.chain = sum.chain.max(cost.chain);
            }
        }
        sum.chain += usize::from(definition.name.is_some());
        at_most(sum.chain, CHAIN_MAX, definition.at, |most| {
            format!("more than {most} fragments spread one another")
        })?;
        Ok(sum)
    }
}
