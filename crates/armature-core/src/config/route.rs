//! Options of one route or layer, which stand in for those of the application and have the same bounds.

use std::time::Duration;

use serde_json::Value;

use super::{
    limits::LimitsConfig, millis::Millis, names::Names, parse::parse_value, range::within, size::Size,
    timeouts::TimeoutsConfig,
};
use crate::error::Result;

/// Reads what replaces `limits.body`, in bytes; `name` is what messages call it.
///
/// # Errors
///
/// `ARMATURE_OPTION_INVALID`.
pub fn parse_body_limit(name: &str, value: Value) -> Result<u64> {
    check_body_limit(name, parse_value(name, value)?)
}

/// Holds what replaces `limits.body` to its bounds.
pub(crate) fn check_body_limit(name: &str, size: Size) -> Result<u64> {
    within((Names::OPTIONS, name), Some(size), "a size", LimitsConfig::BODY, "")?;
    Ok(size.0)
}

/// Reads what replaces `timeouts.handler`; `name` is what messages call it.
///
/// # Errors
///
/// `ARMATURE_OPTION_INVALID`.
pub fn parse_handler_timeout(name: &str, value: Value) -> Result<Duration> {
    check_handler_timeout(name, parse_value(name, value)?)
}

/// Holds what replaces `timeouts.handler` to its bounds.
pub(crate) fn check_handler_timeout(name: &str, timeout: Millis) -> Result<Duration> {
    let note = TimeoutsConfig::NEEDED_NOTE;
    within((Names::OPTIONS, name), Some(timeout), "a duration", TimeoutsConfig::NEEDED, note)?;
    Ok(timeout.duration())
}

/// Holds another time that somebody waits to the same bounds.
pub(crate) fn check_wait(name: &str, wait: Millis) -> Result<Duration> {
    within((Names::OPTIONS, name), Some(wait), "a duration", TimeoutsConfig::NEEDED, "")?;
    Ok(wait.duration())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_bounds_are_those_of_the_application() {
        let body = |value| parse_body_limit("limits.body of GET /a", value).map_err(|e| e.to_string());
        let timeout = |value| parse_handler_timeout("timeout of GET /a", value).map_err(|e| e.to_string());
        assert_eq!(body(json!("200mb")), Ok(200 << 20));
        assert_eq!(timeout(json!("2s")), Ok(Duration::from_secs(2)));
        for value in [json!(0), json!("2tb")] {
            let error = body(value).unwrap_err();
            assert!(error.starts_with("limits.body of GET /a: ") && error.ends_with("a size from 1b to 1tb"));
        }
        for value in [json!(0), json!("25h")] {
            let error = timeout(value).unwrap_err();
            assert!(error.ends_with("is not a duration from 1ms to 24h; it cannot be turned off"), "{error}");
        }
        assert!(body(json!(-1)).unwrap_err().contains("-1 is not a size"));
        assert!(timeout(json!(1.5)).unwrap_err().contains("1.5 is not a duration"));
    }
}
