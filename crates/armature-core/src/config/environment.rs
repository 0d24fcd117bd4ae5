//! `ARMATURE_*` variables as a document of options.

use serde_json::{Map, Value};

use super::names::{PREFIX, camel};
use crate::error::{Error, Result};

/// The options that are lists: a variable has them separated by commas.
const LISTS: [&str; 5] = ["listen", "trustProxy", "secrets", "watch.paths", "watch.extensions"];

/// The variables as nested objects with strings in them.
pub(super) fn tree(vars: impl IntoIterator<Item = (String, String)>) -> Result<Value> {
    let mut root = Map::new();
    for (variable, text) in vars {
        let Some(name) = variable.strip_prefix(PREFIX) else { continue };
        if text.trim().is_empty() {
            continue;
        }
        let path: Vec<String> = name.split("__").map(camel).collect();
        let value = if LISTS.contains(&&*path.join(".")) {
            text.split(',').map(str::trim).collect()
        } else {
            Value::String(text)
        };
        insert(&mut root, &path, value).map_err(|()| {
            Error::option_message(format!(
                "{variable} contradicts another variable: one sets a part of the other"
            ))
        })?;
    }
    Ok(Value::Object(root))
}

fn insert(object: &mut Map<String, Value>, path: &[String], value: Value) -> std::result::Result<(), ()> {
    match path {
        [] => Err(()),
        [name] => object.insert(name.clone(), value).map_or(Ok(()), |_| Err(())),
        [name, rest @ ..] => match object.entry(name).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(inner) => insert(inner, rest, value),
            _ => Err(()),
        },
    }
}
