//! Enums whose values have one word each.

/// Declares each value with its word, and the method that returns the word.
macro_rules! words {
    ($(#[$doc:meta])* pub enum $enum:ident, $word_of:ident { $($(#[$about:meta])* $name:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $enum {
            $($(#[$about])* $name,)*
        }

        impl $enum {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub const fn $word_of(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

pub(super) use words;
