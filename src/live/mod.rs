//! Who listens: committed batches go in, each subscriber's points come out of its own outbox.
//!
//! The hub (`actors::hub`) owns one [`Sequence`] and one [`Index`]; each subscriber owns the
//! [`Receiver`] of its outbox. Nothing here waits for a subscriber and nothing here does I/O.

pub mod sequence;
pub mod index;
pub mod page;
mod cut;
mod groups;
mod picks;
pub mod ring;
pub mod fold;
mod shape;
pub mod outbox;
pub mod json;
pub mod windows;

pub use cut::MESSAGE_MAX;
pub use fold::Fold;
pub use index::{Index, SubscriberId};
pub use json::Json;
pub use outbox::{Delivery, End, Options, Overflow, Receiver, Sender};
pub use page::{Page, Pick};
pub use ring::{Recent, Ring};
pub use sequence::{Accepted, Sequence};
pub use shape::{BatchField, LabelField, Object, PointField, SeriesField, Shape, Shapes};
