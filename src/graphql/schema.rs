//! The whole schema: its roots, limits and text, and what every request and response passes.

use std::sync::Arc;

use async_graphql::{
    Data, Executor, MergedObject, MergedSubscription, ObjectType, Request, Response, SDLExportOptions,
    SchemaBuilder, ServerError, SubscriptionType,
};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::access::{KeyChanges, Principals};
use super::aggregates::Aggregates;
use super::audit::AuditQuery;
use super::catalogue::Catalogue;
use super::dead_letters::DeadLetters;
use super::direct::{self, Slot};
use super::errors::{self, refused};
use super::guard::Checked;
use super::guard::documents::Documents;
use super::guard::types::Types;
use super::limits;
use super::mutation::Mutation;
use super::payload::{Operations, Payload};
use super::pipeline_subscription::PipelineSubscription;
use super::query::Query;
use super::recording::Denials;
use super::records::Records;
use super::services::Services;
use super::subscription::Subscription;
use crate::access::Audit;

#[derive(Clone, Copy, Debug, Default, MergedObject)]
#[graphql(name = "Query")]
pub struct Queries(Query, Catalogue, DeadLetters, Records, Principals, AuditQuery);

#[derive(Clone, Copy, Debug, Default, MergedObject)]
#[graphql(name = "Mutation")]
pub struct Mutations(Mutation, KeyChanges);

#[derive(Clone, Copy, Debug, Default, MergedSubscription)]
#[graphql(name = "Subscription")]
pub struct Subscriptions(Subscription, Aggregates, PipelineSubscription);

/// The schema of a running server, for any transport. Each request brings its worker's `Reader`
/// and, for subscriptions, its `Feeds` (`request.data(reader)`); every error it
/// answers with has a code. Nothing is executed that the guard has not checked.
pub struct Api<Q = Queries, M = Mutations, S = Subscriptions> {
    schema: async_graphql::Schema<Q, M, S>,
    types: Arc<Types>,
    audit: Option<Audit>,
    documents: Documents,
}

impl Api {
    pub fn new(services: Services) -> Self {
        let audit = Some(services.audit.clone());
        Self {
            audit,
            ..Self::of(builder().data(services).finish())
        }
    }

    /// With documents that requests may name.
    #[must_use]
    pub fn with_documents(self, documents: Documents) -> Self {
        Self { documents, ..self }
    }
}

impl<Q, M, S> Api<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    /// Any schema, with the same guard before it.
    pub fn of(schema: async_graphql::Schema<Q, M, S>) -> Self {
        let types = Arc::new(Types::of(&schema.sdl()));
        Self {
            schema,
            types,
            audit: None,
            documents: Documents::default(),
        }
    }

    fn responses(
        &self,
        checked: Result<Checked, Vec<ServerError>>,
        session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let denials = self.denials(&checked, session.as_deref());
        match checked.and_then(|checked| checked.into_request(&self.types, session.as_deref())) {
            Ok(request) => {
                let responses = Executor::execute_stream(&self.schema, request, session);
                let look = move |response| {
                    let response = coded(response);
                    denials.look(&response);
                    response
                };
                responses.map(look).boxed()
            }
            Err(errors) => {
                let response = refused(errors);
                denials.look(&response);
                stream::iter([response]).boxed()
            }
        }
    }

    fn denials(&self, checked: &Result<Checked, Vec<ServerError>>, session: Option<&Data>) -> Denials {
        match (&self.audit, checked) {
            (Some(audit), Ok(checked)) => Denials::of(audit, checked.request_data(), session),
            _ => Denials::none(),
        }
    }
}

impl<Q, M, S> Executor for Api<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    async fn execute(&self, request: Request) -> Response {
        self.answer(self.check(request, None)).await
    }

    fn execute_stream(
        &self,
        request: Request,
        session_data: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        self.responses(self.check(request, session_data.as_deref()), session_data)
    }
}

impl<Q, M, S> Operations for Api<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    fn check(&self, request: Request, session: Option<&Data>) -> Result<Checked, Vec<ServerError>> {
        Checked::find(request, &self.documents, session)
    }

    async fn answer(&self, checked: Result<Checked, Vec<ServerError>>) -> Response {
        let denials = self.denials(&checked, None);
        let response = match checked.and_then(|checked| checked.into_request(&self.types, None)) {
            // Boxed: the state of a whole query is large.
            Ok(request) => coded(Box::pin(self.schema.execute(request)).await),
            Err(errors) => refused(errors),
        };
        denials.look(&response);
        response
    }

    fn payloads(
        &self,
        checked: Result<Checked, Vec<ServerError>>,
        session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Payload> {
        let live = checked.as_ref().is_ok_and(Checked::is_subscription);
        let admitted = checked.and_then(|checked| {
            let begun = checked.begin(session.as_deref())?;
            Ok((checked, begun))
        });
        let (checked, begun) = match admitted {
            Ok((checked, begun)) => (Ok(checked), begun),
            Err(errors) => (Err(errors), None),
        };
        let slot = Slot::default();
        let checked = checked.map(|checked| checked.data(slot.clone()));
        let payloads = direct::payloads(slot, self.responses(checked, session), live);
        match begun {
            // It counts for as long as somebody listens.
            Some(begun) => payloads
                .inspect(move |_| {
                    let _ = &begun;
                })
                .boxed(),
            None => payloads,
        }
    }
}

impl<Q, M, S> Clone for Api<Q, M, S> {
    fn clone(&self) -> Self {
        Self {
            schema: self.schema.clone(),
            types: Arc::clone(&self.types),
            audit: self.audit.clone(),
            documents: self.documents.clone(),
        }
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

pub(super) fn builder() -> SchemaBuilder<Queries, Mutations, Subscriptions> {
    async_graphql::Schema::build(Queries::default(), Mutations::default(), Subscriptions::default())
        .limit_depth(limits::DEPTH)
        .limit_complexity(limits::COMPLEXITY)
        .limit_directives(limits::DIRECTIVES)
}

fn coded(mut response: Response) -> Response {
    errors::complete(&mut response);
    response
}

impl<Q, M, S> std::fmt::Debug for Api<Q, M, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}
