//! A stored answer.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{
    AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE,
    ETAG, LAST_MODIFIED, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderName, HeaderValue, StatusCode};

use super::decide::Storable;
use super::freshness::{Freshness, time};
use super::options::{CacheSetCookie, Rules};
use crate::http::{HeaderBlock, Headers, Response};

/// What an entry takes beside its content and its fields.
const OVERHEAD: usize = 512;

/// Fields of a connection or of a single answer (RFC 9111 section 3.1). `Date` and `Age` are kept apart.
const NOT_STORED: [HeaderName; 10] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    CONTENT_LENGTH,
    DATE,
    AGE,
];
const NOT_STORED_TOO: [&str; 4] =
    ["keep-alive", "proxy-connection", "proxy-authentication-info", "cache-status"];

/// What describes content that a 304 does not have.
const OF_CONTENT: [HeaderName; 5] =
    [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_RANGE];

/// An answer as it is given again and again: nothing of it is copied.
#[derive(Debug)]
pub(super) struct Entry {
    pub status: StatusCode,
    pub freshness: Freshness,
    pub tags: Vec<Box<[u8]>>,
    block: Arc<HeaderBlock>,
    date: HeaderValue,
    body: Bytes,
    etag: Option<HeaderValue>,
    /// `Last-Modified`, or when it was made (section 4.3.2).
    modified: SystemTime,
    last_modified: Option<HeaderValue>,
}

impl Entry {
    /// `None` for fields that no entry can have.
    pub fn new(
        status: StatusCode,
        headers: &Headers,
        body: Bytes,
        storable: &Storable,
        rules: &Rules,
    ) -> Option<Self> {
        let freshness = storable.freshness;
        let listed: Vec<&[u8]> = headers
            .get_all(&CONNECTION)
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .collect();
        let stays = |name: &HeaderName| {
            let text = name.as_str();
            !NOT_STORED.contains(name)
                && !NOT_STORED_TOO.contains(&text)
                && !listed.iter().any(|option| option.eq_ignore_ascii_case(text.as_bytes()))
                && (rules.send_tags || *name != rules.tag_header)
                && (rules.set_cookie == CacheSetCookie::Store || *name != SET_COOKIE)
        };
        let fields = headers.iter().filter(|(name, _)| stays(name));
        let block = HeaderBlock::new(fields.map(|(name, value)| (name.clone(), own(value))))?;
        let came = time(freshness.at);
        let date = match headers.get(&DATE) {
            Some(date) => own(date),
            None => HeaderValue::try_from(httpdate::fmt_http_date(came)).ok()?,
        };
        let parsed = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?.trim()).ok();
        let last_modified = headers.get(&LAST_MODIFIED).map(own);
        Some(Self {
            status,
            freshness,
            tags: storable.tags.clone(),
            modified: last_modified.as_ref().and_then(parsed).or_else(|| parsed(&date)).unwrap_or(came),
            etag: headers.get(&ETAG).map(own),
            last_modified,
            block: block.into(),
            date,
            body,
        })
    }

    /// The answer, `now`. `note` is what `Cache-Status` says of it.
    pub fn answer(&self, now: u64, note: Option<HeaderValue>) -> Response {
        let headers = Headers::from_block(self.block.clone());
        let mut response = Response { status: self.status, headers, body: self.body.clone().into() };
        self.date(&mut response.headers, now, note);
        response
    }

    /// 304 in its place (RFC 9110 section 15.4.5).
    pub fn not_modified(&self, now: u64, note: Option<HeaderValue>) -> Response {
        let mut response = Response::new(StatusCode::NOT_MODIFIED);
        let block = Headers::from_block(self.block.clone());
        let is_kept =
            |name: &HeaderName| !OF_CONTENT.contains(name) && (self.etag.is_none() || *name != LAST_MODIFIED);
        response.headers.reserve(block.len() + 3);
        response.headers.extend(
            block.iter().filter(|(name, _)| is_kept(name)).map(|(name, value)| (name.clone(), value.clone())),
        );
        self.date(&mut response.headers, now, note);
        response
    }

    fn date(&self, headers: &mut Headers, now: u64, note: Option<HeaderValue>) {
        headers.reserve(3);
        headers.append(DATE, self.date.clone());
        headers.append(AGE, HeaderValue::from(self.freshness.age(now) / 1000));
        if let Some(note) = note {
            headers.append(super::note::CACHE_STATUS, note);
        }
    }

    /// Every field, with the date.
    pub fn headers(&self) -> Headers {
        let mut headers = Headers::from_block(self.block.clone());
        headers.append(DATE, self.date.clone());
        headers
    }

    pub fn etag(&self) -> Option<&HeaderValue> {
        self.etag.as_ref()
    }

    pub fn last_modified(&self) -> Option<&HeaderValue> {
        self.last_modified.as_ref()
    }

    /// What `If-Modified-Since` is compared with.
    pub fn modified(&self) -> SystemTime {
        self.modified
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Its fields with those of a 304 in their place (section 3.2).
    pub fn updated_headers(&self, validation: &Headers) -> Headers {
        let mut headers = Headers::from_block(self.block.clone());
        let is_taken = |name: &HeaderName| !OF_CONTENT.contains(name);
        let mut names: Vec<&HeaderName> = Vec::new();
        for (name, value) in validation.iter().filter(|(name, _)| is_taken(name)) {
            if names.contains(&name) {
                headers.append(name.clone(), value.clone());
            } else {
                names.push(name);
                headers.insert(name.clone(), value.clone());
            }
        }
        headers
    }

    /// Whether a 304 with these fields is about it (section 4.3.4).
    pub fn is_meant_by(&self, validation: &Headers) -> bool {
        let opaque =
            |tag: &HeaderValue| tag.as_bytes().strip_prefix(b"W/").unwrap_or(tag.as_bytes()).to_vec();
        match (validation.get(&ETAG), &self.etag) {
            (Some(theirs), Some(own)) => opaque(theirs) == opaque(own),
            (Some(theirs), None) => theirs.as_bytes().starts_with(b"W/"),
            (None, _) => true,
        }
    }

    /// Bytes that it takes, as far as anybody can say.
    pub fn weight(&self) -> usize {
        let tags: usize = self.tags.iter().map(|tag| tag.len() + 96).sum();
        // Fields are kept as they are and as lines.
        OVERHEAD + self.body.len() + self.block.lines().len() * 2 + tags
    }
}

/// A copy, because a value may be a small part of a large buffer, which it keeps alive.
fn own(value: &HeaderValue) -> HeaderValue {
    let mut copy = HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone());
    copy.set_sensitive(value.is_sensitive());
    copy
}
