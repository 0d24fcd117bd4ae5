mod environment;
mod json;
mod listen;
mod parse;
mod settings;
mod typescript;

use super::*;
use crate::error::Error;

/// The refusal of a JSON document, as code and message.
fn refusal(json: &str) -> String {
    show(Config::from_json(json).expect_err(json))
}

fn show(error: Error) -> String {
    assert!(error.is_option());
    format!("{}: {error}", error.code().strip_prefix("ARMATURE_").unwrap())
}

/// Checks a table of JSON documents and messages of `ARMATURE_OPTION_INVALID`.
fn check_refusals(table: &[(&str, &str)]) {
    for (json, message) in table {
        assert_eq!(refusal(json), format!("OPTION_INVALID: {message}"), "{json}");
    }
}

fn settings(json: &str) -> Settings {
    Settings::resolve(Config::from_json(json).unwrap(), &Environment::default()).unwrap()
}
