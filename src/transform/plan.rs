//! What is known of a stream before its records come.

use std::sync::Arc;

use super::limits::Limits;
use super::lookup::Lookup;
use super::mapping::Mapping;
use super::program::Program;
use super::relabel::Relabel;
use crate::data::Open;

/// Everything needed to turn one stream's records into points.
#[derive(Clone, Debug)]
pub struct StreamPlan {
    pub name: Arc<str>,
    pub opener: Arc<dyn Open>,
    /// Goes through the objects of a record before the mapping does.
    pub program: Option<Program>,
    pub mapping: Mapping,
    /// Asked for labels in this order.
    pub lookups: Vec<Lookup>,
    /// Applied to the series of each point, in this order.
    pub relabel: Vec<Relabel>,
    pub limits: Limits,
}

impl StreamPlan {
    /// Whether both make the same of every record. Tables of lookups are as they are at the time.
    pub fn is_same(&self, other: &Self) -> bool {
        let lookups = |plan: &Self| {
            let settings = plan.lookups.iter().map(|lookup| lookup.settings.clone());
            settings.collect::<Vec<_>>()
        };
        self.name == other.name
            && self.opener.fingerprint() == other.opener.fingerprint()
            && self.program == other.program
            && self.mapping == other.mapping
            && lookups(self) == lookups(other)
            && self.relabel == other.relabel
            && self.limits == other.limits
    }
}

/// The new plans, of which those that make the same of records are the earlier ones, with their tables. And the
/// others for themselves.
pub fn replanned(before: &[StreamPlan], new: &[StreamPlan]) -> (Arc<[StreamPlan]>, Vec<StreamPlan>) {
    let earlier = |plan: &StreamPlan| before.iter().find(|earlier| earlier.is_same(plan));
    let plans = new.iter().map(|plan| earlier(plan).unwrap_or(plan).clone());
    let changed = new.iter().filter(|plan| earlier(plan).is_none());
    (plans.collect(), changed.cloned().collect())
}
