//! How an option is called where it was set.

use serde_path_to_error::{Path, Segment};

/// The language that a [`Config`](super::Config) was written in, for messages.
#[derive(Clone, Copy)]
pub(super) enum Names<'a> {
    /// `limits.inFlight`, below `root` if that is not empty.
    Options { root: &'a str },
    /// `ARMATURE_LIMITS__IN_FLIGHT`.
    Environment,
}

pub(super) const PREFIX: &str = "ARMATURE_";

impl Names<'_> {
    pub(super) const OPTIONS: Self = Self::Options { root: "" };

    /// `path` as in code, such as `listen[1].port`.
    pub(super) fn name(self, path: &str) -> String {
        match self {
            Self::Options { root } => match (root, path) {
                ("", "") => "options".into(),
                ("", path) => path.into(),
                (root, "") => root.into(),
                (root, path) if path.starts_with('[') => format!("{root}{path}"),
                (root, path) => format!("{root}.{path}"),
            },
            Self::Environment => {
                let names = path.split('.').map(|name| name.split('[').next().unwrap_or_default());
                format!("{PREFIX}{}", names.map(screaming).collect::<Vec<_>>().join("__"))
            }
        }
    }

    /// The names at one level, as a list for the reader.
    pub(super) fn list(self, parent: &str, names: &[&str]) -> String {
        let names = names.iter().map(|name| match self {
            Self::Options { .. } => (*name).into(),
            Self::Environment => self.name(&join(parent, name)),
        });
        names.collect::<Vec<String>>().join(", ")
    }
}

/// The path of an option inside `parent`.
pub(super) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.into() } else { format!("{parent}.{name}") }
}

/// serde_path_to_error's own text for an empty path is a dot.
pub(super) fn text_of(path: &Path) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => text.push_str(&format!("[{index}]")),
            Segment::Map { key } | Segment::Enum { variant: key } => text = join(&text, key),
            Segment::Unknown => {}
        }
    }
    text
}

/// `inFlight` as `IN_FLIGHT`.
fn screaming(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

/// `IN_FLIGHT` as `inFlight`.
pub(super) fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_ascii_lowercase();
    for word in words {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        out.push_str(&first.to_ascii_uppercase());
        out.push_str(&rest.to_ascii_lowercase());
    }
    out
}
