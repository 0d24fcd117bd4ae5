//! A serde source whose errors keep the pieces of a good message: serde_json's are already sentences.

use std::fmt;

use serde::{
    de::{
        Deserializer, Error, Expected, IntoDeserializer, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::Value;

/// A value and where it comes from.
pub(super) struct Input {
    pub(super) value: Value,
    /// The strings in it are from the environment, which has no other type: they become what is asked for.
    pub(super) text: bool,
}

/// The only key of an object that stands for a value which JSON does not have, such as `Infinity`; what it is
/// called is the value of that key. `src/options.ts` writes it, so that no such value passes for an absent one.
const FOREIGN: &str = "\0";

/// Why a value was refused; the path is serde_path_to_error's to know.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The value as the user wrote it, and what is allowed.
    Wrong {
        value: String,
        allowed: String,
    },
    /// A name that is none of the known ones.
    UnknownName {
        known: &'static [&'static str],
    },
    /// A word that is none of the known ones, quoted.
    UnknownWord {
        value: String,
        known: &'static [&'static str],
    },
    Missing {
        name: &'static str,
    },
    Other(String),
}

impl Input {
    fn word(&self) -> Option<&str> {
        if self.text { self.value.as_str().map(str::trim) } else { None }
    }

    fn foreign(&self) -> Option<&str> {
        self.value.as_object().filter(|object| object.len() == 1)?.get(FOREIGN)?.as_str()
    }

    fn unexpected(&self) -> Unexpected<'_> {
        if let Some(name) = self.foreign() {
            return Unexpected::Other(name);
        }
        match &self.value {
            Value::Null => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => Unexpected::Unsigned(value),
                (None, Some(value)) => Unexpected::Signed(value),
                (None, None) => Unexpected::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(value) => Unexpected::Str(value),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        }
    }
}

impl<'de> Deserializer<'de> for Input {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        if self.foreign().is_some() {
            return Err(Refusal::invalid_type(self.unexpected(), &visitor));
        }
        if let Some(word) = self.word() {
            if let Ok(number) = word.parse() {
                return visitor.visit_u64(number);
            }
            if let Ok(value) = word.parse() {
                return visitor.visit_bool(value);
            }
        }
        let text = self.text;
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => visitor.visit_u64(value),
                (None, Some(value)) => visitor.visit_i64(value),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(value) => visitor.visit_string(value),
            Value::Array(values) => {
                let mut values = SeqDeserializer::new(values.into_iter().map(|value| Self { value, text }));
                let value = visitor.visit_seq(&mut values)?;
                values.end()?;
                Ok(value)
            }
            Value::Object(values) => {
                let values = values.into_iter().map(|(name, value)| (name, Self { value, text }));
                visitor.visit_map(MapDeserializer::new(values))
            }
        }
    }

    /// `null` is not "absent": a mistake must not turn into the default.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_some(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.word() {
            Some("1") => visitor.visit_bool(true),
            Some("0") => visitor.visit_bool(false),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.word().and_then(|word| word.parse().ok()) {
            Some(value) => visitor.visit_f64(value),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.value {
            Value::String(value) => visitor.visit_string(value),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_string(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match self.value {
            Value::String(value) => value.into_deserializer().deserialize_enum(name, variants, visitor),
            Value::Object(ref object) if object.len() == 1 && self.foreign().is_none() => {
                let Value::Object(values) = self.value else { unreachable!("matched above") };
                let text = self.text;
                let values = values.into_iter().map(|(name, value)| (name, Self { value, text }));
                let values = serde::de::value::MapAccessDeserializer::new(MapDeserializer::new(values));
                values.deserialize_enum(name, variants, visitor)
            }
            _ => Err(Refusal::UnknownWord { value: render(self.unexpected()), known: variants }),
        }
    }

    /// serde's derived visitors would take a list as the fields in order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match &self.value {
            Value::Object(_) if self.foreign().is_none() => self.deserialize_any(visitor),
            _ => Err(Refusal::invalid_type(self.unexpected(), &"an object")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    /// Whatever it is: who ignores a value has something else to say about the option.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char bytes byte_buf unit unit_struct seq tuple tuple_struct map
        identifier
    }
}

impl IntoDeserializer<'_, Refusal> for Input {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn invalid_type(value: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Wrong { value: render(value), allowed: describe(&expected.to_string()) }
    }

    fn invalid_value(value: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(value, expected)
    }

    fn unknown_variant(value: &str, known: &'static [&'static str]) -> Self {
        Self::UnknownWord { value: render(Unexpected::Str(value)), known }
    }

    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Self::UnknownName { known }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing { name }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Refusal {}

/// A value as the user wrote it.
fn render(value: Unexpected<'_>) -> String {
    const MAX_CHARS: usize = 60;
    match value {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => value.to_string(),
        Unexpected::Str(value) if value.chars().count() > MAX_CHARS => {
            format!("'{}…'", value.chars().take(MAX_CHARS).collect::<String>())
        }
        Unexpected::Str(value) => format!("'{value}'"),
        Unexpected::Unit | Unexpected::Option => "null".into(),
        Unexpected::Seq => "a list".into(),
        Unexpected::Map => "an object".into(),
        other => other.to_string(),
    }
}

/// What serde's own visitors expect, in the words of the reader; our visitors already use them.
fn describe(expected: &str) -> String {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number, which may be negative",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        expected => expected,
    }
    .into()
}
