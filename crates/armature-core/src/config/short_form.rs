//! Options that are an object of options, or in short a word, a number, `true` or `false`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};

/// An object of options with shorter forms. A form for which it has no value is refused.
pub(crate) trait ShortForm<'de>: Deserialize<'de> {
    /// All its forms, as messages name them.
    const FORMS: &'static str;

    /// What `true` and `false` mean.
    fn from_bool(_: bool) -> Option<Self> {
        None
    }

    /// What a number alone means.
    fn from_number(_: u64) -> Option<Self> {
        None
    }

    /// What a word alone means.
    fn from_word(_: &str) -> Option<Self> {
        None
    }
}

/// Deserializes an option in any of its forms.
pub(crate) fn any_form<'de, T: ShortForm<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(AnyForm(PhantomData)).map(Some)
}

struct AnyForm<T>(PhantomData<T>);

impl<'de, T: ShortForm<'de>> Visitor<'de> for AnyForm<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::FORMS)
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<T, E> {
        T::from_bool(on).ok_or_else(|| E::invalid_type(Unexpected::Bool(on), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        T::from_number(number).ok_or_else(|| E::invalid_type(Unexpected::Unsigned(number), &self))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        T::from_word(word).ok_or_else(|| E::invalid_type(Unexpected::Str(word), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}
