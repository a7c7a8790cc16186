//! From the text of a program to one that runs.

use std::collections::BTreeMap;
use std::thread;

use vrl::compiler::state::{ExternalEnv, LocalEnv, TypeState};
use vrl::compiler::{CompileConfig, Compiler, Program};
use vrl::diagnostic::{DiagnosticList, DiagnosticMessage};
use vrl::parser;
use vrl::path::OwnedTargetPath;
use vrl::value::Kind;
use vrl::value::kind::Collection;

use super::{functions, rules, said};

const SOURCE_BYTES: usize = 32 << 10;
/// The compiler calls itself for what is nested.
const STACK_BYTES: usize = 256 << 20;
/// Mistakes that are told at once.
const TOLD_MAX: usize = 10;

/// # Errors
/// All mistakes in the order of the text.
pub fn compile(source: &str) -> Result<Program, Vec<String>> {
    if source.len() > SOURCE_BYTES {
        return Err(vec![format!("is longer than {SOURCE_BYTES} bytes")]);
    }
    let source = source.to_owned();
    let compiling = thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || compiled(&source))
        .map(thread::JoinHandle::join);
    match compiling {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(vec!["the compiler of VRL panicked".to_owned()]),
        Err(error) => Err(vec![format!("cannot be compiled: {error}")]),
    }
}

fn compiled(source: &str) -> Result<Program, Vec<String>> {
    let parsed = parser::parse(source).map_err(|error| {
        let error: Box<dyn DiagnosticMessage> = Box::new(error);
        told(&DiagnosticList::from(vec![error]), source)
    })?;
    let mut broken = rules::broken(&parsed);
    if !broken.is_empty() {
        broken.sort();
        let say = |(offset, why): (usize, String)| said::at(source, offset, &why);
        return Err(broken.into_iter().take(TOLD_MAX).map(say).collect());
    }
    let state = TypeState {
        local: LocalEnv::default(),
        external: ExternalEnv::new_with_kind(Kind::object(Collection::any()), metadata()),
    };
    let mut config = CompileConfig::default();
    config.set_read_only_path(OwnedTargetPath::metadata_root(), true);
    match Compiler::compile(&functions::all(), parsed, &state, config) {
        Ok(result) => Ok(result.program),
        Err(mistakes) => Err(told(&mistakes, source)),
    }
}

fn metadata() -> Kind {
    Kind::object(BTreeMap::from([
        (
            "headers".into(),
            Kind::object(Collection::from_unknown(Kind::bytes())),
        ),
        ("key".into(), Kind::bytes().or_null()),
        ("partition".into(), Kind::integer()),
        ("timestamp".into(), Kind::timestamp()),
    ]))
}

fn told(mistakes: &DiagnosticList, source: &str) -> Vec<String> {
    let mut told: Vec<_> = mistakes
        .errors()
        .into_iter()
        .map(|found| said::mistake(found, source))
        .collect();
    told.sort();
    told.into_iter().map(|(_, said)| said).take(TOLD_MAX).collect()
}
