//! How Redis is reached.

use std::fmt;
use std::time::Duration;

use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use serde::Deserialize;

use super::secure::Secure;
use crate::config::{Millis, Pem, Size};
use crate::error::{Error, Result};

const ALLOWED_URL: &str = "an address such as 'redis://user:password@host:6379/0', 'rediss://host:6380' or 'unix:///run/redis.sock?db=0'";
const TIMEOUT: Millis = Millis(500);
const MAX_TIMEOUT: Millis = Millis::seconds(60);
const QUEUE: u32 = 10_000;
const MAX_QUEUE: u32 = 1_000_000;
const QUEUE_SIZE: Size = Size::mb(16);
const MAX_QUEUE_SIZE: Size = Size::mb(4096);

/// A Redis, or what speaks its protocol. Layers with the same options share one connection.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct RedisOptions {
    /// Where it is: `redis://[user:password@]host[:port][/database]`, `rediss://` for the same over TLS, or
    /// `unix:///path/of/socket` with `?db=`, `?user=` and `?pass=`.
    #[cfg_attr(test, ts(inline))]
    pub url: RedisUrl,
    /// How long a command may take from when it is sent, and how long connecting may take. From 1ms to 60s, by default 500ms.
    pub timeout: Option<Millis>,
    /// Most commands that may wait for their answers; more fail at once. From 1 to 1000000, by default 10000.
    pub queue: Option<u32>,
    /// Most bytes of commands that may wait for their answers; more fail at once. From 1kb to 4gb, by default 16mb.
    pub queue_size: Option<Size>,
    /// Who signs the server's certificate, with `rediss://`: PEM, as the path of a file, text or a Buffer. By default those whom
    /// the system trusts.
    #[cfg_attr(test, ts(inline))]
    pub ca: Option<Pem>,
    /// The certificate by which the server knows its client, with its chain, as `ca`; with `rediss://` and `key` only. By default
    /// none.
    #[cfg_attr(test, ts(inline))]
    pub cert: Option<Pem>,
    /// The key of `cert`.
    #[cfg_attr(test, ts(inline))]
    pub key: Option<Pem>,
}

/// The address of a Redis. Never printed: it may have a password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
#[serde(transparent)]
pub struct RedisUrl(pub String);

/// The same, checked.
#[derive(Clone)]
pub struct RedisSettings {
    options: RedisOptions,
    pub(super) server: ConnectionInfo,
    /// With `rediss://`.
    pub(super) secure: Option<Secure>,
    pub(super) timeout: Duration,
    pub(super) queue: usize,
    pub(super) queue_bytes: usize,
}

impl RedisOptions {
    /// The Redis at `url`, everything else by default.
    pub fn at(url: &str) -> Self {
        Self {
            url: RedisUrl(url.to_owned()),
            timeout: None,
            queue: None,
            queue_size: None,
            ca: None,
            cert: None,
            key: None,
        }
    }

    /// Validates them; `name` is what messages call them, such as `RateLimit.redis`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID`, which names the option; of the address it shows nothing. `ARMATURE_TLS` for what is no PEM.
    pub fn check(self, name: &str) -> Result<RedisSettings> {
        let refused = |_| Error::option_message(format!("{name}.url: this is not {ALLOWED_URL}"));
        // What the client would do itself, and could be told not to verify, is done here.
        let (address, is_secure) = match self.url.0.strip_prefix("rediss://") {
            Some(rest) => (format!("redis://{rest}"), true),
            None => (self.url.0.clone(), false),
        };
        let server = address.as_str().into_connection_info().map_err(refused)?;
        if !matches!(server.addr(), ConnectionAddr::Tcp(..) | ConnectionAddr::Unix(_))
            || address.contains('#')
        {
            return Err(Error::option_message(format!("{name}.url: this is not {ALLOWED_URL}")));
        }
        let secure = is_secure.then(|| Secure::new(&self, name)).transpose()?;
        for (option, pem) in [("ca", &self.ca), ("cert", &self.cert), ("key", &self.key)] {
            if pem.is_some() && !is_secure {
                let message =
                    format!("{name}.{option}: {name}.url does not use TLS; let it begin with 'rediss://'");
                return Err(Error::option_message(message));
            }
        }
        let timeout = self.timeout.unwrap_or(TIMEOUT);
        if !(Millis(1)..=MAX_TIMEOUT).contains(&timeout) {
            let allowed = format!("a duration from 1ms to {MAX_TIMEOUT}");
            return Err(Error::option(format_args!("{name}.timeout"), timeout, allowed));
        }
        let queue = self.queue.unwrap_or(QUEUE);
        if !(1..=MAX_QUEUE).contains(&queue) {
            let allowed = format!("a whole number from 1 to {MAX_QUEUE}");
            return Err(Error::option(format_args!("{name}.queue"), queue, allowed));
        }
        let size = self.queue_size.unwrap_or(QUEUE_SIZE);
        if !(Size::kb(1)..=MAX_QUEUE_SIZE).contains(&size) {
            let allowed = format!("a size from 1kb to {MAX_QUEUE_SIZE}");
            return Err(Error::option(format_args!("{name}.queueSize"), size, allowed));
        }
        let (queue, queue_bytes) = (queue as usize, size.bytes());
        Ok(RedisSettings { options: self, server, secure, timeout: timeout.duration(), queue, queue_bytes })
    }
}

impl RedisSettings {
    /// Whether both ask for the same connection.
    pub(in crate::store) fn is_same(&self, other: &Self) -> bool {
        let numbers = |s: &Self| (s.timeout, s.queue, s.queue_bytes);
        let texts = |s: &Self| {
            let RedisOptions { url, ca, cert, key, .. } = s.options.clone();
            (url.0, ca, cert, key)
        };
        texts(self) == texts(other) && numbers(self) == numbers(other)
    }
}

impl RedisSettings {
    /// Which Redis and database it is, and as whom. Not to be shown: it may have a password.
    pub(in crate::store) fn place(&self) -> &[u8] {
        self.options.url.0.as_bytes()
    }

    /// How long a command may take.
    pub(in crate::store) fn timeout(&self) -> Duration {
        self.timeout
    }
}

impl fmt::Display for RedisSettings {
    /// Where it is, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.addr().fmt(f)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl(redacted)")
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisSettings({self}, {:?}, {}, {})", self.timeout, self.queue, self.queue_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_defaults_and_shows_no_password() {
        let settings = RedisOptions::at("redis://me:secret@example.com/2").check("X").unwrap();
        assert_eq!(settings.to_string(), "example.com:6379");
        assert_eq!(format!("{settings:?}"), "RedisSettings(example.com:6379, 500ms, 10000, 16777216)");
        assert_eq!(format!("{:?}", RedisUrl("redis://secret@x".into())), "RedisUrl(redacted)");
        let unix = RedisOptions::at("unix:///run/redis.sock?db=3&pass=secret").check("X").unwrap();
        assert_eq!((unix.to_string().as_str(), unix.server.redis_settings().db()), ("/run/redis.sock", 3));
    }

    #[test]
    fn refuses_by_name_and_without_the_address() {
        let at = || RedisOptions::at("redis://localhost");
        let table = [
            (RedisOptions::at("http://:secret@x"), "X.url: this is not an address"),
            (RedisOptions::at("redis://:secret@"), "X.url: this is not an address"),
            (RedisOptions::at("rediss://:secret@x/#insecure"), "X.url: this is not an address"),
            (
                RedisOptions { ca: Some(Pem::File("ca.pem".into())), ..at() },
                "X.ca: X.url does not use TLS; let it begin with 'rediss://'",
            ),
            (
                RedisOptions {
                    cert: Some(Pem::File("cert.pem".into())),
                    ..RedisOptions::at("rediss://:secret@x")
                },
                "X.cert: it is of no use without X.key; set both or none",
            ),
            (
                RedisOptions { timeout: Some(Millis(0)), ..at() },
                "X.timeout: 0ms is not a duration from 1ms to 1m",
            ),
            (RedisOptions { queue: Some(0), ..at() }, "X.queue: 0 is not a whole number from 1 to 1000000"),
            (
                RedisOptions { queue_size: Some(Size(1)), ..at() },
                "X.queueSize: 1b is not a size from 1kb to 4gb",
            ),
        ];
        for (options, message) in table {
            let error = options.check("X").unwrap_err();
            assert!(error.is_option() && error.to_string().starts_with(message), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
