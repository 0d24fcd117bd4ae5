//! What JavaScript logs, into core's outputs; and what `server.stats()` shows of them.

use std::sync::Mutex;
use std::time::Duration;

use armature_core::config::{Config, LogLevel, LogOutput, LogSettings, LogStyle};
use armature_core::layer::shows_colors;
use armature_core::log::{LogSink, Notices};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::error::{Result, js};
use crate::lock;
use crate::options;

/// The log of an application, as one JavaScript thread has it.
#[napi]
pub struct NativeLog {
    sink: LogSink,
}

#[napi]
impl NativeLog {
    /// Opens the output of the option `log` of `config` (JSON), with what the environment says of it.
    #[napi(factory)]
    pub fn open(config: String, env: String) -> Result<Self> {
        let config = Config::from_json(&config).map_err(js)?;
        let (settings, _) = options::resolve(config, &env)?;
        let LogSettings { format, output, queue, .. } = settings.log;
        let notices = match format {
            LogStyle::Json => Notices::Json,
            LogStyle::Dev => Notices::Text,
        };
        let sink = LogSink::open(&output, queue, notices).map_err(js)?;
        Ok(Self { sink })
    }

    /// Adds lines, each of which ends with a line feed. Never waits; what does not fit is dropped and counted.
    #[napi]
    pub fn write(&self, lines: String) {
        self.sink.write(lines.as_bytes());
    }
}

/// Waits until the log lines written so far are out, at most `patience` milliseconds.
#[napi]
pub fn flush_logs(patience: f64) {
    armature_core::log::flush(Duration::from_millis(patience.max(0.0) as u64));
}

/// What JavaScript needs of the option `log`; `src/native.ts` has the same names.
pub fn describe(log: &LogSettings) -> Value {
    json!({
        "level": format!("{:?}", log.level).to_lowercase(),
        "format": if log.format == LogStyle::Json { "json" } else { "dev" },
        "colors": log.format == LogStyle::Dev && !matches!(log.output, LogOutput::File(_)) && shows_colors(&log.output),
    })
}

/// The outputs of a server, each once.
#[derive(Default)]
pub struct Logs(Mutex<Vec<LogSink>>);

impl Logs {
    pub fn add(&self, sink: &LogSink) {
        let mut sinks = lock(&self.0);
        if !sinks.iter().any(|known| known.is_same(sink)) {
            sinks.push(sink.clone());
        }
    }

    /// Opens the file of an application's own log, so that one that cannot be opened is told before anything listens.
    pub fn open(&self, log: &LogSettings) -> Result<()> {
        if matches!(log.output, LogOutput::File(_)) && log.level != LogLevel::Silent {
            self.add(&LogSink::open(&log.output, log.queue, Notices::None).map_err(js)?);
        }
        Ok(())
    }

    /// The numbers of all of them together, and of the application's own log.
    pub fn stats(&self, log: &LogSettings) -> Value {
        if let Some(sink) = LogSink::find(&log.output) {
            self.add(&sink);
        }
        let (mut waiting, mut dropped, mut failed) = (0, 0, 0);
        for stats in lock(&self.0).iter().map(LogSink::stats) {
            waiting += stats.waiting;
            dropped += stats.dropped;
            failed += stats.failed;
        }
        json!({ "waiting": waiting, "dropped": dropped, "failed": failed })
    }
}
