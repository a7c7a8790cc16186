//! StreamSync's specifications, in sentences. One binary: linking is what costs.

mod support;

mod architecture;
mod schema;
