//! Turns a selection on `PointBatch` into a shape that can be written without resolvers.
//!
//! async-graphql has validated it and removed what `@skip` and `@include` leave out. Fields with the
//! same response key merge as they do there. A selection with an unknown field uses resolvers.

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::{Context, Name, Value};

use crate::live::{BatchField, LabelField, Object, PointField, SeriesField};

/// What a subscription to batches selects; `None` when it has to be resolved.
pub fn batch(ctx: &Context<'_>) -> Option<Object<BatchField>> {
    object(ctx, &ctx.item.node.selection_set.node, &|name, field| {
        Some(match name {
            "__typename" => BatchField::Text("PointBatch".to_owned()),
            "cursor" => BatchField::Cursor,
            "backfill" => BatchField::Backfill,
            "conflated" => BatchField::Conflated,
            "points" => BatchField::Points(point(ctx, field)?),
            _ => return None,
        })
    })
}

fn point(ctx: &Context<'_>, field: &Field) -> Option<Object<PointField>> {
    object(ctx, &field.selection_set.node, &|name, field| {
        Some(match name {
            "__typename" => PointField::Text("LivePoint"),
            "key" => PointField::Key,
            "ts" => PointField::Ts,
            "value" => PointField::Value,
            "folded" => PointField::Folded,
            "series" => PointField::Series(series(ctx, field)?),
            _ => return None,
        })
    })
}

fn series(ctx: &Context<'_>, field: &Field) -> Option<Object<SeriesField>> {
    object(ctx, &field.selection_set.node, &|name, field| {
        Some(match name {
            "__typename" => SeriesField::Text("Series"),
            "id" => SeriesField::Id,
            "key" => SeriesField::Key,
            "metric" => SeriesField::Metric,
            "labels" => SeriesField::Labels(label(ctx, field)?),
            "label" => SeriesField::Label(text_argument(ctx, field, "name")?),
            _ => return None,
        })
    })
}

fn label(ctx: &Context<'_>, field: &Field) -> Option<Object<LabelField>> {
    object(ctx, &field.selection_set.node, &|name, _| {
        Some(match name {
            "__typename" => LabelField::Text("Label"),
            "name" => LabelField::Name,
            "value" => LabelField::Value,
            _ => return None,
        })
    })
}

/// Objects with the same response key become one. Other values are equal, as validation ensures.
trait Merge {
    fn merge(&mut self, other: Self);
}

impl<F: Merge> Merge for Object<F> {
    fn merge(&mut self, other: Self) {
        // An empty selection is null, and null stays.
        if self.is_empty() {
            return;
        }
        for (key, field) in other {
            insert(self, key, field);
        }
    }
}

fn insert<F: Merge>(object: &mut Object<F>, key: String, field: F) {
    match object.iter_mut().find(|(known, _)| *known == key) {
        Some((_, known)) => known.merge(field),
        None => object.push((key, field)),
    }
}

impl Merge for BatchField {
    fn merge(&mut self, other: Self) {
        if let (Self::Points(all), Self::Points(more)) = (self, other) {
            all.merge(more);
        }
    }
}

impl Merge for PointField {
    fn merge(&mut self, other: Self) {
        if let (Self::Series(all), Self::Series(more)) = (self, other) {
            all.merge(more);
        }
    }
}

impl Merge for SeriesField {
    fn merge(&mut self, other: Self) {
        if let (Self::Labels(all), Self::Labels(more)) = (self, other) {
            all.merge(more);
        }
    }
}

impl Merge for LabelField {
    fn merge(&mut self, _: Self) {}
}

fn object<F: Merge>(
    ctx: &Context<'_>,
    set: &SelectionSet,
    known: &dyn Fn(&str, &Field) -> Option<F>,
) -> Option<Object<F>> {
    let mut fields = Object::new();
    collect(ctx, set, known, &mut fields)?;
    Some(fields)
}

fn collect<F: Merge>(
    ctx: &Context<'_>,
    set: &SelectionSet,
    known: &dyn Fn(&str, &Field) -> Option<F>,
    fields: &mut Object<F>,
) -> Option<()> {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                let key = field.response_key().node.to_string();
                insert(fields, key, known(&field.name.node, field)?);
            }
            // All types here are objects, so a valid fragment applies.
            Selection::InlineFragment(fragment) => {
                collect(ctx, &fragment.node.selection_set.node, known, fields)?;
            }
            Selection::FragmentSpread(spread) => {
                let fragment = ctx.query_env.fragments.get(&spread.node.fragment_name.node)?;
                collect(ctx, &fragment.node.selection_set.node, known, fields)?;
            }
        }
    }
    Some(())
}

fn text_argument(ctx: &Context<'_>, field: &Field, name: &str) -> Option<String> {
    let given = field.get_argument(name)?.node.clone();
    match given.into_const_with(|variable| value_of(ctx, &variable).ok_or(())) {
        Ok(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn value_of(ctx: &Context<'_>, variable: &Name) -> Option<Value> {
    let mut defined = ctx.query_env.operation.node.variable_definitions.iter();
    let defined = defined.find(|d| d.node.name.node == *variable)?;
    let given = ctx.query_env.variables.get(variable);
    given.or_else(|| defined.node.default_value()).cloned()
}
