//! Regular expressions of label matchers, compiled once per text and shared.
//!
//! Each becomes a deterministic automaton that matches whole values: a match costs one step for each
//! byte, for any expression. One that would become too large is refused. All that are in use share one
//! bound. As in RE2 and Prometheus, `\d`, `\s`, `\w` and `\b` are about ASCII, and `\pL` and the like
//! about Unicode.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use regex_automata::dfa::{Automaton, StartKind, dense, sparse};
use regex_automata::nfa::thompson;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::ParserBuilder;
use regex_syntax::ast::{self, Ast, Visitor};

use super::budget::{Budget, Reserved};
use super::pattern::from_re2;

/// The longest expression, in bytes.
pub const TEXT_MAX: usize = 1_024;
/// What one may take, and what the two steps of compiling it may take. The last also bounds the time to
/// some milliseconds.
pub const ONE_MAX: usize = 32 << 10;
const NFA_MAX: usize = 64 << 10;
const DENSE_MAX: usize = 512 << 10;
/// What all may take together.
pub const ALL_MAX: usize = 32 << 20;
/// Character classes of one that ignores case. Each needs a look at all of Unicode.
const FOLDED_CLASSES_MAX: usize = 10;
/// An estimate of its memory besides automaton and text.
const ENTRY_BYTES: usize = 512;

static EXPRESSIONS: LazyLock<Expressions> = LazyLock::new(|| Expressions::new(ALL_MAX));

/// Matches values from end to end.
pub struct Expression {
    automaton: sparse::DFA<Vec<u8>>,
    taken: Reserved,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("{0}")]
    Refused(String),
    /// Those in use leave no room for one more.
    #[error("too many different regular expressions are in use; try again in a moment")]
    Overloaded,
}

/// Those in use, and as many of the others as there is room for.
#[derive(Debug)]
struct Expressions {
    known: Mutex<HashMap<Box<str>, Known>>,
    budget: Arc<Budget>,
}

#[derive(Debug)]
enum Known {
    Usable(Arc<Expression>),
    /// Kept because finding out costs as much as compiling one.
    Refused {
        why: String,
        _taken: Reserved,
    },
}

impl Expression {
    /// The expression of this text, which everybody in the process shares.
    pub fn shared(text: &str) -> Result<Arc<Self>, Unusable> {
        EXPRESSIONS.get(text)
    }

    pub fn is_match(&self, value: &str) -> bool {
        let automaton = &self.automaton;
        let input = Input::new(value).anchored(Anchored::Yes);
        let Ok(mut state) = automaton.start_state_forward(&input) else {
            return false;
        };
        for byte in value.bytes() {
            state = automaton.next_state(state, byte);
            if automaton.is_dead_state(state) {
                return false;
            }
        }
        automaton.is_match_state(automaton.next_eoi_state(state))
    }

    /// Bytes that it takes.
    pub fn weight(&self) -> usize {
        self.taken.amount()
    }
}

impl Expressions {
    fn new(limit: usize) -> Self {
        Self {
            known: Mutex::default(),
            budget: Budget::new(limit),
        }
    }

    fn get(&self, text: &str) -> Result<Arc<Expression>, Unusable> {
        if text.len() > TEXT_MAX {
            return Err(Unusable::Refused(format!("longer than {TEXT_MAX} bytes")));
        }
        if let Some(known) = self.known.lock().get(text) {
            return known.get();
        }
        // Without the lock, so that others go on meanwhile.
        let new = match automaton(text) {
            Ok(automaton) => {
                let weight = automaton.memory_usage() + text.len() + ENTRY_BYTES;
                let taken = self.reserve(weight).ok_or(Unusable::Overloaded)?;
                Known::Usable(Arc::new(Expression { automaton, taken }))
            }
            Err(why) => match self.reserve(why.len() + text.len() + ENTRY_BYTES) {
                Some(taken) => Known::Refused { why, _taken: taken },
                None => return Err(Unusable::Refused(why)),
            },
        };
        self.known.lock().entry(text.into()).or_insert(new).get()
    }

    /// Forgets unused ones when there is no room.
    fn reserve(&self, weight: usize) -> Option<Reserved> {
        self.budget.reserve(weight).or_else(|| {
            self.known.lock().retain(|_, known| known.is_in_use());
            self.budget.reserve(weight)
        })
    }
}

impl Known {
    fn get(&self) -> Result<Arc<Expression>, Unusable> {
        match self {
            Self::Usable(expression) => Ok(Arc::clone(expression)),
            Self::Refused { why, .. } => Err(Unusable::Refused(why.clone())),
        }
    }

    fn is_in_use(&self) -> bool {
        matches!(self, Self::Usable(expression) if Arc::strong_count(expression) > 1)
    }
}

fn automaton(text: &str) -> Result<sparse::DFA<Vec<u8>>, String> {
    let too_large = || {
        format!(
            "it would take more than {} KiB when compiled; use fewer or shorter repetitions and \
             character classes",
            ONE_MAX >> 10
        )
    };
    // Parsed alone, so that an unopened closing bracket cannot escape from the anchors.
    let parsed = ParserBuilder::new()
        .dot_matches_new_line(true)
        .build()
        .parse(&with_ascii_classes(&from_re2(text))?)
        .map_err(|error| error.to_string())?;
    let nfa = thompson::Config::new()
        .which_captures(thompson::WhichCaptures::None)
        .nfa_size_limit(Some(NFA_MAX));
    let nfa = thompson::Compiler::new()
        .configure(nfa)
        .build_from_hir(&parsed)
        .map_err(|_| too_large())?;
    let dfa = dense::Config::new()
        .start_kind(StartKind::Anchored)
        // Only the end of the value decides.
        .match_kind(MatchKind::All)
        .accelerate(false)
        .dfa_size_limit(Some(DENSE_MAX))
        .determinize_size_limit(Some(DENSE_MAX));
    let dfa = dense::Builder::new()
        .configure(dfa)
        .build_from_nfa(&nfa)
        .map_err(|_| too_large())?;
    let sparse = dfa.to_sparse().map_err(|_| too_large())?;
    if sparse.memory_usage() > ONE_MAX {
        return Err(too_large());
    }
    Ok(sparse)
}

/// The same expression with Perl's classes written out as in RE2.
pub fn with_ascii_classes(text: &str) -> Result<String, String> {
    let parsed = ast::parse::Parser::new()
        .parse(text)
        .map_err(|error| error.to_string())?;
    let Ok(survey) = ast::visit(&parsed, Survey::default());
    if survey.ignores_case && survey.classes > FOLDED_CLASSES_MAX {
        return Err(format!(
            "it ignores case and has more than {FOLDED_CLASSES_MAX} character classes"
        ));
    }
    let mut written = String::with_capacity(text.len());
    let mut at = 0;
    for (span, instead) in survey.classes_of_perl {
        written.push_str(&text[at..span.start]);
        written.push_str(instead);
        at = span.end;
    }
    written.push_str(&text[at..]);
    Ok(written)
}

/// The parts of an expression that are costly, or mean something else in RE2.
#[derive(Default)]
struct Survey {
    ignores_case: bool,
    classes: usize,
    classes_of_perl: Vec<(Range<usize>, &'static str)>,
}

impl Survey {
    fn flags(&mut self, flags: &ast::Flags) {
        self.ignores_case |= flags.flag_state(ast::Flag::CaseInsensitive) == Some(true);
    }

    fn perl(&mut self, class: &ast::ClassPerl) {
        self.classes += 1;
        let instead = match (&class.kind, class.negated) {
            (ast::ClassPerlKind::Digit, false) => "[0-9]",
            (ast::ClassPerlKind::Digit, true) => "[^0-9]",
            (ast::ClassPerlKind::Space, false) => r"[\t\n\f\r\x20]",
            (ast::ClassPerlKind::Space, true) => r"[^\t\n\f\r\x20]",
            (ast::ClassPerlKind::Word, false) => "[0-9A-Za-z_]",
            (ast::ClassPerlKind::Word, true) => "[^0-9A-Za-z_]",
        };
        self.replace(&class.span, instead);
    }

    fn replace(&mut self, span: &ast::Span, instead: &'static str) {
        let span = span.start.offset..span.end.offset;
        self.classes_of_perl.push((span, instead));
    }
}

impl Visitor for Survey {
    type Output = Self;
    type Err = Infallible;

    fn finish(self) -> Result<Self, Infallible> {
        Ok(self)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Infallible> {
        match ast {
            Ast::Flags(set) => self.flags(&set.flags),
            Ast::Group(group) => {
                if let Some(flags) = group.flags() {
                    self.flags(flags);
                }
            }
            Ast::ClassPerl(class) => self.perl(class),
            Ast::ClassUnicode(_) | Ast::ClassBracketed(_) => self.classes += 1,
            Ast::Assertion(assertion) => match assertion.kind {
                ast::AssertionKind::WordBoundary => self.replace(&assertion.span, r"(?-u:\b)"),
                ast::AssertionKind::NotWordBoundary => self.replace(&assertion.span, r"(?-u:\B)"),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), Infallible> {
        match item {
            ast::ClassSetItem::Perl(class) => self.perl(class),
            ast::ClassSetItem::Unicode(_) | ast::ClassSetItem::Bracketed(_) => self.classes += 1,
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_binary_op_pre(&mut self, _: &ast::ClassSetBinaryOp) -> Result<(), Infallible> {
        self.classes += 1;
        Ok(())
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expression").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn matches(text: &str, value: &str) -> bool {
        Expression::shared(text).unwrap().is_match(value)
    }

    #[test]
    fn an_expression_matches_the_whole_value_and_cannot_leave_its_anchors() {
        assert!(matches("a|ab", "a") && matches("a|ab", "ab"));
        assert!(!matches("a|b", "axyz") && !matches("a|b", "xyzb") && !matches("a", "a\n"));
        assert!(matches("", "") && matches(".*", "") && matches("(?i)aB", "Ab"));
        assert!(matches(".*", "a\nb") && matches("^a$", "a") && matches(r"a\b.*", "a b"));
        assert!(matches(r"a\B.", "ab") && !matches(r"a\b.", "ab"));
        for text in ["a)|(b", "(", r"\p{Nothing}", "a{3,2}", "(?=a)"] {
            assert!(
                matches!(Expression::shared(text), Err(Unusable::Refused(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn the_classes_of_perl_are_about_ascii_as_in_re2() {
        assert!(matches(r"\d\D\w\W\s\S", "1äa- ü") && matches(r"[\d\-x]+", "1-x"));
        assert!(!matches(r"\d", "٣") && !matches(r"\w", "ä") && matches(r"\pL+", "äж"));
        assert!(matches(r"[^\W\d]+", "ab") && !matches(r"[^\W\d]+", "a1") && matches("ä|.", "ж"));
    }

    #[test]
    fn what_people_write_fits_and_what_is_costly_is_refused_quickly() {
        let hosts: Vec<_> = (0..90).map(|n| format!("server-{n:03}")).collect();
        let all_hosts = hosts.join("|");
        for text in [
            all_hosts.as_str(),
            ".*error.*",
            ".*a.*b.*c.*d.*e.*",
            r"\pL+",
            r"\p{Lu}\p{Ll}*",
            r"[\p{Greek}\p{Cyrillic}]+-\d+",
            r"\w+([-.]\w+)*:\d{1,5}",
            "(?i)straße.*|.*[äöüß]+.*",
            r"https?://[^/]+/.*\.(png|jpe?g)",
            "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            r"10\.\d{1,3}\.\d{1,3}\.\d{1,3}:\d+",
            "(?:prod|stage|dev)-.+-(?:eu|us)-[0-9]+",
            "[a-z0-9-]{1,63}",
            ".{1,60}",
        ] {
            let expression = Expression::shared(text);
            assert!(
                expression.is_ok_and(|e| e.weight() <= ONE_MAX + TEXT_MAX + ENTRY_BYTES),
                "{text}"
            );
        }
        let began = Instant::now();
        for text in [
            r"\PN{1,12}x\PN{1,12}y".to_owned(),
            ".*a.{20}".to_owned(),
            "(a{1,100}){1,100}".to_owned(),
            r"\pL".repeat(300),
            format!("(?i){}", r"\pL".repeat(300)),
            format!("(?i:{})", r"[\x00-\x{10ffff}]".repeat(40)),
            format!("(?i)[{}]", r"[\x00-\x{10ffff}]".repeat(40)),
            "(".repeat(500) + &")".repeat(500),
            "a".repeat(TEXT_MAX + 1),
        ] {
            assert!(
                matches!(Expression::shared(&text), Err(Unusable::Refused(_))),
                "{text}"
            );
        }
        // All of them take some ten milliseconds; the bound is for a machine that is busy.
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn those_in_use_share_one_bound_and_the_others_make_room() {
        let all = Expressions::new(4 * ENTRY_BYTES);
        let first = all.get("abc").unwrap();
        assert!(Arc::ptr_eq(&first, &all.get("abc").unwrap()));
        for n in 0..20 {
            all.get(&format!("idle{n}")).unwrap();
            all.get(&format!("({n}")).unwrap_err();
        }
        // What was refused is remembered as well.
        assert!(matches!(all.known.lock().get("(19"), Some(Known::Refused { .. })));
        assert!(all.budget.used() <= all.budget.limit());
        assert!(Arc::ptr_eq(&first, &all.get("abc").unwrap()));
        let mut held = Vec::new();
        let refused = loop {
            match all.get(&format!("held{}", held.len())) {
                Ok(expression) => held.push(expression),
                Err(refused) => break refused,
            }
        };
        assert_eq!(refused, Unusable::Overloaded);
        drop(held);
        assert!(all.get("again").is_ok());
    }
}
