//! Which file uses what of which other file, read from the text of `src`.
//!
//! Comments, strings and whatever is compiled for tests only are left out. Everything else is read
//! token by token, so that nested and multi-line imports, paths in code and paths in macros count alike.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Segments of a path; of a module, those below the crate's root.
type Segments = Vec<String>;

#[derive(Default)]
struct Module {
    file: String,
    items: BTreeSet<String>,
    children: BTreeSet<String>,
    /// What its `use` declarations bind, by name.
    bound: BTreeMap<String, Segments>,
    /// What it takes in with `*`.
    globs: Vec<Segments>,
}

/// A path that a module writes, in an import or in code.
struct Mention {
    module: Segments,
    path: Segments,
}

/// The modules of the crate and every path that they write.
#[derive(Default)]
pub struct Uses {
    modules: BTreeMap<Segments, Module>,
    mentions: Vec<Mention>,
    /// What modules pass on with `pub use`; an import only where the name is used beside it.
    passed_on: Vec<(Mention, String)>,
    /// Names that stand alone in the code of a file.
    words: BTreeSet<(String, String)>,
}

impl Uses {
    /// Reads the files from the crate's root on: those that no module declares outside tests are tests.
    pub fn read(src: &Path) -> Self {
        let mut uses = Self::default();
        uses.file(src, "lib.rs", Vec::new());
        uses.file(src, "main.rs", vec!["main".to_owned()]);
        uses
    }

    /// Names of the files.
    pub fn files(&self) -> BTreeSet<&str> {
        self.modules.values().map(|module| module.file.as_str()).collect()
    }

    /// (file, the path that it writes from the root of this or of another crate).
    pub fn paths(&self) -> impl Iterator<Item = (&str, Segments)> {
        self.counted().map(|mention| {
            let path = self.absolute(&mention.module, &mention.path, 0);
            let path = path.map_or_else(
                || mention.path.clone(),
                |path| [vec!["crate".to_owned()], path].concat(),
            );
            (self.modules[&mention.module].file.as_str(), path)
        })
    }

    /// For each pair of a file and another one that it uses, the paths by which it does.
    pub fn between_files(&self) -> BTreeMap<(&str, &str), BTreeSet<String>> {
        let mut found = BTreeMap::<_, BTreeSet<String>>::new();
        for mention in self.counted() {
            let from = self.modules[&mention.module].file.as_str();
            let path = self.absolute(&mention.module, &mention.path, 0);
            if let Some(to) = path
                .and_then(|path| self.defined_in(&path, true))
                .filter(|to| *to != from)
            {
                found
                    .entry((from, to))
                    .or_default()
                    .insert(mention.path.join("::"));
            }
        }
        found
    }

    fn counted(&self) -> impl Iterator<Item = &Mention> {
        let passed_on = self.passed_on.iter().filter(|(mention, name)| {
            let file = &self.modules[&mention.module].file;
            self.words.contains(&(file.clone(), name.clone()))
        });
        self.mentions.iter().chain(passed_on.map(|(mention, _)| mention))
    }

    /// The path from the crate's root; none when it leads out of the crate.
    fn absolute(&self, module: &[String], path: &[String], depth: usize) -> Option<Segments> {
        let (first, rest) = path.split_first()?;
        let here = &self.modules[module];
        let base = match first.as_str() {
            "crate" | "streamsync" => Vec::new(),
            "self" => module.to_vec(),
            "super" => {
                let parent = &module[..module.len().checked_sub(1)?];
                return self.absolute(parent, &[&["self".to_owned()], rest].concat(), depth);
            }
            child if here.children.contains(child) => [module, &[child.to_owned()]].concat(),
            name => {
                let bound = here.bound.get(name).filter(|_| depth < 8)?;
                self.absolute(module, bound, depth + 1)?
            }
        };
        match rest.first().is_some_and(|next| next == "super") {
            true => self.absolute(&base, rest, depth),
            false => Some([base, rest.to_vec()].concat()),
        }
    }

    /// The file that defines what is at `path`; none for a module. What a macro defines is where the path
    /// leads, unless that is only a guess.
    fn defined_in(&self, path: &[String], is_certain: bool) -> Option<&str> {
        let mut at: Segments = Vec::new();
        for (index, name) in path.iter().enumerate() {
            let module = &self.modules[&at];
            let rest = &path[index + 1..];
            if module.items.contains(name) && (rest.is_empty() || !module.children.contains(name)) {
                return Some(&module.file);
            }
            if module.children.contains(name) {
                at.push(name.clone());
                continue;
            }
            if let Some(bound) = module.bound.get(name) {
                let path = [self.absolute(&at, bound, 0)?, rest.to_vec()].concat();
                return self.defined_in(&path, is_certain);
            }
            let through_glob = module.globs.iter().find_map(|glob| {
                let path = [self.absolute(&at, glob, 0)?, path[index..].to_vec()].concat();
                self.defined_in(&path, false)
            });
            return through_glob.or(is_certain.then_some(&module.file));
        }
        None
    }

    fn file(&mut self, src: &Path, file: &str, module: Segments) {
        let text = fs::read_to_string(src.join(file)).expect("a file of the module's name");
        let tokens: TokenStream = text.parse().expect("a file of Rust");
        let declared = self.module(file, module.clone(), tokens);
        let dir = match file.strip_suffix("mod.rs") {
            Some(dir) => dir.to_owned(),
            None if module.is_empty() => String::new(),
            None => format!("{}/", file.trim_end_matches(".rs")),
        };
        for child in declared {
            let flat = format!("{dir}{child}.rs");
            let file = if src.join(&flat).exists() {
                flat
            } else {
                format!("{dir}{child}/mod.rs")
            };
            self.file(src, &file, [module.clone(), vec![child]].concat());
        }
    }

    /// Reads a module's tokens; returns the children that have files of their own.
    fn module(&mut self, file: &str, at: Segments, tokens: TokenStream) -> Segments {
        let module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        self.modules.insert(at.clone(), module);
        let mut reading = Reading {
            uses: self,
            file,
            at,
            declared: Vec::new(),
        };
        reading.walk(tokens, true);
        reading.declared
    }
}

struct Reading<'u> {
    uses: &'u mut Uses,
    file: &'u str,
    at: Segments,
    declared: Segments,
}

impl Reading<'_> {
    fn here(&mut self) -> &mut Module {
        self.uses
            .modules
            .get_mut(&self.at)
            .expect("the module that is read")
    }

    fn walk(&mut self, tokens: TokenStream, items: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let word = |at: usize| match tokens.get(at) {
            Some(TokenTree::Ident(ident)) => ident.to_string(),
            _ => String::new(),
        };
        let mut is_public = false;
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Group(group) if is_for_tests(&tokens, at - 1) => {
                    debug_assert!(group.delimiter() == Delimiter::Bracket);
                    at = after_item(&tokens, at);
                }
                TokenTree::Group(group) => {
                    self.walk(group.stream(), false);
                    is_public &= group.delimiter() == Delimiter::Parenthesis;
                }
                TokenTree::Ident(ident) => match ident.to_string().as_str() {
                    "pub" => is_public = true,
                    "use" if !is_punct(tokens.get(at), '<') => {
                        let end = (at..tokens.len()).find(|&i| is_punct(tokens.get(i), ';'));
                        let end = end.expect("the end of an import");
                        self.import(&tokens[at..end], &[], is_public);
                        (at, is_public) = (end, false);
                    }
                    "mod" if items => {
                        let name = word(at);
                        self.here().children.insert(name.clone());
                        match tokens.get(at + 1) {
                            Some(TokenTree::Group(body)) => {
                                let child = [self.at.clone(), vec![name]].concat();
                                self.uses.module(self.file, child, body.stream());
                            }
                            _ => self.declared.push(name),
                        }
                        at += 2;
                    }
                    "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static" if items => {
                        let name = word(at);
                        self.here().items.insert(name);
                        is_public = false;
                    }
                    _ if at > 1 && is_punct(tokens.get(at - 2), ':') => {}
                    first => {
                        let mut path = vec![first.to_owned()];
                        while is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':') {
                            at += 2;
                            match word(at) {
                                next if next.is_empty() => break,
                                next => path.push(next),
                            }
                            at += 1;
                        }
                        self.uses.words.insert((self.file.to_owned(), path[0].clone()));
                        if path.len() > 1 {
                            let module = self.at.clone();
                            self.uses.mentions.push(Mention { module, path });
                        }
                    }
                },
                _ => {}
            }
        }
    }

    /// One tree of a `use` declaration.
    fn import(&mut self, tree: &[TokenTree], prefix: &[String], is_public: bool) {
        let mut path = prefix.to_vec();
        let mut name = None;
        for (at, token) in tree.iter().enumerate() {
            match token {
                TokenTree::Ident(ident) if ident == "as" => name = tree.get(at + 1).map(ToString::to_string),
                TokenTree::Ident(_) if name.is_some() => {}
                TokenTree::Ident(ident) if ident == "self" && !path.is_empty() => {}
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Group(group) => {
                    let trees: Vec<TokenTree> = group.stream().into_iter().collect();
                    for tree in trees.split(|token| is_punct(Some(token), ',')) {
                        self.import(tree, &path, is_public);
                    }
                    return;
                }
                TokenTree::Punct(punct) if punct.as_char() == '*' => {
                    self.here().globs.push(path.clone());
                    path.push("*".to_owned());
                    let module = self.at.clone();
                    self.uses.mentions.push(Mention { module, path });
                    return;
                }
                _ => {}
            }
        }
        let Some(name) = name.or_else(|| path.last().cloned()) else {
            return;
        };
        let is_self = path
            .first()
            .is_some_and(|first| self.here().children.contains(first) || first == "self");
        self.here().bound.insert(name.clone(), path.clone());
        let mention = Mention {
            module: self.at.clone(),
            path,
        };
        if is_public && is_self {
            self.uses.passed_on.push((mention, name));
        } else {
            self.uses.mentions.push(mention);
        }
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// Whether the group is the `[cfg(test)]` of an attribute.
fn is_for_tests(tokens: &[TokenTree], at: usize) -> bool {
    let is_attribute = at > 0 && is_punct(tokens.get(at - 1), '#');
    is_attribute && tokens[at].to_string().replace(' ', "") == "[cfg(test)]"
}

/// Where what follows the item goes on that begins at `at`.
fn after_item(tokens: &[TokenTree], at: usize) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is_punct(Some(token), ';') || is_punct(Some(token), ','),
    };
    let length = tokens[at..].iter().position(ends);
    length.map_or(tokens.len(), |length| at + length + 1)
}
