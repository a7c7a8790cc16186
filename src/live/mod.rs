//! Live delivery: committed batches come in, and each subscriber takes its points from its own outbox.
//!
//! The hub (`actors::hub`) owns one [`Sequence`] and one [`Index`]. Each subscriber owns the
//! [`Receiver`] of its outbox. Nothing here waits for a subscriber, and nothing here does I/O.

pub mod sequence;
pub mod index;
mod shape;
pub mod delivery;
mod cut;
mod groups;
mod selection;
pub mod ring;
pub mod fold;
mod message;
pub mod outbox;
pub mod json;
pub mod windows;

pub use delivery::{Delivery, Page, Selected};
pub use fold::Fold;
pub use index::{Index, SubscriberId};
pub use json::Json;
pub use message::{BatchField, Shape, Shapes};
pub use outbox::{End, Options, Overflow, Receiver, Sender};
pub use ring::{Recent, Ring};
pub use selection::select;
pub use sequence::{Accepted, Sequence};
pub use shape::{LabelField, Object, PointField, SeriesField};
