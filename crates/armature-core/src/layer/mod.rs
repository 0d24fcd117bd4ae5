//! Native middleware: one file per layer, each with its options.

mod body_limit;
mod cache;
mod compress;
mod concurrency_limit;
mod cors;
mod decompress;
mod etag;
mod health;
mod logger;
mod rate_limit;
mod request_id;
mod security_headers;
mod timeout;

pub(crate) use body_limit::DecodedLimit;
pub use body_limit::{BodyLimit, BodyLimitOptions};
pub use cache::{
    Cache, CacheOptions, CacheQuery, CacheSetCookie, CacheStats, OpenCache, Purge, PurgeUrl,
    Store as CacheStore,
};
pub(crate) use compress::Accepted;
pub use compress::{Coding, Compress, CompressOptions, CompressionLevels};
pub use concurrency_limit::{ConcurrencyLimit, ConcurrencyLimitOptions, ConcurrencyUsage};
pub use cors::{Cors, CorsCounters, CorsOptions, Origins};
pub use decompress::{ContentCoding, Decompress, DecompressOptions};
pub use etag::{Etag, EtagOptions};
pub use health::{CheckState, Health, HealthCheck, HealthCheckOptions, HealthOptions, Probe, Vitals};
pub use logger::{
    LogField, LogFormat, Logger, LoggerContext, LoggerOptions, OpenLogger, RedactOptions, shows_colors,
};
pub use rate_limit::{
    OpenRateLimit, RateLimit, RateLimitAlgorithm, RateLimitContext, RateLimitCounters, RateLimitFailure,
    RateLimitHeaders, RateLimitKey, RateLimitKeyPart, RateLimitOptions, RouteName,
};
pub use request_id::{RequestIdLayer, RequestIdOptions};
pub use security_headers::{CspOptions, HstsOptions, SecurityHeaders, SecurityHeadersOptions};
pub use timeout::{Timeout, TimeoutLayerOptions};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typescript::{alias, check, interface};

    #[test]
    fn exports_typescript_types() {
        check("layers", |out| {
            out.push_str("import type { Duration, LogOutput, Size } from './config.js'\n");
            interface::<BodyLimitOptions>(out, "");
            interface::<CacheOptions>(out, "");
            alias::<CacheQuery>(out);
            alias::<CacheSetCookie>(out);
            interface::<CompressOptions>(out, "");
            alias::<Coding>(out);
            interface::<CompressionLevels>(out, "");
            interface::<ConcurrencyLimitOptions>(out, "");
            interface::<CorsOptions>(out, "");
            alias::<Origins>(out);
            interface::<DecompressOptions>(out, "");
            alias::<ContentCoding>(out);
            interface::<crate::store::disk::DiskOptions>(out, "");
            interface::<EtagOptions>(out, "");
            interface::<HealthOptions>(out, "");
            interface::<HealthCheckOptions>(out, "");
            alias::<Probe>(out);
            interface::<LoggerOptions>(out, "");
            alias::<LogFormat>(out);
            alias::<LogField>(out);
            interface::<RedactOptions>(out, "");
            interface::<RateLimitOptions>(out, "");
            alias::<RateLimitAlgorithm>(out);
            alias::<RateLimitFailure>(out);
            alias::<RateLimitKey>(out);
            alias::<RateLimitKeyPart>(out);
            interface::<crate::store::redis::RedisOptions>(out, "");
            interface::<RequestIdOptions>(out, "");
            interface::<SecurityHeadersOptions>(out, "");
            interface::<CspOptions>(out, "");
            interface::<HstsOptions>(out, "");
            interface::<TimeoutLayerOptions>(out, "");
        });
    }
}
