//! Enums whose values have one word each.

/// Declares each value with its word, the method that returns the word and, where it is named, the one that
/// reads it.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $enum:ident, $word_of:ident $(, $from_word:ident)? {
            $($(#[$about:meta])* $name:ident = $word:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $enum {
            $($(#[$about])* $name,)*
        }

        impl $enum {
            pub const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];

            pub const fn $word_of(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            $(pub fn $from_word(word: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|value| value.$word_of() == word)
            })?
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.$word_of())
            }
        }
    };
}

pub(crate) use words;
