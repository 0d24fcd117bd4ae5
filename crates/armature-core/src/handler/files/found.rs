//! A file as it is sent: its fields, its validators, and its content or the way to it.

use std::fs::Metadata;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, LAST_MODIFIED, VARY};
use http::{HeaderName, HeaderValue};

use super::open::{OpenFile, Sending};
use crate::http::{HeaderBlock, whole_seconds};
use crate::layer::Coding;

/// A file that was changed so short a time ago may change again and keep its times.
const YOUNG: Duration = Duration::from_secs(2);

/// What a thread has found, ready for the loop.
pub(super) struct Found {
    pub fields: Fields,
    pub content: Content,
    /// Bytes.
    pub length: u64,
}

impl Found {
    /// Whether it is what the disk has now, as `fields` and `meta` say: the same validators, and the same file where one is kept open,
    /// as two files may have one length and one time.
    pub fn is_still(&self, fields: &Fields, meta: &Metadata) -> bool {
        self.fields.etag == fields.etag
            && match &self.content {
                Content::Whole(_) => true,
                Content::Open(sending, _) => sending.file.is(meta),
                Content::Kept(file) => file.is(meta),
            }
    }
}

/// The content of a file.
pub(super) enum Content {
    /// All of it.
    Whole(Bytes),
    /// An open file that may be sent, and what it begins with if that was read already.
    Open(Arc<Sending>, Option<Bytes>),
    /// An open file that is kept for whoever asks for it.
    Kept(Arc<OpenFile>),
}

/// What the answers about one file have in common.
#[derive(Clone)]
pub(super) struct Fields {
    /// All of them, for an answer with content.
    pub block: Arc<HeaderBlock>,
    pub etag: HeaderValue,
    /// In whole seconds.
    pub modified: Option<SystemTime>,
    /// Nothing can change now without getting other validators.
    pub is_settled: bool,
    /// Those that a 304 repeats.
    pub kept: Vec<(HeaderName, HeaderValue)>,
    pub content_type: HeaderValue,
}

/// What the fields of a file depend on beside the file.
pub(super) struct Describe<'a> {
    pub content_type: HeaderValue,
    pub cache_control: Option<&'a HeaderValue>,
    pub coding: Option<Coding>,
    /// Others may get it in another coding.
    pub varies: bool,
}

impl Fields {
    pub fn of(meta: &Metadata, length: u64, now: SystemTime, describe: Describe<'_>) -> Self {
        let modified = meta.modified().ok();
        let age = modified.and_then(|modified| now.duration_since(modified).ok());
        let is_settled = age.is_some_and(|age| age >= YOUNG);
        let etag = tag(modified, length, describe.coding, is_settled);
        let modified = modified.map(whole_seconds);
        let Describe { content_type, cache_control, coding, varies } = describe;
        let mut kept = vec![(ETAG, etag.clone())];
        if let Some(value) = cache_control {
            kept.push((CACHE_CONTROL, value.clone()));
        }
        if varies {
            kept.push((VARY, HeaderValue::from_static("accept-encoding")));
        }
        let mut fields = vec![(CONTENT_TYPE, content_type.clone())];
        if let Some(coding) = coding {
            fields.push((CONTENT_ENCODING, HeaderValue::from_static(coding.name())));
        }
        // A file of the future would never be newer than what anybody has (RFC 9110 section 8.8.2.1).
        let shown = modified.map(|modified| modified.min(now));
        if let Some(Ok(date)) = shown.map(|time| HeaderValue::from_str(&httpdate::fmt_http_date(time))) {
            fields.push((LAST_MODIFIED, date));
        }
        fields.push((ACCEPT_RANGES, HeaderValue::from_static("bytes")));
        fields.extend(kept.iter().cloned());
        // `None` only for fields that none of these is.
        let block = HeaderBlock::new(fields).map(Arc::new).unwrap_or_default();
        Self { block, etag, modified, is_settled, kept, content_type }
    }
}

/// A strong tag of time and length, as file servers have it; weak while the file may change and keep both.
fn tag(modified: Option<SystemTime>, length: u64, coding: Option<Coding>, is_settled: bool) -> HeaderValue {
    let since =
        modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default();
    let weak = if is_settled { "" } else { "W/" };
    let coding = coding.map_or("", Coding::suffix);
    let tag = format!("{weak}\"{:x}-{length:x}{}\"", since.as_nanos(), coding.replace('.', "-"));
    HeaderValue::try_from(tag).unwrap_or_else(|_| HeaderValue::from_static("W/\"\""))
}

/// The type of a file by its extension. Text is UTF-8.
pub(super) fn type_of(path: &str, own: &[(String, HeaderValue)]) -> HeaderValue {
    let name = path.rsplit('/').next().unwrap_or_default();
    let extension =
        name.rsplit_once('.').map_or("", |(stem, extension)| if stem.is_empty() { "" } else { extension });
    let extension = extension.to_ascii_lowercase();
    if let Some((_, value)) = own.iter().find(|(each, _)| *each == extension) {
        return value.clone();
    }
    let found = match extension.as_str() {
        // RFC 9239.
        "js" | "mjs" | "cjs" => Some("text/javascript"),
        // A source map (ECMA-426).
        "map" => Some("application/json"),
        // RFC 9512.
        "yaml" | "yml" => Some("application/yaml"),
        extension => mime_guess::from_ext(extension).first_raw(),
    };
    match found {
        Some(text) if text.starts_with("text/") => {
            HeaderValue::try_from(format!("{text}; charset=utf-8")).unwrap_or(OCTETS)
        }
        Some(text) => HeaderValue::from_static(text),
        None => OCTETS,
    }
}

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_files() {
        let own = [("data".to_owned(), HeaderValue::from_static("application/x-data"))];
        for (path, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a/b.CSS", "text/css; charset=utf-8"),
            ("app.js", "text/javascript; charset=utf-8"),
            ("app.mjs", "text/javascript; charset=utf-8"),
            ("app.js.map", "application/json"),
            ("a.json", "application/json"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.svg", "image/svg+xml"),
            ("a.png", "image/png"),
            ("a.woff2", "font/woff2"),
            ("a.wasm", "application/wasm"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.pdf", "application/pdf"),
            ("a.mp4", "video/mp4"),
            ("a.avif", "image/avif"),
            ("a.webp", "image/webp"),
            ("a.yml", "application/yaml"),
            ("a.data", "application/x-data"),
            ("a.DATA", "application/x-data"),
            ("a.unknown-thing", "application/octet-stream"),
            ("Makefile", "application/octet-stream"),
            (".html", "application/octet-stream"),
            ("folder.html/file", "application/octet-stream"),
        ] {
            assert_eq!(type_of(path, &own), expected, "{path}");
        }
    }
}
