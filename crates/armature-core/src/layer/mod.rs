//! Native middleware: one file per layer, each with its options.

mod compress;
mod cors;
mod decompress;
mod etag;
mod logger;
mod rate_limit;
mod request_id;
mod security_headers;

pub use compress::{Coding, Compress, CompressOptions, CompressionLevels};
pub use cors::{Cors, CorsOptions};
pub use decompress::{ContentCoding, Decompress, DecompressOptions};
pub use etag::{Etag, EtagOptions};
pub use logger::{
    LogField, LogFormat, Logger, LoggerContext, LoggerOptions, OpenLogger, RedactOptions, shows_colors,
};
pub use rate_limit::{
    OpenRateLimit, RateLimit, RateLimitAlgorithm, RateLimitContext, RateLimitCounters, RateLimitFailure,
    RateLimitHeaders, RateLimitKey, RateLimitKeyPart, RateLimitOptions, RouteName,
};
pub use request_id::{RequestIdLayer, RequestIdOptions};
pub use security_headers::{CspOptions, HstsOptions, SecurityHeaders, SecurityHeadersOptions};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typescript::{alias, check, interface};

    #[test]
    fn exports_typescript_types() {
        check("layers", |out| {
            out.push_str("import type { Duration, LogOutput, Size } from './config.js'\n");
            interface::<CompressOptions>(out, "");
            alias::<Coding>(out);
            interface::<CompressionLevels>(out, "");
            interface::<CorsOptions>(out, "");
            alias::<cors::Origins>(out);
            interface::<DecompressOptions>(out, "");
            alias::<ContentCoding>(out);
            interface::<EtagOptions>(out, "");
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
        });
    }
}
