//! Native middleware: one file per layer, each with its options.

mod cache;
mod compress;
mod cors;
mod decompress;
mod etag;
mod logger;
mod request_id;
mod security_headers;

pub use cache::{
    Cache, CacheOptions, CacheQuery, CacheSetCookie, CacheStats, Purge, PurgeUrl, Store as CacheStore,
};
pub use compress::{Coding, Compress, CompressOptions, CompressionLevels};
pub use cors::{Cors, CorsOptions};
pub use decompress::{ContentCoding, Decompress, DecompressOptions};
pub use etag::{Etag, EtagOptions};
pub use logger::{
    LogField, LogFormat, Logger, LoggerContext, LoggerOptions, OpenLogger, RedactOptions, shows_colors,
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
            interface::<CacheOptions>(out, "");
            alias::<CacheQuery>(out);
            alias::<CacheSetCookie>(out);
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
            interface::<RequestIdOptions>(out, "");
            interface::<SecurityHeadersOptions>(out, "");
            interface::<CspOptions>(out, "");
            interface::<HstsOptions>(out, "");
        });
    }
}
