//! Who runs when: four thin actors over plain code, and the supervisor of their generation.

pub mod messages;
