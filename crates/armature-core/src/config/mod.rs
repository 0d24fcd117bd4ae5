//! Turns input into validated values, once, at start.
//!
//! Options come as JSON (from code) and as `ARMATURE_*` variables (from the operator). Each becomes a
//! [`Config`] of its own, in which everything is optional; [`Config::merge`] lays one over the other, and
//! [`Settings::resolve`] adds the defaults and checks what only the whole can show. After that nobody reads
//! raw options.
//!
//! Every refusal names the option (or variable), the value and what is allowed. Nothing is silently ignored:
//! unknown names, `null` and options that this version cannot honour yet are errors.
//!
//! ```
//! use armature_core::config::{Config, Environment, Settings};
//!
//! let code = Config::from_json(r#"{ "listen": ":8080", "limits": { "body": "2mb" } }"#)?;
//! let operator = Config::from_env([("ARMATURE_LIMITS__BODY".into(), "4mb".into())])?;
//! let settings = Settings::resolve(code.merge(operator), &Environment::default())?;
//! assert_eq!(settings.limits.body, 4 * 1024 * 1024);
//!
//! let error = Config::from_json(r#"{ "limits": { "boody": 1 } }"#).unwrap_err();
//! assert!(error.to_string().starts_with("limits.boody is not an option; did you mean limits.body?"));
//! # Ok::<(), armature_core::error::Error>(())
//! ```

mod acme;
mod address;
mod cidr;
mod descriptor;
mod deserializer;
mod environment;
mod file_mode;
mod files;
mod http3;
mod io;
mod limits;
mod listen;
mod log;
mod log_file;
mod millis;
mod names;
mod options;
mod parse;
mod pem;
mod proxy;
mod quantity;
mod range;
mod redirect_https;
mod route;
mod secrets;
mod settings;
mod short_form;
mod size;
mod suggest;
#[cfg(test)]
mod tests;
mod timeouts;
mod tls;
mod trailing_slash;
mod trust_proxy;
mod watch;
mod websocket;
mod websocket_deflate;
mod workers;

pub(crate) use log::check_output;
pub(crate) use route::{check_body_limit, check_handler_timeout, check_wait};
pub(crate) use short_form::{ShortForm, any_form};

pub use self::{
    acme::{Acme, AcmeChallenge, AcmeConfig},
    address::ListenAddress,
    cidr::{Cidr, NotACidr},
    descriptor::Descriptor,
    file_mode::FileMode,
    files::{FilesConfig, FilesSettings},
    http3::{Announce, Http3, Http3Config},
    io::{Io, IoMode},
    limits::{Limits, LimitsConfig},
    listen::{Listen, ListenConfig, ListenerConfig},
    log::{LogConfig, LogLevel, LogOutput, LogSettings, LogStyle},
    log_file::{LogFileConfig, LogPeriod},
    millis::Millis,
    options::{AppConfig, Config},
    parse::{parse, parse_value},
    pem::Pem,
    proxy::ProxyConfig,
    quantity::NotAQuantity,
    redirect_https::RedirectHttps,
    route::{parse_body_limit, parse_handler_timeout},
    secrets::Secrets,
    settings::{Environment, Settings},
    size::Size,
    timeouts::{Timeouts, TimeoutsConfig},
    tls::{CertificateConfig, ClientAuth, Tls, TlsCertificate, TlsConfig},
    trailing_slash::TrailingSlash,
    trust_proxy::TrustProxy,
    watch::{Watch, WatchConfig},
    websocket::{
        SlowConsumer, WebSocketConfig, WebSocketLimits, WebSocketSettings, WebSocketTimeouts, WsOrigins,
        parse_websocket,
    },
    websocket_deflate::WebSocketDeflate,
    workers::{WorkerCount, Workers, WorkersConfig},
};
