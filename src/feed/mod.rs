//! One subscriber's stream: what was committed since its cursor, then live points, without gap or
//! duplicate. GraphQL subscriptions and `/ws` both open it here.
//!
//! ```text
//! Feeds::open ──► Replay (a page at a time) ──► Live (its outbox) ──► Batch, Batch, …
//!                    │  ▲
//!             Ring ◄─┤  └── back here when the hub cannot prove that nothing is missing
//!          CatchUp ◄─┘
//! ```

pub mod error;
pub mod request;
mod batch;
pub mod catch_up;
mod live;
mod replay;
mod stream;
#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use catch_up::CatchUp;
pub use error::FeedError;
pub use request::{Feeds, Request, Start};
pub use stream::Feed;
