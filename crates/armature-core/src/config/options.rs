//! The raw options.

use serde::Deserialize;

use super::{
    deserializer::Input, environment, files::FilesConfig, io::Io, limits::LimitsConfig, listen::ListenConfig,
    log::LogConfig, names::Names, parse::parse, parse::parse_as, secrets::Secrets, short_form::any_form,
    timeouts::TimeoutsConfig, trailing_slash::TrailingSlash, trust_proxy::TrustProxy, watch::WatchConfig,
    workers::WorkersConfig,
};
use crate::error::{Error, Result};

/// The options of an application, wherever it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "AppOptions", optional_fields = nullable))]
pub struct AppConfig {
    /// What to do with a path that exists only with the other choice of trailing slash: `'strict'` answers
    /// 404, `'redirect'` sends 308, `'ignore'` takes both for the same path. By default `'strict'`.
    pub trailing_slash: Option<TrailingSlash>,
    /// Addresses and networks (`'10.0.0.0/8'`, `'::1'`) of the proxies whose `Forwarded` and `X-Forwarded-*`
    /// fields are believed. By default none.
    #[cfg_attr(test, ts(inline))]
    pub trust_proxy: Option<TrustProxy>,
    /// Keys for signed cookies, each of at least 16 bytes: the first signs, all of them verify. By default
    /// none.
    #[cfg_attr(test, ts(inline))]
    pub secrets: Option<Secrets>,
    /// Bounds on what clients may send and on what is kept for them.
    pub limits: Option<LimitsConfig>,
    /// How long clients, handlers and a shutdown may take.
    pub timeouts: Option<TimeoutsConfig>,
    /// What `app.log` and `req.log` write, and where: options, a logger such as pino's, or `false` for nothing.
    #[serde(default, deserialize_with = "any_form")]
    #[cfg_attr(test, ts(as = "Option<super::log::AnyFormTs>", inline))]
    pub log: Option<LogConfig>,
    /// What reading files may take.
    pub files: Option<FilesConfig>,
    /// Whether SIGTERM and SIGINT close the server. By default `true`.
    pub signals: Option<bool>,
    /// What this server is called, for workers that attach to it and in messages.
    pub name: Option<String>,
    /// Whether each request is a resource of its own for `node:async_hooks`, named `ARMATURE_REQUEST`. By default `false`.
    pub async_resource: Option<bool>,
}

/// All options: those of the application, and where and how it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "RunOptions", optional_fields = nullable))]
pub struct Config {
    /// As in [`AppConfig`].
    #[cfg_attr(test, ts(skip))]
    pub trailing_slash: Option<TrailingSlash>,
    /// As in [`AppConfig`].
    #[cfg_attr(test, ts(skip))]
    pub trust_proxy: Option<TrustProxy>,
    /// As in [`AppConfig`].
    #[cfg_attr(test, ts(skip))]
    pub secrets: Option<Secrets>,
    /// As in [`AppConfig`].
    #[cfg_attr(test, ts(skip))]
    pub limits: Option<LimitsConfig>,
    /// As in [`AppConfig`].
    #[cfg_attr(test, ts(skip))]
    pub timeouts: Option<TimeoutsConfig>,
    /// Where to listen. By default the port in the environment variable `PORT`, else 3000.
    pub listen: Option<ListenConfig>,
    /// Which threads own the connections: `'auto'`, `'inline'` (on the JavaScript thread)
    /// or a number of threads of their own from 1 to 256. By default `'auto'`.
    #[cfg_attr(test, ts(inline))]
    pub io: Option<Io>,
    /// How many JavaScript threads serve, the main one counted; `'auto'` is one per core. By default 1.
    #[serde(default, deserialize_with = "any_form")]
    #[cfg_attr(test, ts(as = "Option<super::workers::AnyFormTs>", inline))]
    pub workers: Option<WorkersConfig>,
    /// Whether new code is loaded when files change, without closing a connection: for development. By default `false`.
    #[serde(default, deserialize_with = "any_form")]
    #[cfg_attr(test, ts(as = "Option<super::watch::AnyFormTs>", inline))]
    pub watch: Option<WatchConfig>,
    /// As in [`AppConfig`].
    #[serde(default, deserialize_with = "any_form")]
    #[cfg_attr(test, ts(skip))]
    pub log: Option<LogConfig>,
    /// As in [`AppConfig`].
    #[cfg_attr(test, ts(skip))]
    pub files: Option<FilesConfig>,
    /// As in [`AppConfig`].
    #[cfg_attr(test, ts(skip))]
    pub signals: Option<bool>,
    /// As in [`AppConfig`].
    #[cfg_attr(test, ts(skip))]
    pub name: Option<String>,
    /// As in [`AppConfig`].
    #[cfg_attr(test, ts(skip))]
    pub async_resource: Option<bool>,
}

impl Config {
    /// Reads options from code.
    ///
    /// # Errors
    ///
    /// `ARMATURE_OPTION_INVALID` for an unknown option or a wrong value. The message starts with the option, as in
    /// `limits.body`.
    pub fn from_json(json: &str) -> Result<Self> {
        let config: Self = parse(json)?;
        config.check(Names::OPTIONS)?;
        Ok(config)
    }

    /// Reads the options among environment variables: `ARMATURE_LIMITS__BODY` is `limits.body`, lists are
    /// separated by commas. Other variables are skipped, and so are empty ones, which count as unset.
    ///
    /// # Errors
    ///
    /// Those of [`from_json`](Self::from_json), naming the variable; an unknown `ARMATURE_` variable is one.
    pub fn from_env(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let value = environment::tree(vars)?;
        let config: Self = parse_as(Names::Environment, Input { value, text: true })?;
        config.check(Names::Environment)?;
        Ok(config)
    }

    /// Lays `over` over these options: what it has wins, field by field. Lists are replaced as a whole.
    #[must_use]
    pub fn merge(self, over: Self) -> Self {
        Self {
            trailing_slash: over.trailing_slash.or(self.trailing_slash),
            trust_proxy: over.trust_proxy.or(self.trust_proxy),
            secrets: over.secrets.or(self.secrets),
            limits: both(self.limits, over.limits, LimitsConfig::merge),
            timeouts: both(self.timeouts, over.timeouts, TimeoutsConfig::merge),
            listen: over.listen.or(self.listen),
            io: over.io.or(self.io),
            workers: both(self.workers, over.workers, WorkersConfig::merge),
            watch: both(self.watch, over.watch, WatchConfig::merge),
            log: both(self.log, over.log, LogConfig::merge),
            files: both(self.files, over.files, FilesConfig::merge),
            signals: over.signals.or(self.signals),
            name: over.name.or(self.name),
            async_resource: over.async_resource.or(self.async_resource),
        }
    }

    /// Checks each value by itself, where the place it was set in can still be named.
    pub(super) fn check(&self, names: Names<'_>) -> Result<()> {
        let Self { limits, timeouts, listen, io, workers, watch, log, files, name, .. } = self;
        limits.as_ref().map_or(Ok(()), |limits| limits.check(names))?;
        timeouts.as_ref().map_or(Ok(()), |timeouts| timeouts.check(names))?;
        listen.as_ref().map_or(Ok(()), |listen| listen.check(names))?;
        io.map_or(Ok(()), |io| io.resolve(names).map(drop))?;
        workers.as_ref().map_or(Ok(()), |workers| workers.check(names))?;
        watch.as_ref().map_or(Ok(()), |watch| watch.check(names))?;
        log.as_ref().map_or(Ok(()), |log| log.check(names))?;
        files.as_ref().map_or(Ok(()), |files| files.check(names))?;
        match name {
            Some(name) if name.trim().is_empty() => {
                Err(Error::option(names.name("name"), format_args!("'{name}'"), "a name"))
            }
            _ => Ok(()),
        }
    }
}

impl From<AppConfig> for Config {
    fn from(app: AppConfig) -> Self {
        let AppConfig {
            trailing_slash,
            trust_proxy,
            secrets,
            limits,
            timeouts,
            log,
            files,
            signals,
            name,
            async_resource,
        } = app;
        Self {
            trailing_slash,
            trust_proxy,
            secrets,
            limits,
            timeouts,
            log,
            files,
            signals,
            name,
            async_resource,
            ..Self::default()
        }
    }
}

fn both<T>(under: Option<T>, over: Option<T>, merge: impl Fn(T, T) -> T) -> Option<T> {
    match (under, over) {
        (Some(under), Some(over)) => Some(merge(under, over)),
        (under, over) => over.or(under),
    }
}
