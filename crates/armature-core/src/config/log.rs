//! The option `log`: what `app.log` and `req.log` write, and where.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{log_file::LogFileConfig, names::Names, range::within, short_form::ShortForm, size::Size};
use crate::error::Result;

/// What may wait for an output by default.
const QUEUE: Size = Size::mb(1);

/// The log of an application. The option may also be `false`, which is the level `'silent'`, `true`, or a logger such as
/// pino's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "LogOptions", optional_fields = nullable))]
pub struct LogConfig {
    /// The least level that is written. By default `'info'`.
    pub level: Option<LogLevel>,
    /// Form of a line: `'json'`, or `'dev'` for people. By default `'json'` in production, `'dev'` otherwise.
    pub format: Option<LogStyle>,
    /// Where lines go: `'stdout'`, `'stderr'` or a file. By default `'stdout'`.
    pub output: Option<LogOutput>,
    /// Bytes that may wait for the output. Lines beyond it are dropped and counted. From 4kb to 256mb, by default 1mb.
    pub queue: Option<Size>,
}

/// How much a line of a log matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename_all = "lowercase"))]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// What helps to find a mistake.
    Debug,
    /// What happens.
    #[default]
    Info,
    /// What should not happen, and did no harm.
    Warn,
    /// What failed.
    Error,
    /// What ends the process.
    Fatal,
    /// Nothing.
    Silent,
}

/// Form of a line of an application's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename_all = "lowercase"))]
pub enum LogStyle {
    /// For people.
    #[default]
    Dev,
    /// One JSON object per line.
    Json,
}

/// Where log lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "'stdout' | 'stderr' | LogFileOptions"))]
pub enum LogOutput {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
    /// A file.
    File(LogFileConfig),
}

/// The log of an application, with the defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The least level that is written.
    pub level: LogLevel,
    /// Form of a line.
    pub format: LogStyle,
    /// Where lines go.
    pub output: LogOutput,
    /// Bytes that may wait for it.
    pub queue: Size,
}

impl Default for LogSettings {
    /// Those of development.
    fn default() -> Self {
        LogConfig::default().resolve(false)
    }
}

impl LogConfig {
    pub(super) fn check(&self, names: Names<'_>) -> Result<()> {
        check_queue((names, "log.queue"), self.queue)?;
        match &self.output {
            Some(LogOutput::File(file)) => file.check(names, "log.output"),
            _ => Ok(()),
        }
    }

    pub(super) fn merge(self, over: Self) -> Self {
        Self {
            level: over.level.or(self.level),
            format: over.format.or(self.format),
            output: over.output.or(self.output),
            queue: over.queue.or(self.queue),
        }
    }

    pub(super) fn resolve(self, production: bool) -> LogSettings {
        LogSettings {
            level: self.level.unwrap_or_default(),
            format: self.format.unwrap_or(if production { LogStyle::Json } else { LogStyle::Dev }),
            output: self.output.unwrap_or_default(),
            queue: self.queue.unwrap_or(QUEUE),
        }
    }
}

/// Refuses a `queue` that holds no line, or more memory than anybody means.
fn check_queue((names, path): (Names<'_>, &str), queue: Option<Size>) -> Result<()> {
    within((names, path), queue, "a size", Size::kb(4)..=Size::mb(256), "")
}

/// Checks where an access log goes; `root` is what messages call its options.
pub(crate) fn check_output(root: &str, output: Option<&LogOutput>, queue: Option<Size>) -> Result<()> {
    let names = Names::Options { root };
    check_queue((names, "queue"), queue)?;
    match output {
        Some(LogOutput::File(file)) => file.check(names, "output"),
        _ => Ok(()),
    }
}

/// The TypeScript type of all its forms, and of loggers that never come here.
#[cfg(test)]
#[derive(ts_rs::TS)]
#[ts(type = "boolean | LogOptions | LogLike")]
pub(super) struct AnyFormTs;

impl ShortForm<'_> for LogConfig {
    const FORMS: &'static str = "false, an object { level, format, output, queue }, or a logger with debug, info, warn, error and child";

    fn from_bool(on: bool) -> Option<Self> {
        Some(Self { level: (!on).then_some(LogLevel::Silent), ..Self::default() })
    }
}

impl<'de> Deserialize<'de> for LogOutput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = LogOutput;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("'stdout', 'stderr' or a file { path }")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> std::result::Result<LogOutput, E> {
                match word {
                    "stdout" => Ok(LogOutput::Stdout),
                    "stderr" => Ok(LogOutput::Stderr),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<LogOutput, A::Error> {
                LogFileConfig::deserialize(MapAccessDeserializer::new(map)).map(LogOutput::File)
            }
        }
        deserializer.deserialize_any(Either)
    }
}
