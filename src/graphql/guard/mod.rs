//! Checks what a request asks for before async-graphql sees it, in one place for all transports.
//!
//! async-graphql recurses as deep as a document nests, walks fragments as often as they are spread
//! and takes variables less exactly than the specification. So a document is first scanned
//! (`scan`), then parsed, once; its variables are settled (`variables`) and a subscription's root
//! is gathered (`roots`). What async-graphql then gets is short, flat and without variables.

mod complexity;
mod costs;
pub mod documents;
mod errors;
mod expressions;
mod fragments;
pub mod json;
mod overlaps;
pub mod permissions;
mod roots;
mod scan;
#[cfg(test)]
mod tests;
mod tokens;
pub mod types;
mod values;
mod variables;

use std::fmt;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{Data, Name, Positioned, Request, ServerError, Value};

use self::documents::{Brought, Documents};
pub use self::errors::LOSES_DIGITS;
pub use self::errors::over_limit;
use self::errors::refused;
use self::types::Types;
use crate::data::Viewer;
use crate::data::meter::Subscribed;

/// A request whose document was checked and parsed. Nothing else is executed.
pub struct Checked {
    request: Request,
    document: ExecutableDocument,
    /// To be kept once it is accepted.
    brought: Option<Brought>,
}

impl Checked {
    /// The same as [`Self::of`] after the document was found that the request names. `session`: what came
    /// with the connection.
    ///
    /// # Errors
    /// There is no such document, or the viewer may not use it.
    pub fn find(
        mut request: Request,
        documents: &Documents,
        session: Option<&Data>,
    ) -> Result<Self, Vec<ServerError>> {
        let viewer = permissions::viewer(&request.data, session).cloned();
        let brought = documents.find(&mut request, viewer.as_ref())?;
        Ok(Self {
            brought,
            ..Self::of(request)?
        })
    }

    /// # Errors
    /// The document is larger than the limits, or does not parse.
    pub fn of(mut request: Request) -> Result<Self, Vec<ServerError>> {
        let text = std::mem::take(&mut request.query);
        let variables = request.variables.iter();
        // About as many bytes as the JSON of each has, and never so few that walking it costs more.
        let sizes = variables.map(|(name, value)| (name.as_str(), values::size(value, 8, 4)));
        let sizes = sizes.collect();
        let rewritten = scan::scan(&text, &sizes).map_err(|unreadable| {
            let position = tokens::position(&text, unreadable.at);
            refused(unreadable.code, unreadable.what, position)
        })?;
        let document = parse_query(rewritten.unwrap_or(text)).map_err(|error| vec![error.into()])?;
        Ok(Self {
            request,
            document,
            brought: None,
        })
    }

    /// The operation that would be executed.
    pub fn operation(&self) -> Option<&Positioned<OperationDefinition>> {
        fragments::selected(&self.document, self.request.operation_name.as_deref())
    }

    pub fn kind(&self) -> Option<OperationType> {
        self.operation().map(|operation| operation.node.ty)
    }

    pub fn is_subscription(&self) -> bool {
        self.kind() == Some(OperationType::Subscription)
    }

    /// Continues after this cursor: the variable `after` of a subscription gets it, and `backfill`,
    /// which was for the first time, is left out. False when there is no such variable.
    pub fn resume(&mut self, cursor: &str) -> bool {
        let declares = self.operation().is_some_and(|operation| {
            let mut variables = operation.node.variable_definitions.iter();
            variables.any(|variable| variable.node.name.node == "after")
        });
        if declares {
            self.request
                .variables
                .insert(Name::new("after"), Value::from(cursor));
            self.request.variables.remove("backfill");
        }
        declares
    }

    /// What came with the request.
    pub fn request_data(&self) -> &Data {
        &self.request.data
    }

    /// Adds to the data that resolvers find in their context.
    #[must_use]
    pub fn data<D: std::any::Any + Send + Sync>(mut self, data: D) -> Self {
        self.request.data.insert(data);
        self
    }

    /// Counts an operation that came over a connection, and a subscription until the returned value is
    /// dropped.
    ///
    /// # Errors
    /// It is beyond a limit of the viewer.
    pub fn begin(&self, session: Option<&Data>) -> Result<Option<Subscribed>, Vec<ServerError>> {
        let viewer = permissions::viewer(&self.request.data, session);
        let Some(meter) = viewer.and_then(Viewer::meter) else {
            return Ok(None);
        };
        // Requests by HTTP are counted before they are read.
        if session.is_some() {
            meter.request().map_err(over_limit)?;
        }
        let subscribed = self.is_subscription().then(|| meter.subscribe());
        subscribed.transpose().map_err(over_limit)
    }

    /// The request as it came, for who only looks at its document.
    pub fn unsettled(mut self) -> Request {
        self.request.set_parsed_query(self.document);
        self.request
    }

    /// The request as it is executed: without variables, and with a subscription's only field at its root.
    /// `session`: what came with the connection.
    ///
    /// # Errors
    /// What the viewer may not do, and what the specification refuses before anything is executed and
    /// async-graphql does not.
    pub fn into_request(
        mut self,
        types: &Types,
        session: Option<&Data>,
    ) -> Result<Request, Vec<ServerError>> {
        let viewer = permissions::viewer(&self.request.data, session);
        if let Some(operation) = self.operation() {
            permissions::check(&self.document, operation, types, viewer)?;
        }
        let name = self.request.operation_name.as_deref();
        let variables = std::mem::take(&mut self.request.variables);
        variables::settle(&mut self.document, name, variables, types)?;
        roots::gather(&mut self.document, name, types)?;
        if let Some(operation) = self.operation() {
            overlaps::refuse(&self.document, &operation.node)?;
            expressions::bounded(&self.document, operation)?;
        }
        if let Some(brought) = self.brought {
            brought.keep();
        }
        let viewer = permissions::viewer(&self.request.data, session);
        if let Some(meter) = viewer.and_then(Viewer::meter)
            && let Some(operation) = fragments::selected(&self.document, name)
        {
            let cost = complexity::of(&self.document, &operation.node);
            meter.cost(cost).map_err(over_limit)?;
        }
        self.request.set_parsed_query(self.document);
        Ok(self.request)
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked")
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}
