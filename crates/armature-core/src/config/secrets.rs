//! The option `secrets`.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error};

const MIN_BYTES: usize = 16;

/// Keys for signed cookies: the first signs, all of them verify. Never printed, not even in an error about
/// them.
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "readonly string[]"))]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The secrets, the current one first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there is none, so that nothing can be signed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Secrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // serde's own error would quote the value.
        let secrets = Vec::<String>::deserialize(deserializer).map_err(|_| {
            D::Error::custom("not a list of strings of at least 16 bytes each (values are not shown)")
        })?;
        match secrets.iter().position(|secret| secret.len() < MIN_BYTES) {
            None => Ok(Self(secrets)),
            Some(index) => Err(D::Error::custom(format_args!(
                "secret number {} has {} bytes, fewer than {MIN_BYTES}; make one with `openssl rand -base64 \
                 32`",
                index + 1,
                secrets[index].len()
            ))),
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} redacted]", self.0.len())
    }
}
