//! Enums that people name by a word.

/// Gives an enum its words: `as_str`, `FromStr` and the list in errors.
macro_rules! words {
    ($name:ident, $what:literal, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $name {
            /// All of them, weakest first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in commands, in configuration and in the store.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::invalid::Invalid;

            fn from_str(text: &str) -> Result<Self, $crate::invalid::Invalid> {
                let named = Self::ALL.iter().find(|one| one.as_str() == text);
                named.copied().ok_or_else(|| {
                    let all = [$($word),+].join(", ");
                    $crate::invalid::Invalid::new(
                        $what,
                        format!("`{}`", $crate::invalid::shown(text)),
                        format!("use one of {all}"),
                    )
                })
            }
        }
    };
}

pub(crate) use words;
