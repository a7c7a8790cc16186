//! The guard against what has ended the process, and against what async-graphql takes wrongly.

use std::fmt::Write;

use async_graphql::{
    EmptyMutation, Enum, Executor, InputObject, Object, Request, Schema, SimpleObject, Subscription,
    Variables,
};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use serde_json::{Value, json};

use super::*;
use crate::data::Viewer;
use crate::graphql::Api;
use crate::graphql::limits::*;

mod documents;
mod generator;
mod size;
mod specification;

/// Why a document is not parsed; empty when it is.
fn refusal(text: &str) -> String {
    match Checked::of(Request::new(text)) {
        Ok(_) => String::new(),
        Err(errors) => errors[0].message.clone(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum Way {
    Up,
    Down,
}

#[derive(InputObject)]
struct Step {
    #[graphql(default_with = "Way::Down")]
    way: Way,
    #[graphql(default = 7)]
    far: i32,
    note: Option<String>,
    marks: Option<Vec<i32>>,
}

struct Query;

#[Object]
impl Query {
    async fn text(&self, of: Option<String>) -> String {
        format!("{of:?}")
    }

    async fn sure(&self, of: String) -> String {
        of
    }

    async fn number(&self, #[graphql(default = 3)] of: i32) -> i32 {
        of
    }

    async fn real(&self, of: f64) -> f64 {
        of
    }

    async fn id(&self, of: async_graphql::ID) -> String {
        of.to_string()
    }

    async fn list(&self, of: Option<Vec<Option<i32>>>) -> String {
        format!("{of:?}")
    }

    async fn walk(&self, steps: Vec<Step>) -> String {
        let mut all = String::new();
        for step in steps {
            let way = if step.way == Way::Up { "up" } else { "down" };
            let _ = write!(all, "{way} {} {:?} {:?};", step.far, step.note, step.marks);
        }
        all
    }

    async fn inner(&self) -> Inner {
        Inner { a: 1, b: 2 }
    }
}

#[derive(SimpleObject)]
struct Inner {
    a: i32,
    b: i32,
}

struct Ticks;

#[Subscription]
impl Ticks {
    async fn tick(&self, #[graphql(default = 1)] from: i32) -> impl Stream<Item = Inner> {
        stream::iter([Inner { a: from, b: from + 1 }, Inner { a: from + 2, b: 0 }])
    }

    async fn tock(&self) -> impl Stream<Item = i32> {
        stream::iter([1])
    }
}

fn api() -> Api<Query, EmptyMutation, Ticks> {
    Api::of(Schema::new(Query, EmptyMutation, Ticks))
}

fn ask(query: &str, variables: Value) -> Value {
    let request = Request::new(query)
        .data(Viewer::everyone())
        .variables(Variables::from_json(variables));
    serde_json::to_value(api().execute(request).now_or_never().unwrap()).unwrap()
}

/// The data that is answered, or the code of the first error.
fn answer(query: &str, variables: Value) -> Value {
    let mut response = ask(query, variables);
    match response.get("errors") {
        Some(errors) => {
            assert_eq!(response["data"], Value::Null, "{query}");
            errors[0]["extensions"]["code"].clone()
        }
        None => response["data"].take(),
    }
}

fn heard(query: &str, variables: Value) -> Vec<Value> {
    let request = Request::new(query)
        .data(Viewer::everyone())
        .variables(Variables::from_json(variables));
    let responses = api().execute_stream(request, None).collect::<Vec<_>>();
    let responses = responses.now_or_never().unwrap().into_iter();
    responses
        .map(|response| serde_json::to_value(response).unwrap())
        .collect()
}
