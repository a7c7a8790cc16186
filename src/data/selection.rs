//! Which series, and for whom.
//!
//! A [`Selector`] is the question, a [`Scope`] is what a viewer may see, and a [`Scoped`] is both.
//! Every read of series takes a `Scoped`, and only [`Viewer::select`] makes one: a read path that
//! forgets the viewer does not compile. Reads of points take [`Matched`] series, which only a
//! `Scoped` gives out.

mod containment;
mod scope;
mod scoped;
mod selector;
mod text;
#[cfg(test)]
mod tests;
mod usage;
mod viewer;

pub use scope::Scope;
pub use scoped::{Matched, Scoped};
pub use selector::{
    BadSelector, Condition, LIVE_REGEX_MAX, LabelMatcher, METRIC_NAME, MatchOp, REFUSED, REGEX_MAX, Selector,
};
pub use usage::Usage;
pub use viewer::Viewer;
