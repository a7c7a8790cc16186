//! What a token says.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::data::Micros;

/// What a token says, after its signature and its times were checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claims {
    pub issuer: Arc<str>,
    /// `sub`.
    pub subject: Arc<str>,
    pub all: Map<String, Value>,
    /// Until when they count, with what clocks may differ by.
    pub expires: Micros,
}
