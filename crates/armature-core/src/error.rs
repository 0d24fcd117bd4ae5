//! The one error type of the engine: opaque, with a stable code, a full message and public predicates.

use std::{error::Error as StdError, fmt, io};

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why starting or configuring the engine failed.
///
/// Answers to clients are never of this type: a failing request becomes a response.
///
/// `Display` is a whole sentence for the developer or operator. It leaves out the text of
/// [`source`](StdError::source), so that printing the chain of causes repeats nothing.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    OptionInvalid,
    RouteConflict,
    RoutePattern,
    Listen,
    Tls,
    Io,
    Custom(&'static str),
}

impl Error {
    /// An error with a code of the caller, for handlers, layers and bindings outside this crate.
    pub fn custom(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Custom(code), message.into())
    }

    /// A stable name for programs, such as `ARMATURE_OPTION_INVALID`; it never changes between versions.
    ///
    /// | code | meaning |
    /// |---|---|
    /// | `ARMATURE_OPTION_INVALID` | an option is unknown or has a wrong value |
    /// | `ARMATURE_ROUTE_CONFLICT` | two routes match the same requests |
    /// | `ARMATURE_ROUTE_PATTERN` | a route pattern or scope prefix is malformed |
    /// | `ARMATURE_LISTEN` | an address cannot be listened on |
    /// | `ARMATURE_TLS` | certificates or keys cannot be used |
    /// | `ARMATURE_IO` | another system call failed |
    pub fn code(&self) -> &'static str {
        match self.0.kind {
            Kind::OptionInvalid => "ARMATURE_OPTION_INVALID",
            Kind::RouteConflict => "ARMATURE_ROUTE_CONFLICT",
            Kind::RoutePattern => "ARMATURE_ROUTE_PATTERN",
            Kind::Listen => "ARMATURE_LISTEN",
            Kind::Tls => "ARMATURE_TLS",
            Kind::Io => "ARMATURE_IO",
            Kind::Custom(code) => code,
        }
    }

    /// Whether an option or an `ARMATURE_*` variable was refused.
    pub fn is_option(&self) -> bool {
        matches!(self.0.kind, Kind::OptionInvalid)
    }

    /// Whether a route or a scope could not be registered.
    pub fn is_route(&self) -> bool {
        matches!(self.0.kind, Kind::RouteConflict | Kind::RoutePattern)
    }

    /// Whether an address could not be listened on.
    pub fn is_listen(&self) -> bool {
        self.0.kind == Kind::Listen
    }

    /// The option `path` has a `value` that is not `allowed`, a noun phrase such as "a size; use '1mb'".
    pub(crate) fn option(
        path: impl fmt::Display,
        value: impl fmt::Display,
        allowed: impl fmt::Display,
    ) -> Self {
        Self::option_message(format!("{path}: {value} is not {allowed}"))
    }

    /// An option error that "value is not allowed" cannot say, such as two options that contradict each
    /// other.
    pub(crate) fn option_message(message: impl Into<String>) -> Self {
        Self::new(Kind::OptionInvalid, message.into())
    }

    /// `new` cannot be registered beside `existing`; both are routes as the user wrote them.
    pub(crate) fn route_conflict(new: impl fmt::Display, existing: impl fmt::Display, why: &str) -> Self {
        Self::new(Kind::RouteConflict, format!("route {new} conflicts with {existing}: {why}"))
    }

    /// `subject` ("route GET /a", "scope /a") is malformed; `why` says what to write instead.
    pub(crate) fn route_pattern(subject: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self::new(Kind::RoutePattern, format!("{subject}: {why}"))
    }

    /// `address` cannot be listened on.
    pub(crate) fn listen(address: impl fmt::Display, source: io::Error) -> Self {
        Self::new(Kind::Listen, format!("cannot listen on {address}")).with(source)
    }

    /// The certificates or keys of the option `path` cannot be used.
    pub(crate) fn tls(path: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self::new(Kind::Tls, format!("{path}: {why}"))
    }

    /// Another system call failed while doing `context` ("cannot …").
    pub(crate) fn io(context: impl Into<String>, source: io::Error) -> Self {
        Self::new(Kind::Io, context.into()).with(source)
    }

    fn new(kind: Kind, message: String) -> Self {
        Self(Box::new(Inner { kind, message, source: None }))
    }

    fn with(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("code", &self.code()).field("message", &self.0.message);
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_messages_and_predicates() {
        let refused = || io::Error::new(io::ErrorKind::AddrInUse, "address in use");
        let table = [
            (
                Error::option("limits.body", "'1xb'", "a size"),
                "OPTION_INVALID",
                "limits.body: '1xb' is not a size",
            ),
            (Error::option_message("name is odd"), "OPTION_INVALID", "name is odd"),
            (
                Error::route_conflict("GET /a", "GET /a", "same"),
                "ROUTE_CONFLICT",
                "route GET /a conflicts with GET /a: same",
            ),
            (Error::route_pattern("route GET a", "no slash"), "ROUTE_PATTERN", "route GET a: no slash"),
            (Error::listen("[::]:80", refused()), "LISTEN", "cannot listen on [::]:80"),
            (Error::tls("listen.tls.key", "is none"), "TLS", "listen.tls.key: is none"),
            (Error::io("cannot read /x", refused()), "IO", "cannot read /x"),
            (Error::custom("ARMATURE_OTHER", "other"), "OTHER", "other"),
        ];
        for (error, code, message) in table {
            assert_eq!(error.code(), format!("ARMATURE_{code}"));
            assert_eq!(error.to_string(), message);
            assert_eq!(error.is_option(), ["OPTION_INVALID", "NOT_AVAILABLE"].contains(&code));
            assert_eq!(error.is_route(), code.starts_with("ROUTE_"));
            assert_eq!(error.is_listen(), code == "LISTEN");
        }
    }

    #[test]
    fn the_source_is_kept_and_not_repeated() {
        let error = Error::listen("[::]:80", io::Error::other("address in use"));
        assert!(!error.to_string().contains("in use"));
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("address in use"));
        assert!(format!("{error:?}").contains("address in use"));
        assert!(Error::custom("X", "y").source().is_none());
    }

    #[test]
    fn one_pointer_that_crosses_threads() {
        fn thread_safe<T: Send + Sync + 'static>() {}
        thread_safe::<Error>();
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
