//! The schema put together: its roots, its limits, its text, and what every response goes through.

use std::sync::Arc;

use async_graphql::{
    Data, Executor, MergedObject, MergedSubscription, Request, Response, SDLExportOptions, SchemaBuilder,
    ServerError,
};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::aggregates::Aggregates;
use super::catalogue::Catalogue;
use super::direct::{self, Slot};
use super::letters::Letters;
use super::mutation::Mutation;
use super::payload::{Operations, Payload, is_subscription};
use super::query::Query;
use super::services::Services;
use super::subscription::Subscription;
use super::watch::Watch;
use super::{errors, limits};
use crate::live::Shapes;

pub type Schema = async_graphql::Schema<Queries, Mutation, Subscriptions>;

#[derive(Clone, Copy, Debug, Default, MergedObject)]
#[graphql(name = "Query")]
pub struct Queries(Query, Catalogue, Letters);

#[derive(Clone, Copy, Debug, Default, MergedSubscription)]
#[graphql(name = "Subscription")]
pub struct Subscriptions(Subscription, Aggregates, Watch);

/// The schema of a running server, for any transport. Each request brings its worker's `Reader`
/// and, for subscriptions, its `HubHandle` and `Archive` (`request.data(reader)`); every error it
/// answers with has a code.
#[derive(Clone)]
pub struct Api(Schema);

impl Api {
    pub fn new(services: Services) -> Self {
        let shapes = Shapes::new(services.metrics.encoded.clone());
        Self(builder().data(services).data(shapes).finish())
    }
}

impl Executor for Api {
    async fn execute(&self, mut request: Request) -> Response {
        if !limits::names_are_short(&mut request) {
            return long_names();
        }
        // Boxed: the state of a whole query is large.
        coded(Box::pin(self.0.execute(request)).await)
    }

    fn execute_stream(
        &self,
        mut request: Request,
        session_data: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        if !limits::names_are_short(&mut request) {
            return stream::iter([long_names()]).boxed();
        }
        let responses = Executor::execute_stream(&self.0, request, session_data);
        responses.map(coded).boxed()
    }
}

impl Operations for Api {
    fn payloads(&self, mut request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Payload> {
        let live = is_subscription(&mut request);
        let slot = Slot::default();
        let request = request.data(slot.clone());
        direct::payloads(slot, self.execute_stream(request, session), live)
    }
}

/// The schema as text, sorted, so that `schema.graphql` changes only with its meaning.
pub fn sdl() -> String {
    let sorted = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by()
        .prefer_single_line_descriptions()
        .use_space_ident();
    builder().finish().sdl_with_options(sorted)
}

fn builder() -> SchemaBuilder<Queries, Mutation, Subscriptions> {
    async_graphql::Schema::build(Queries::default(), Mutation, Subscriptions::default())
        .limit_depth(limits::DEPTH)
        .limit_complexity(limits::COMPLEXITY)
        .limit_directives(limits::DIRECTIVES)
}

fn long_names() -> Response {
    let (one, all) = (limits::ALIAS_MAX, limits::ALIASES_MAX);
    let why = format!("an alias is longer than {one} bytes, or all are longer than {all}");
    coded(Response::from_errors(vec![ServerError::new(why, None)]))
}

fn coded(mut response: Response) -> Response {
    errors::complete(&mut response);
    response
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}
