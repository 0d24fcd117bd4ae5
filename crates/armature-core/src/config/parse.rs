//! JSON to a typed option struct, with errors that name the option.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    deserializer::{Input, Refusal},
    names::{Names, join, text_of},
    suggest::closest,
};
use crate::error::{Error, Result};

/// Parses a JSON document of options.
///
/// `T` should have `#[serde(rename_all = "camelCase", deny_unknown_fields)]`. `null` is a wrong value, not an
/// absent one.
///
/// # Errors
///
/// `ARMATURE_OPTION_INVALID`, naming the option, its value and what is allowed; for an unknown option the
/// likely meaning and the known ones.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T> {
    parse_as(Names::OPTIONS, Input { value: document(json)?, text: false })
}

/// Parses options that are part of a document. `root` is what messages call them, such as `Cors` in
/// `Cors.maxAge`; it may be empty.
///
/// # Errors
///
/// Those of [`parse`].
pub fn parse_value<T: DeserializeOwned>(root: &str, value: Value) -> Result<T> {
    parse_as(Names::Options { root }, Input { value, text: false })
}

pub(super) fn parse_as<T: DeserializeOwned>(names: Names<'_>, input: Input) -> Result<T> {
    serde_path_to_error::deserialize(input).map_err(|error| {
        let path = text_of(error.path());
        explain(names, &path, error.into_inner())
    })
}

fn document(json: &str) -> Result<Value> {
    serde_json::from_str(json)
        .map_err(|error| Error::option_message(format!("options are not valid JSON: {error}")))
}

fn explain(names: Names<'_>, path: &str, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Wrong { value, allowed } => Error::option(names.name(path), value, allowed),
        Refusal::UnknownName { known } => {
            let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
            let guess = closest(name, known).map(|guess| names.name(&join(parent, guess)));
            let guess = guess.map_or_else(String::new, |guess| format!("; did you mean {guess}?"));
            let end = if guess.is_empty() { "." } else { "" };
            let known = names.list(parent, known);
            Error::option_message(format!("{} is not an option{guess}{end} Known: {known}", names.name(path)))
        }
        Refusal::UnknownWord { value, known } => {
            let guess =
                closest(&value, known).map_or_else(String::new, |guess| format!("; did you mean '{guess}'?"));
            let known = known.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
            Error::option(names.name(path), value, format_args!("one of {known}{guess}"))
        }
        Refusal::Missing { name } => {
            Error::option_message(format!("{} is missing", names.name(&join(path, name))))
        }
        Refusal::Other(message) => Error::option_message(format!("{}: {message}", names.name(path))),
    }
}
