//! Options from JavaScript and from the environment into settings.

use armature_core::config::{Config, Environment, IoMode, Settings};
use armature_core::layer::{
    BodyLimit, BodyLimitOptions, Cache, CacheOptions, Compress, CompressOptions, ConcurrencyLimit,
    ConcurrencyLimitOptions, Cors, CorsOptions, Decompress, DecompressOptions, Etag, EtagOptions, Health,
    HealthCheck, HealthCheckOptions, HealthOptions, Logger, LoggerContext, LoggerOptions, RateLimit,
    RateLimitContext, RateLimitOptions, RequestIdLayer, RequestIdOptions, RouteName, SecurityHeaders,
    SecurityHeadersOptions, Timeout, TimeoutLayerOptions, Vitals,
};
use armature_core::pipeline::LayerFactory;
use armature_core::server::cores;
use napi_derive::napi;
use serde::de::DeserializeOwned;
use std::sync::Arc;

use crate::error::{JsError, Result, js};
use crate::log;
use crate::wiring::Wiring;

/// Adds what the environment says to `config` and resolves it. `env` is a JSON object of the variables that count:
/// `ARMATURE_*`, `PORT` and `NODE_ENV`.
pub fn resolve(config: Config, env: &str) -> Result<(Settings, bool)> {
    let env: std::collections::BTreeMap<String, String> =
        serde_json::from_str(env).map_err(|e| crate::error::internal(e.to_string()))?;
    let environment = Environment {
        production: env.get("NODE_ENV").is_some_and(|value| value == "production"),
        port: env.get("PORT").cloned(),
    };
    let from_env =
        Config::from_env(env.into_iter().filter(|(name, _)| name.starts_with("ARMATURE_"))).map_err(js)?;
    let settings = Settings::resolve(config.merge(from_env), &environment).map_err(js)?;
    Ok((settings, environment.production))
}

/// What `io: 'auto'` means here: with a single core IO threads would only take turns with JavaScript, unless several threads
/// of it share them, or code is to be reloaded.
pub fn choose_driver(settings: &Settings) -> IoMode {
    match settings.io_threads {
        IoMode::Auto if cores() == 1 && settings.workers.count == 1 && settings.watch.is_none() => {
            IoMode::Inline
        }
        mode => mode,
    }
}

/// Checks options without starting anything; returns what JavaScript needs of the result, as JSON.
#[napi]
pub fn resolve_options(config: String, env: String) -> Result<String> {
    let (settings, production) = resolve(Config::from_json(&config).map_err(js)?, &env)?;
    Ok(describe(&settings, production).to_string())
}

/// What JavaScript needs of the options of a server; `src/native.ts` has the same names.
pub fn describe(settings: &Settings, production: bool) -> serde_json::Value {
    serde_json::json!({
        "production": production,
        "shutdown": settings.timeouts.shutdown.as_millis() as u64,
        "preDrain": settings.timeouts.pre_drain.as_millis() as u64,
        "queue": settings.limits.queue,
        "responseBuffer": settings.limits.response_buffer,
        "requestBuffer": settings.limits.request_buffer,
        "signals": settings.signals,
        "secure": settings.listen.first().is_some_and(|listen| listen.tls.is_some()),
        "asyncResource": settings.async_resource,
        "secrets": settings.secrets.iter().collect::<Vec<_>>(),
        "workers": settings.workers.count,
        "entry": settings.workers.entry,
        "workerTimes": {
            "start": settings.workers.start_timeout.0,
            "stop": settings.workers.stop_timeout.0,
            "end": settings.workers.end_timeout.0,
            "restart": settings.workers.restart_delay.0,
            "maxRestart": settings.workers.max_restart_delay.0,
            "linger": settings.workers.linger_timeout.0,
        },
        "watch": settings.watch.as_ref().map(|watch| serde_json::json!({
            "paths": watch.paths,
            "extensions": watch.extensions,
            "delay": watch.delay.0,
        })),
        "name": settings.name,
        "log": log::describe(&settings.log),
    })
}

/// Checks the options of a native layer.
#[napi]
pub fn validate_layer(kind: String, options: String) -> Result<()> {
    let options = serde_json::from_str(&options).map_err(|e| crate::error::internal(e.to_string()))?;
    layer(&kind, options, None).map(drop)
}

/// What layers take from the application that they are for.
pub struct LayerContext<'a> {
    pub wiring: &'a Wiring,
    /// Patterns by the number of the route.
    pub routes: Arc<[String]>,
    /// The same with their methods.
    pub names: &'a [RouteName],
    pub generation: u32,
    /// The layer's own, among those of the application.
    pub number: usize,
    /// What `Health` checks: names, and options.
    pub checks: Vec<(String, serde_json::Value)>,
}

/// Builds the native layer `kind`; without an application its options are only checked.
pub fn layer(
    kind: &str,
    options: serde_json::Value,
    context: Option<&LayerContext<'_>>,
) -> Result<Option<Arc<dyn LayerFactory>>> {
    Ok(Some(match kind {
        "logger" => {
            let logger = Logger::new(parse::<LoggerOptions>("Logger", options)?).map_err(js)?;
            let Some(LayerContext { wiring, routes, .. }) = context else { return Ok(None) };
            let settings = &wiring.settings;
            let context = LoggerContext { log: &settings.log, trust: &settings.trust_proxy, routes };
            let logger = logger.open(context).map_err(js)?;
            wiring.logs.add(logger.sink());
            Arc::new(logger)
        }
        "bodyLimit" => {
            Arc::new(BodyLimit::new(parse::<BodyLimitOptions>("BodyLimit", options)?).map_err(js)?)
        }
        "concurrencyLimit" => {
            let options = parse::<ConcurrencyLimitOptions>("ConcurrencyLimit", options)?;
            Arc::new(match context {
                Some(context) => context.wiring.concurrency.layer(context.number, options)?,
                None => ConcurrencyLimit::new(options).map_err(js)?,
            })
        }
        "cache" => {
            let options = parse::<CacheOptions>("Cache", options)?;
            let trust = context.map(|context| context.wiring.settings.trust_proxy.clone());
            let cache = Cache::new(options, trust.unwrap_or_default()).map_err(js)?;
            let Some(LayerContext { wiring, .. }) = context else { return Ok(None) };
            let cache = cache.open().map_err(js)?;
            wiring.caches.add(cache.store());
            Arc::new(cache)
        }
        "cors" => {
            let cors = Cors::new(parse::<CorsOptions>("Cors", options)?).map_err(js)?;
            Arc::new(cors.counting(context.map(|context| context.wiring.cors.clone()).unwrap_or_default()))
        }
        "compress" => Arc::new(Compress::new(parse::<CompressOptions>("Compress", options)?).map_err(js)?),
        "decompress" => {
            Arc::new(Decompress::new(parse::<DecompressOptions>("Decompress", options)?).map_err(js)?)
        }
        "etag" => Arc::new(Etag::new(parse::<EtagOptions>("ETag", options)?).map_err(js)?),
        "health" => {
            let options = parse::<HealthOptions>("Health", options)?;
            let Some(LayerContext { wiring, generation, number, checks, .. }) = context else {
                let vitals = Arc::new(Vitals::new(Vec::new(), Arc::default()));
                return Health::new(options, vitals).map(|_| None).map_err(js);
            };
            let checks = checks.iter().map(|(name, options)| health_check(name, options.clone()));
            let vitals = wiring.health.add(*generation, *number, checks.collect::<Result<_>>()?);
            Arc::new(Health::new(options, vitals).map_err(js)?)
        }
        "rateLimit" => {
            let limit = RateLimit::new(parse::<RateLimitOptions>("RateLimit", options)?).map_err(js)?;
            let Some(LayerContext { wiring, names: routes, .. }) = context else { return Ok(None) };
            let (trust, counters) = (wiring.settings.trust_proxy.clone(), wiring.rate_limits.clone());
            Arc::new(limit.open(RateLimitContext { trust, routes, counters }).map_err(js)?)
        }
        "requestId" => {
            Arc::new(RequestIdLayer::new(parse::<RequestIdOptions>("RequestId", options)?).map_err(js)?)
        }
        "securityHeaders" => {
            let headers = SecurityHeaders::new(parse::<SecurityHeadersOptions>("SecurityHeaders", options)?);
            let trust = context.map(|context| context.wiring.settings.trust_proxy.clone());
            Arc::new(headers.map_err(js)?.trusting(trust.unwrap_or_default()))
        }
        "timeout" => Arc::new(Timeout::new(parse::<TimeoutLayerOptions>("Timeout", options)?).map_err(js)?),
        _ => {
            return Err(JsError::new(
                "ARMATURE_NOT_AVAILABLE".to_owned(),
                format!("there is no native layer '{kind}'"),
            ));
        }
    }))
}

/// Checks the options of one check of a `Health` layer, and returns them with the defaults: interval and timeout in
/// milliseconds.
#[napi]
pub fn validate_health_check(options: String) -> Result<Vec<u32>> {
    let options = serde_json::from_str(&options).map_err(|e| crate::error::internal(e.to_string()))?;
    let check = health_check("", options)?;
    // 24 hours at most.
    Ok(vec![check.interval.as_millis() as u32, check.timeout.as_millis() as u32])
}

fn health_check(name: &str, options: serde_json::Value) -> Result<HealthCheck> {
    HealthCheck::new(name, parse::<HealthCheckOptions>("Health.check", options)?).map_err(js)
}

fn parse<T: DeserializeOwned>(name: &str, options: serde_json::Value) -> Result<T> {
    armature_core::config::parse_value(name, options).map_err(js)
}

/// The constant part of generated request ids.
#[napi]
pub fn request_id_prefix() -> String {
    armature_core::http::RequestId::run_prefix().to_owned()
}
