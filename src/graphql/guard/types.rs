//! The types of the schema, read from its text: async-graphql's own registry is private.

use std::collections::{HashMap, HashSet};

use async_graphql::Value;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, Positioned};

/// The types that every schema has but its text does not list.
const BUILT_IN: &str = r#"
    scalar Int scalar Float scalar String scalar Boolean scalar ID
    type __Schema {
        description: String types: [__Type!]! queryType: __Type! mutationType: __Type
        subscriptionType: __Type directives: [__Directive!]!
    }
    type __Type {
        kind: __TypeKind! name: String description: String specifiedByURL: String isOneOf: Boolean
        fields(includeDeprecated: Boolean! = false): [__Field!] interfaces: [__Type!]
        possibleTypes: [__Type!] enumValues(includeDeprecated: Boolean! = false): [__EnumValue!]
        inputFields(includeDeprecated: Boolean! = false): [__InputValue!] ofType: __Type
    }
    type __Field {
        name: String! description: String args(includeDeprecated: Boolean! = false): [__InputValue!]!
        type: __Type! isDeprecated: Boolean! deprecationReason: String
    }
    type __InputValue {
        name: String! description: String type: __Type! defaultValue: String isDeprecated: Boolean!
        deprecationReason: String
    }
    type __EnumValue { name: String! description: String isDeprecated: Boolean! deprecationReason: String }
    type __Directive {
        name: String! description: String locations: [__DirectiveLocation!]!
        args(includeDeprecated: Boolean! = false): [__InputValue!]! isRepeatable: Boolean!
    }
    enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL }
    type __Root { __schema: __Schema! __type(name: String!): __Type }
    directive @skip(if: Boolean!) on FIELD
    directive @include(if: Boolean!) on FIELD
"#;

/// The types of a schema, by name.
#[derive(Debug, Default)]
pub struct Types {
    kinds: HashMap<String, Kind>,
    directives: HashMap<String, Inputs>,
    pub query: String,
    pub mutation: Option<String>,
    pub subscription: Option<String>,
    pub sizes: Sizes,
}

#[derive(Debug)]
pub enum Kind {
    Scalar,
    Enum(HashSet<String>),
    Input(Inputs),
    Output(HashMap<String, Field>),
}

#[derive(Debug)]
pub struct Field {
    /// The name of its type, without lists.
    pub of: String,
    pub arguments: Inputs,
}

pub type Inputs = HashMap<String, Input>;

/// An argument, or a field of an input type.
#[derive(Debug)]
pub struct Input {
    pub of: Type,
    pub default: Option<Value>,
}

/// The lengths of the lists in introspection's answers: of all types together, and the longest.
#[derive(Debug, Default)]
pub struct Sizes {
    pub types: usize,
    pub directives: usize,
    pub fields: (usize, usize),
    pub arguments: (usize, usize),
    pub enum_values: (usize, usize),
    pub input_fields: (usize, usize),
}

impl Types {
    /// # Panics
    /// Never for the text of a schema that async-graphql wrote.
    pub fn of(schema: &str) -> Self {
        let mut types = Self::default();
        types.read(BUILT_IN);
        let root = types.kinds.remove("__Root");
        types.read(schema);
        if let (Some(Kind::Output(root)), Some(Kind::Output(query))) =
            (root, types.kinds.get_mut(&types.query))
        {
            query.extend(root);
        }
        types
    }

    pub fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.get(name)
    }

    pub fn fields(&self, name: &str) -> Option<&HashMap<String, Field>> {
        match self.kinds.get(name) {
            Some(Kind::Output(fields)) => Some(fields),
            _ => None,
        }
    }

    pub fn inputs(&self, of: &Type) -> Option<&Inputs> {
        match &of.base {
            BaseType::Named(name) => match self.kinds.get(name.as_str()) {
                Some(Kind::Input(inputs)) => Some(inputs),
                _ => None,
            },
            BaseType::List(_) => None,
        }
    }

    pub fn directive(&self, name: &str) -> Option<&Inputs> {
        self.directives.get(name)
    }

    #[allow(clippy::expect_used, reason = "async-graphql reads what it has written")]
    fn read(&mut self, text: &str) {
        let document = parse_schema(text).expect("the text of a schema");
        for definition in document.definitions {
            match definition {
                TypeSystemDefinition::Schema(schema) => {
                    let schema = schema.node;
                    let name = |root: Option<Positioned<Name>>| root.map(|root| root.node.to_string());
                    self.query = name(schema.query).unwrap_or_default();
                    self.mutation = name(schema.mutation);
                    self.subscription = name(schema.subscription);
                }
                TypeSystemDefinition::Type(definition) => self.add(definition.node),
                TypeSystemDefinition::Directive(directive) => {
                    self.sizes.directives += 1;
                    let directive = directive.node;
                    self.directives
                        .insert(directive.name.node.to_string(), inputs(directive.arguments));
                }
            }
        }
    }

    fn add(&mut self, definition: TypeDefinition) {
        let grow = |(all, longest): &mut (usize, usize), by: usize| {
            *all += by;
            *longest = (*longest).max(by);
        };
        let sizes = &mut self.sizes;
        let mut output = |fields: Vec<Positioned<FieldDefinition>>| {
            grow(&mut sizes.fields, fields.len());
            for field in &fields {
                grow(&mut sizes.arguments, field.node.arguments.len());
            }
            let fields = fields.into_iter().map(|field| field.node);
            let field = |field: FieldDefinition| {
                let of = name_of(&field.ty.node).to_owned();
                let arguments = inputs(field.arguments);
                (field.name.node.to_string(), Field { of, arguments })
            };
            Kind::Output(fields.map(field).collect())
        };
        let kind = match definition.kind {
            TypeKind::Scalar => Kind::Scalar,
            TypeKind::Object(object) => output(object.fields),
            TypeKind::Interface(interface) => output(interface.fields),
            TypeKind::Union(_) => output(Vec::new()),
            TypeKind::Enum(values) => {
                grow(&mut sizes.enum_values, values.values.len());
                let values = values.values.into_iter();
                Kind::Enum(values.map(|value| value.node.value.node.to_string()).collect())
            }
            TypeKind::InputObject(object) => {
                grow(&mut sizes.input_fields, object.fields.len());
                Kind::Input(inputs(object.fields))
            }
        };
        self.sizes.types += 1;
        self.kinds.insert(definition.name.node.to_string(), kind);
    }
}

/// Whether a variable of type `given` may stand where `of` is expected. `may_be_null`: a default
/// replaces null.
pub fn compatible(of: &Type, given: &Type, may_be_null: bool) -> bool {
    let (mut of, mut given, mut may_be_null) = (of, given, may_be_null);
    loop {
        if !of.nullable && given.nullable && !may_be_null {
            return false;
        }
        may_be_null = false;
        match (&of.base, &given.base) {
            (BaseType::List(inner), BaseType::List(given_inner)) => (of, given) = (inner, given_inner),
            (BaseType::Named(name), BaseType::Named(given_name)) => return name == given_name,
            _ => return false,
        }
    }
}

/// The name of a type without its lists.
pub fn name_of(of: &Type) -> &str {
    let mut of = of;
    loop {
        match &of.base {
            BaseType::Named(name) => return name,
            BaseType::List(items) => of = items,
        }
    }
}

fn inputs(definitions: Vec<Positioned<InputValueDefinition>>) -> Inputs {
    let definitions = definitions.into_iter().map(|definition| definition.node);
    let input = |definition: InputValueDefinition| {
        let of = definition.ty.node;
        let default = definition.default_value.map(|value| value.node);
        (definition.name.node.to_string(), Input { of, default })
    };
    definitions.map(input).collect()
}
