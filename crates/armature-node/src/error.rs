//! Core's errors as JavaScript exceptions: `code` is the stable code, `message` the full sentence.

use armature_core::error::Error;

/// An N-API error whose `code` is ours.
pub type JsError = napi::Error<String>;
/// What exported functions return.
pub type Result<T> = std::result::Result<T, JsError>;

/// Converts a core error.
pub fn js(error: Error) -> JsError {
    let mut message = error.to_string();
    if let Some(source) = std::error::Error::source(&error) {
        message.push_str(": ");
        message.push_str(&source.to_string());
    }
    JsError::new(error.code().to_owned(), message)
}

/// An internal inconsistency between the two halves of the addon.
pub fn internal(message: impl Into<String>) -> JsError {
    JsError::new("ARMATURE_INTERNAL".to_owned(), message.into())
}
