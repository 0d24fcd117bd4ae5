//! What the engine runs with.

use super::{
    address::parse_port,
    files::FilesSettings,
    io::IoMode,
    limits::Limits,
    listen::{Listen, ListenConfig, ListenerConfig},
    log::LogSettings,
    names::Names,
    options::Config,
    secrets::Secrets,
    timeouts::Timeouts,
    trailing_slash::TrailingSlash,
    trust_proxy::TrustProxy,
    watch::{Watch, WatchConfig},
    workers::Workers,
};
use crate::error::{Error, Result};

/// What the defaults depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Whether `NODE_ENV` is `production`: then the default host is `::`, which takes IPv4 too, instead of
    /// 127.0.0.1.
    pub production: bool,
    /// The variable `PORT`, which counts when no address is given; empty is unset.
    pub port: Option<String>,
}

/// All options, validated, with the defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What to do with the other choice of trailing slash.
    pub trailing_slash: TrailingSlash,
    /// The proxies whose word about the client is taken.
    pub trust_proxy: TrustProxy,
    /// Keys for signed cookies.
    pub secrets: Secrets,
    /// Bounds on what clients may send and on what is kept for them.
    pub limits: Limits,
    /// How long clients, handlers and a shutdown may take.
    pub timeouts: Timeouts,
    /// Where to listen; at least one.
    pub listen: Vec<Listen>,
    /// Where IO loops run.
    pub io_threads: IoMode,
    /// JavaScript threads that serve.
    pub workers: Workers,
    /// What is watched for new code; `None` for nothing.
    pub watch: Option<Watch>,
    /// What the application logs, and where.
    pub log: LogSettings,
    /// What reading files may take.
    pub files: FilesSettings,
    /// Whether SIGTERM and SIGINT close the server.
    pub signals: bool,
    /// What this server is called.
    pub name: Option<String>,
    /// Whether JavaScript makes each request a resource of `node:async_hooks`.
    pub async_resource: bool,
}

/// JavaScript threads that may have a loop each.
const MOST_INLINE: usize = 256;

impl Settings {
    /// Adds the defaults to `config` and checks what only the whole can show.
    ///
    /// # Errors
    ///
    /// `ARMATURE_OPTION_INVALID` when two options contradict each other, when `PORT` is needed and no port,
    /// or when `config` was built by hand and has a value that reading would have refused.
    pub fn resolve(config: Config, env: &Environment) -> Result<Self> {
        config.check(Names::OPTIONS)?;
        let listen = match config.listen {
            Some(listen) => listen,
            None => {
                let port = env_port(env)?.unwrap_or(3000);
                ListenConfig(vec![ListenerConfig { port: Some(port), ..ListenerConfig::default() }])
            }
        };
        let trust_proxy = config.trust_proxy.unwrap_or_default();
        let listen = listen.resolve(if env.production { "::" } else { "127.0.0.1" }, &trust_proxy)?;
        let io_threads = config.io.map_or(Ok(IoMode::Auto), |io| io.resolve(Names::OPTIONS))?;
        let workers = config.workers.unwrap_or_default().resolve();
        if io_threads == IoMode::Inline && workers.count > MOST_INLINE {
            let allowed = format!("a number of JavaScript threads from 1 to {MOST_INLINE} with io: 'inline'");
            return Err(Error::option("workers", workers.count, allowed));
        }
        let watch = config.watch.and_then(WatchConfig::resolve);
        if io_threads == IoMode::Inline && watch.is_some() {
            let allowed =
                "possible with io: 'inline', which cannot be reloaded; leave io to 'auto' in development";
            return Err(Error::option("watch", true, allowed));
        }
        Ok(Self {
            trailing_slash: config.trailing_slash.unwrap_or_default(),
            trust_proxy,
            secrets: config.secrets.unwrap_or_default(),
            limits: config.limits.unwrap_or_default().resolve()?,
            timeouts: config.timeouts.unwrap_or_default().resolve(),
            listen,
            io_threads,
            workers,
            watch,
            log: config.log.unwrap_or_default().resolve(env.production),
            files: config.files.unwrap_or_default().resolve(),
            signals: config.signals.unwrap_or(true),
            name: config.name,
            async_resource: config.async_resource.unwrap_or(false),
        })
    }
}

fn env_port(env: &Environment) -> Result<Option<u16>> {
    let Some(text) = env.port.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let port = parse_port(text);
    port.map(Some).ok_or_else(|| Error::option("PORT", format_args!("'{text}'"), "a port from 0 to 65535"))
}
