//! Direct subscriptions: async-graphql parses, validates, limits and opens a subscription as any
//! other. A shared shape then writes its batches, without resolvers.
//!
//! Each subscriber passes async-graphql once. The resolver leaves what it opened in a slot that came
//! with the request, and the rest of async-graphql's work is dropped.

use std::sync::Arc;

use async_graphql::{Context, Error, PathSegment, Pos, Response};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, Stream};
use parking_lot::Mutex;

use super::errors;
use super::payload::{Next, Payload, Then, plain};
use super::shape;
use crate::data::{Problem, Seal};
use crate::feed::{Batch, FeedError};
use crate::live::{Shape, Shapes};

#[cfg(test)]
mod tests;

type Batches = BoxStream<'static, Result<Batch, FeedError>>;

/// Where the resolver leaves what it opened; a request without one is resolved.
#[derive(Clone, Default)]
pub struct Slot(Arc<Mutex<Option<Opened>>>);

struct Opened {
    batches: Batches,
    seal: Seal,
    shape: Shape,
    field: String,
    pos: Pos,
}

/// Leaves the batches in the request's slot if it has one, else returns them.
pub fn hand_over(ctx: &Context<'_>, shapes: &Shapes, seal: &Seal, batches: Batches) -> Option<Batches> {
    let Some(slot) = ctx.data_opt::<Slot>() else {
        return Some(batches);
    };
    // async-graphql merges several root fields into one stream of responses.
    let alone = ctx.query_env.operation.node.selection_set.node.items.len() == 1;
    let Some(selected) = shape::batch(ctx).filter(|_| alone) else {
        return Some(batches);
    };
    let field = ctx.item.node.response_key().node.to_string();
    let before = format!("{{\"data\":{{\"{field}\":");
    let opened = Opened {
        batches,
        seal: seal.clone(),
        shape: shapes.shape(&before, selected, "}}"),
        field,
        pos: ctx.item.pos,
    };
    *slot.0.lock() = Some(opened);
    None
}

/// The payloads of an operation whose request came with `slot`. `live`: it is a subscription.
pub fn payloads(
    slot: Slot,
    mut responses: BoxStream<'static, Response>,
    live: bool,
) -> BoxStream<'static, Payload> {
    let opening = async move {
        let first = responses.next().await;
        let opened = slot.0.lock().take();
        match (first, opened) {
            (Some(first), _) => plain(stream::iter([first]).chain(responses).boxed(), live),
            (None, Some(opened)) => opened.payloads().boxed(),
            (None, None) => stream::empty().boxed(),
        }
    };
    stream::once(opening).flatten().boxed()
}

impl Opened {
    fn payloads(self) -> impl Stream<Item = Payload> {
        let Self {
            batches,
            seal,
            shape,
            field,
            pos,
        } = self;
        batches.map(move |batch| match batch {
            Ok(batch) => {
                let cursor = seal.text(&batch.cursor);
                Payload::Next(Next {
                    json: shape.write(&cursor, batch.is_backfill(), &batch.selected),
                    cursor: Some(cursor),
                    then: Then::GoOn,
                })
            }
            Err(error) => Payload::next(failed(error, &field, pos)),
        })
    }
}

/// The response of async-graphql for an item that is an error.
fn failed(error: FeedError, field: &str, pos: Pos) -> Response {
    let mut error = Error::from(Problem::from(error)).into_server_error(pos);
    error.path = vec![PathSegment::Field(field.to_owned())];
    let mut response = Response::from_errors(vec![error]);
    errors::complete(&mut response);
    response
}
