//! Scripts that Redis runs as one step, called by their hash.

use std::sync::Arc;

use ::redis::{Arg, Cmd};
use aws_lc_rs::digest;

/// A script in Lua. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Script(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: &'static str,
    /// SHA-1 in hexadecimal, by which Redis knows it.
    hash: String,
}

impl Script {
    /// The script with this source.
    pub fn new(source: &'static str) -> Self {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, source.as_bytes());
        let hash = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Self(Arc::new(Inner { source, hash }))
    }

    /// A call by its hash.
    pub(super) fn call(&self, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
        let mut command = Cmd::new();
        command.arg("EVALSHA").arg(&self.0.hash).arg(keys.len());
        for word in keys.iter().chain(arguments) {
            command.arg(*word);
        }
        command
    }

    /// The call that `by_hash` is, with the source: Redis knows the script from then on.
    pub(super) fn whole(&self, by_hash: &Cmd) -> Cmd {
        let mut command = Cmd::new();
        command.arg("EVAL").arg(self.0.source);
        for argument in by_hash.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
                command.arg(bytes);
            }
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_by_hash_and_by_source_have_the_same_arguments() {
        let script = Script::new("return 1");
        let by_hash = script.call(&[b"key"], &[b"1", b"\xff"]);
        let words = |command: &Cmd| {
            let word = |argument: Arg<&[u8]>| match argument {
                Arg::Simple(bytes) => bytes.to_vec(),
                _ => panic!("a word"),
            };
            command.args_iter().map(word).collect::<Vec<_>>()
        };
        // As `redis-cli script load 'return 1'` says.
        let hash = b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
        assert_eq!(words(&by_hash), [&b"EVALSHA"[..], hash, b"1", b"key", b"1", b"\xff"]);
        assert_eq!(words(&script.whole(&by_hash)), [&b"EVAL"[..], b"return 1", b"1", b"key", b"1", b"\xff"]);
    }
}
