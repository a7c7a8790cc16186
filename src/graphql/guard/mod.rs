//! Stands before every parser: what a request asks for is judged before async-graphql sees it, at
//! one place for all transports.
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
use async_graphql::{Name, Request, ServerError, Value};

pub use self::errors::LOSES_DIGITS;
use self::errors::refused;
use self::types::Types;

/// A request whose document was judged and parsed. Nothing else is executed.
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
        let sizes = variables.map(|(name, value)| (name.as_str(), size(value)));
        let sizes = sizes.collect();
        let rewritten = scan::scan(&text, &sizes).map_err(|unreadable| {
            let position = tokens::position(&text, unreadable.at);
            refused(unreadable.code, unreadable.what, position)
        })?;
        let document = parse_query(rewritten.unwrap_or(text)).map_err(|error| vec![error.into()])?;
        Ok(Self { request, document })
    }

    /// The operation that would be executed.
    pub fn operation(&self) -> Option<&OperationDefinition> {
        let name = self.request.operation_name.as_deref();
        let mut operations = self.document.operations.iter();
        match name {
            Some(name) => operations.find(|(given, _)| given.is_some_and(|given| given == name)),
            None if operations.len() == 1 => operations.next(),
            None => None,
        }
        .map(|(_, operation)| &operation.node)
    }

    pub fn kind(&self) -> Option<OperationType> {
        self.operation().map(|operation| operation.ty)
    }

    pub fn is_subscription(&self) -> bool {
        self.kind() == Some(OperationType::Subscription)
    }

    /// Goes on after this cursor: the variable `after` of a subscription gets it, and `backfill`,
    /// which was for the first time, is left out. False when there is no such variable.
    pub fn resume(&mut self, cursor: &str) -> bool {
        let declares = self.operation().is_some_and(|operation| {
            let mut variables = operation.variable_definitions.iter();
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

    /// Adds to what resolvers find in their context.
    #[must_use]
    pub fn data<D: std::any::Any + Send + Sync>(mut self, data: D) -> Self {
        self.request.data.insert(data);
        self
    }

    /// As it is executed: without variables, and with a subscription's only field at its root.
    ///
    /// # Errors
    /// What the specification refuses before anything is executed, and async-graphql does not.
    pub fn into_request(mut self, types: &Types) -> Result<Request, Vec<ServerError>> {
        let name = self.request.operation_name.as_deref();
        let variables = std::mem::take(&mut self.request.variables);
        variables::settle(&mut self.document, name, variables, types)?;
        roots::gather(&mut self.document, name, types)?;
        overlaps::refuse(&mut self.document, name)?;
        expressions::bounded(&mut self.document, name)?;
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

/// About as many bytes as its JSON has, and never so few that walking it costs more.
fn size(value: &Value) -> usize {
    let mut values = vec![value];
    let mut bytes = 0;
    while let Some(value) = values.pop() {
        bytes += 8;
        match value {
            Value::String(text) => bytes += text.len(),
            Value::List(items) => values.extend(items),
            Value::Object(members) => {
                values.extend(members.values());
                bytes += members.keys().map(|name| name.len() + 4).sum::<usize>();
            }
            _ => {}
        }
    }
    bytes
}
