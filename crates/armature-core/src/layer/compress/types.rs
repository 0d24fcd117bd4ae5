//! Which content is worth compressing.

use crate::error::{Error, Result};

/// What is text, whatever its name; images, sound, video and archives are compressed already.
const DEFAULTS: [&str; 14] = [
    "text/*",
    "*/*+json",
    "*/*+xml",
    "*/*+text",
    "application/json",
    "application/javascript",
    "application/x-javascript",
    "application/xml",
    "application/x-ndjson",
    "application/wasm",
    "application/graphql",
    "font/ttf",
    "font/otf",
    "image/bmp",
];

/// A list of types and patterns.
#[derive(Clone, Debug)]
pub(super) struct Types(Vec<String>);

impl Types {
    pub fn new(list: Option<Vec<String>>) -> Result<Self> {
        let list = list.unwrap_or_else(|| DEFAULTS.map(str::to_owned).to_vec());
        for pattern in &list {
            if !is_pattern(pattern) {
                let allowed = "a type such as 'application/json', 'text/*' or '*/*+json'";
                return Err(Error::option("Compress.types", pattern, allowed));
            }
        }
        Ok(Self(list.iter().map(|pattern| pattern.to_ascii_lowercase()).collect()))
    }

    /// Whether the value of a Content-Type field is in the list.
    pub fn contain(&self, value: &str) -> bool {
        let essence = value.split(';').next().unwrap_or_default().trim();
        self.0.iter().any(|pattern| match pattern.split_once('*') {
            None => pattern.eq_ignore_ascii_case(essence),
            Some(("", rest)) => match rest.strip_prefix("/*") {
                Some(suffix) => ends_with(essence, suffix),
                None => false,
            },
            Some((prefix, _)) => starts_with(essence, prefix),
        })
    }
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn ends_with(text: &str, suffix: &str) -> bool {
    let at = text.len().checked_sub(suffix.len());
    at.and_then(|at| text.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

fn is_pattern(text: &str) -> bool {
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    match text.split_once('/') {
        Some(("*", suffix)) => suffix == "*" || suffix.strip_prefix("*+").is_some_and(is_token),
        Some((kind, "*")) => is_token(kind),
        Some((kind, subtype)) => is_token(kind) && is_token(subtype),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_patterns() {
        let types = Types::new(None).unwrap();
        for text in [
            "text/html; charset=utf-8",
            "TEXT/css",
            "application/problem+json",
            "image/svg+xml",
            "application/json",
        ] {
            assert!(types.contain(text), "{text}");
        }
        for text in
            ["image/png", "application/octet-stream", "application/jsonp", "", "video/mp4", "textual/x"]
        {
            assert!(!types.contain(text), "{text}");
        }
        assert!(Types::new(Some(vec!["*/*".into()])).unwrap().contain("image/png"));
        for bad in ["json", "text/", "*/json", "te*t/html", "text/*+xml; q=1", "*/*+"] {
            assert!(Types::new(Some(vec![bad.into()])).is_err(), "{bad}");
        }
    }
}
