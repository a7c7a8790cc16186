//! Checks what a request asks for before async-graphql sees it, in one place for all transports.
//!
//! async-graphql recurses as deep as a document nests, walks fragments as often as they are spread
//! and takes variables less exactly than the specification. So a document is first scanned
//! (`scan`), then parsed, once; its variables are settled (`variables`) and a subscription's root
//! is gathered (`roots`). What async-graphql then gets is short, flat and without variables.

mod costs;
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

pub use self::errors::LOSES_DIGITS;
use self::errors::refused;
use self::types::Types;

/// A request whose document was checked and parsed. Nothing else is executed.
pub struct Checked {
    request: Request,
    document: ExecutableDocument,
}

impl Checked {
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
        Ok(Self { request, document })
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
