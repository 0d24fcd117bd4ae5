//! Native middleware: one file per layer, each with its options.

mod cors;
mod logger;
mod request_id;

pub use cors::{Cors, CorsOptions};
pub use logger::{
    LogField, LogFormat, Logger, LoggerContext, LoggerOptions, OpenLogger, RedactOptions, shows_colors,
};
pub use request_id::{RequestIdLayer, RequestIdOptions};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typescript::{alias, check, interface};

    #[test]
    fn exports_typescript_types() {
        check("layers", |out| {
            out.push_str("import type { Duration, LogOutput, Size } from './config.js'\n");
            interface::<CorsOptions>(out, "");
            alias::<cors::Origins>(out);
            interface::<LoggerOptions>(out, "");
            alias::<LogFormat>(out);
            alias::<LogField>(out);
            interface::<RedactOptions>(out, "");
            interface::<RequestIdOptions>(out, "");
        });
    }
}
