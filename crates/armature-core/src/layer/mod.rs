//! Native middleware: one file per layer, each with its options.

mod cors;
mod logger;
mod request_id;

pub use cors::{Cors, CorsOptions};
pub use logger::{LogFormat, LogOutput, Logger, LoggerOptions, flush as flush_logs};
pub use request_id::{RequestIdLayer, RequestIdOptions};
