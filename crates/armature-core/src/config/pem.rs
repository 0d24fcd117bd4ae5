//! PEM, by the path of a file or as it is. Never printed, not even in an error about it: it may be a key.

use std::fmt;
use std::path::PathBuf;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

/// What every piece of PEM has.
const BEGIN: &str = "-----BEGIN ";
/// The only key of an object that stands for bytes; `src/options.ts` writes it.
const BYTES: &str = "\0bytes";

/// Certificates or a key in PEM (RFC 7468).
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string | Uint8Array"))]
pub enum Pem {
    /// In a file, which is read when the server starts, and again when it changes.
    File(PathBuf),
    /// The text itself.
    Text(Vec<u8>),
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Text(text) => write!(f, "Text({} bytes redacted)", text.len()),
        }
    }
}

impl<'de> Deserialize<'de> for Pem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FormVisitor)
    }
}

struct FormVisitor;

impl<'de> Visitor<'de> for FormVisitor {
    type Value = Pem;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PEM; use the path of a file, its text or a Buffer")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Pem, E> {
        if text.contains(BEGIN) {
            return Ok(Pem::Text(text.into()));
        }
        if text.trim().is_empty() {
            return Err(E::custom("an empty text is not PEM; use the path of a file, its text or a Buffer"));
        }
        Ok(Pem::File(text.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pem, A::Error> {
        match map.next_entry::<String, String>()? {
            Some((key, text)) if key == BYTES => Ok(Pem::Text(text.into())),
            _ => Err(A::Error::custom("an object is not PEM; use the path of a file, its text or a Buffer")),
        }
    }
}
