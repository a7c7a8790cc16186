//! Variables by the specification: their definitions are checked, their values coerced and put where
//! they are used. A variable without a value is left out of arguments and input objects, so that the
//! schema's defaults apply.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    BaseType, Directive, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
    Type,
};
use async_graphql::parser::types::{Field as Selected, VariableDefinition};
use async_graphql::{Name, Pos, Positioned, ServerError, Variables};
use async_graphql_value::Value;

use super::errors::error;
use super::types::{Field, Input, Inputs, Kind, Types, compatible, name_of};
use super::{fragments, values};
use crate::graphql::errors::Code;
use crate::graphql::limits::{COPIED_MAX, ERRORS_MAX};

struct Settling<'t> {
    types: &'t Types,
    variables: HashMap<Name, Variable>,
    /// Violations of the rules for documents.
    invalid: Vec<ServerError>,
    /// Values that do not fit the types of their variables.
    bad: Vec<ServerError>,
    /// Fields and arguments that the schema does not have.
    unknown: usize,
    /// Bytes of the copies of values beyond the first of each.
    copied: usize,
}

struct Variable {
    of: Type,
    /// It has a default that is not null.
    defaults: bool,
    /// `None`: it was left out.
    value: Option<async_graphql::Value>,
    /// Bytes of memory that the value takes.
    weight: usize,
    used: bool,
    pos: Pos,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Location<'t> {
    /// `None` where the schema has no such location; validation reports it.
    of: Option<&'t Type>,
    has_default: bool,
    pos: Pos,
}

impl<'t> Location<'t> {
    fn of(input: Option<&'t Input>, pos: Pos) -> Self {
        Self {
            of: input.map(|input| &input.of),
            has_default: input.is_some_and(|input| input.default.is_some()),
            pos,
        }
    }
}

enum Settled {
    Put(Value),
    LeaveOut,
    Keep,
}

/// # Errors
/// A definition, a use or a value of a variable that the specification refuses.
pub fn settle(
    document: &mut ExecutableDocument,
    name: Option<&str>,
    given: Variables,
    types: &Types,
) -> Result<(), Vec<ServerError>> {
    let mut settling = Settling {
        types,
        variables: HashMap::new(),
        invalid: Vec::new(),
        bad: Vec::new(),
        unknown: 0,
        copied: 0,
    };
    for (_, operation) in document.operations.iter() {
        settling.definitions(&operation.node);
    }
    settling.end()?;
    fragments::isolate(document, name);
    let Some(operation) = fragments::selected_mut(document, name) else {
        // Execution reports why.
        return Ok(());
    };
    settling.values(std::mem::take(&mut operation.variable_definitions), given);
    let root = match operation.ty {
        OperationType::Query => Some(&types.query),
        OperationType::Mutation => types.mutation.as_ref(),
        OperationType::Subscription => types.subscription.as_ref(),
    };
    let root = root.map_or("", String::as_str);
    settling.directives(&mut operation.directives);
    let mut spread = settling.selections(&mut operation.selection_set.node, root);
    let mut seen = HashSet::new();
    while let Some(name) = spread.pop() {
        if let Some(fragment) = document.fragments.get_mut(&name)
            && seen.insert(name)
        {
            let fragment = &mut fragment.node;
            settling.directives(&mut fragment.directives);
            let on = fragment.type_condition.node.on.node.clone();
            spread.extend(settling.selections(&mut fragment.selection_set.node, &on));
        }
    }
    settling.unused();
    // The executed operation has no variables any more.
    fragments::complete_numbers(&mut document.operations);
    settling.end()
}

impl<'t> Settling<'t> {
    fn end(&mut self) -> Result<(), Vec<ServerError>> {
        if self.unknown > ERRORS_MAX {
            let why = format!("more than {ERRORS_MAX} fields or arguments are not in the schema");
            self.invalid(why, Pos::default());
        }
        if self.copied > COPIED_MAX {
            let why = format!("the values of variables are copied into more than {COPIED_MAX} bytes");
            self.invalid(why, Pos::default());
        }
        for errors in [&mut self.invalid, &mut self.bad] {
            if !errors.is_empty() {
                return Err(std::mem::take(errors));
            }
        }
        Ok(())
    }

    fn definitions(&mut self, operation: &OperationDefinition) {
        let mut names = HashSet::new();
        for definition in &operation.variable_definitions {
            let pos = definition.pos;
            let VariableDefinition {
                name,
                var_type,
                directives,
                default_value,
            } = &definition.node;
            let name = &name.node;
            if !names.insert(name) {
                self.invalid(format!("there are two variables \"${name}\""), pos);
            }
            if let Some(directive) = directives.first() {
                let directive = &directive.node.name.node;
                self.invalid(
                    format!("directive \"@{directive}\" cannot stand at a variable"),
                    pos,
                );
            }
            let of = name_of(&var_type.node);
            match self.types.kind(of) {
                None => self.invalid(format!("unknown type \"{of}\""), pos),
                Some(Kind::Output(_)) => {
                    self.invalid(
                        format!("variable \"${name}\" cannot be of the output type \"{of}\""),
                        pos,
                    );
                }
                Some(_) => {
                    let default = default_value.as_ref().map(|value| value.node.clone());
                    let wrong =
                        default.and_then(|value| values::coerce(self.types, &var_type.node, value).err());
                    if let Some(values::Wrong { path, why }) = wrong {
                        self.invalid(format!("the default of variable \"${name}\"{path} {why}"), pos);
                    }
                }
            }
        }
    }

    /// Given variables without a definition are ignored.
    fn values(&mut self, definitions: Vec<Positioned<VariableDefinition>>, mut given: Variables) {
        for definition in definitions {
            let pos = definition.pos;
            let definition = definition.node;
            let (name, of) = (definition.name.node, definition.var_type.node);
            let default = definition.default_value.map(|value| value.node);
            let defaults = default
                .as_ref()
                .is_some_and(|value| *value != async_graphql::Value::Null);
            let value = match given.remove(name.as_str()).or(default) {
                Some(value) => match values::coerce(self.types, &of, value) {
                    Ok(value) => Some(value),
                    Err(values::Wrong { path, why }) => {
                        self.bad(format!("variable \"${name}\"{path} {why}"), pos);
                        None
                    }
                },
                None => {
                    if !of.nullable {
                        self.bad(format!("variable \"${name}\" of type {of} is missing"), pos);
                    }
                    None
                }
            };
            let variable = Variable {
                of,
                defaults,
                weight: value.as_ref().map_or(0, values::weight),
                value,
                used: false,
                pos,
            };
            self.variables.insert(name, variable);
        }
    }

    /// Returns the fragments that are spread.
    fn selections(&mut self, set: &mut SelectionSet, on: &str) -> Vec<Name> {
        let types = self.types;
        let mut spread = Vec::new();
        let mut sets: Vec<(&mut SelectionSet, Option<&HashMap<String, Field>>)> =
            vec![(set, types.fields(on))];
        while let Some((set, fields)) = sets.pop() {
            for selection in &mut set.items {
                match &mut selection.node {
                    Selection::Field(field) => {
                        let known = self.field(&mut field.node, fields);
                        let fields = known.and_then(|field| types.fields(&field.of));
                        sets.push((&mut field.node.selection_set.node, fields));
                    }
                    Selection::InlineFragment(fragment) => {
                        let fragment = &mut fragment.node;
                        self.directives(&mut fragment.directives);
                        let fields = match &fragment.type_condition {
                            Some(condition) => types.fields(&condition.node.on.node),
                            None => fields,
                        };
                        sets.push((&mut fragment.selection_set.node, fields));
                    }
                    Selection::FragmentSpread(fragment) => {
                        self.directives(&mut fragment.node.directives);
                        spread.push(fragment.node.fragment_name.node.clone());
                    }
                }
            }
        }
        spread
    }

    fn field(
        &mut self,
        field: &mut Selected,
        fields: Option<&'t HashMap<String, Field>>,
    ) -> Option<&'t Field> {
        let known = fields.and_then(|fields| fields.get(field.name.node.as_str()));
        if fields.is_some() && known.is_none() && field.name.node != "__typename" {
            self.unknown += 1;
        }
        self.arguments(&mut field.arguments, known.map(|field| &field.arguments));
        self.directives(&mut field.directives);
        known
    }

    fn directives(&mut self, directives: &mut [Positioned<Directive>]) {
        for directive in directives {
            let directive = &mut directive.node;
            let inputs = self.types.directive(&directive.name.node);
            self.arguments(&mut directive.arguments, inputs);
        }
    }

    fn arguments(
        &mut self,
        arguments: &mut Vec<(Positioned<Name>, Positioned<Value>)>,
        inputs: Option<&'t Inputs>,
    ) {
        arguments.retain_mut(|(name, value)| {
            let input = inputs.and_then(|inputs| inputs.get(name.node.as_str()));
            if inputs.is_some() && input.is_none() {
                self.unknown += 1;
            }
            let location = Location::of(input, value.pos);
            match self.settled(&value.node, location) {
                Settled::Put(settled) => value.node = settled,
                Settled::LeaveOut => return false,
                Settled::Keep => self.within(&mut value.node, location),
            }
            true
        });
    }

    fn within(&mut self, value: &mut Value, location: Location<'t>) {
        let types = self.types;
        let mut values = vec![(value, location.of)];
        while let Some((value, of)) = values.pop() {
            match value {
                Value::List(items) => {
                    let of = of.and_then(|of| match &of.base {
                        BaseType::List(item) => Some(&**item),
                        BaseType::Named(_) => None,
                    });
                    let location = Location {
                        of,
                        has_default: false,
                        ..location
                    };
                    for item in items {
                        match self.settled(item, location) {
                            Settled::Put(settled) => *item = settled,
                            Settled::LeaveOut => *item = Value::Null,
                            Settled::Keep => values.push((item, of)),
                        }
                    }
                }
                Value::Object(members) => {
                    let inputs = of.and_then(|of| types.inputs(of));
                    let input = |name: &Name| inputs.and_then(|inputs| inputs.get(name.as_str()));
                    members.retain(|name, value| {
                        match self.settled(value, Location::of(input(name), location.pos)) {
                            Settled::Put(settled) => *value = settled,
                            Settled::LeaveOut => return false,
                            Settled::Keep => {}
                        }
                        true
                    });
                    for (name, value) in members {
                        values.push((value, input(name).map(|input| &input.of)));
                    }
                }
                _ => {}
            }
        }
    }

    fn settled(&mut self, value: &Value, location: Location<'t>) -> Settled {
        let Value::Variable(name) = value else {
            return Settled::Keep;
        };
        let Some(variable) = self.variables.get_mut(name) else {
            self.invalid(
                format!("variable \"${name}\" is not defined by the operation"),
                location.pos,
            );
            return Settled::Keep;
        };
        let again = std::mem::replace(&mut variable.used, true);
        if let Some(of) = location.of {
            let may_be_null = !of.nullable && (variable.defaults || location.has_default);
            if !compatible(of, &variable.of, may_be_null) {
                let given = &variable.of;
                let why = format!("variable \"${name}\" of type {given} stands where {of} is expected");
                self.invalid(why, location.pos);
                return Settled::Keep;
            }
            if !of.nullable && variable.value == Some(async_graphql::Value::Null) {
                self.bad(
                    format!("variable \"${name}\" is null where {of} is expected"),
                    location.pos,
                );
                return Settled::Keep;
            }
        }
        let Some(value) = &variable.value else {
            return Settled::LeaveOut;
        };
        self.copied += if again { variable.weight } else { 0 };
        match self.copied > COPIED_MAX {
            true => Settled::Keep,
            false => Settled::Put(value.clone().into_value()),
        }
    }

    fn unused(&mut self) {
        let variables = self.variables.iter();
        let unused = variables.filter(|(_, variable)| !variable.used);
        let unused: Vec<_> = unused
            .map(|(name, variable)| (name.clone(), variable.pos))
            .collect();
        for (name, pos) in unused {
            self.invalid(format!("variable \"${name}\" is not used by the operation"), pos);
        }
    }

    fn invalid(&mut self, why: String, pos: Pos) {
        if self.invalid.len() < ERRORS_MAX {
            self.invalid.push(error(Code::GraphqlValidationFailed, why, pos));
        }
    }

    fn bad(&mut self, why: String, pos: Pos) {
        if self.bad.len() < ERRORS_MAX {
            self.bad.push(error(Code::BadUserInput, why, pos));
        }
    }
}
