//! Options of static files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use http::HeaderValue;
use serde::Deserialize;

use super::path::Names;
use crate::config::Millis;
use crate::error::{Error, Result};
use crate::platform::Links;

/// Options of static files.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct FilesOptions {
    /// Files that answer for their folder, the first that is there. Default `['index.html']`; `[]` for none.
    pub index: Option<Vec<String>>,
    /// File that answers where there is none, for requests that accept `text/html`: the page of an application that has its own
    /// routes. Default: none.
    pub fallback: Option<String>,
    /// Whether a folder without index is answered with a list of its files. Default `false`.
    pub listing: Option<bool>,
    /// Names that such a list has at most. From 1 to 100000, by default 1000.
    pub listing_entries: Option<usize>,
    /// Names that begin with a dot: not found, refused with 403, or like all others. Default `'ignore'`.
    pub dotfiles: Option<Dotfiles>,
    /// Symbolic links that are followed: those that stay in the folder, all, or none. Default `'inside'`.
    pub symlinks: Option<Symlinks>,
    /// Whether `app.js.br`, `app.js.zst` or `app.js.gz` are sent in the place of `app.js` to those who accept that coding. Default
    /// `false`.
    pub precompressed: Option<bool>,
    /// `Cache-Control` of the files. Default `'no-cache'`: kept by clients, and asked for each time, which costs no content while it
    /// is the same. `''` for none.
    pub cache_control: Option<String>,
    /// Content types by the extension of a file, without its dot: `{ wasm: 'application/wasm' }`. Default: those that are registered
    /// or widely used.
    #[cfg_attr(test, ts(inline))]
    pub types: Option<Types>,
    /// Ranges that one request may ask for; one that asks for more gets the whole file. From 1 to 1000, by default 16.
    pub ranges: Option<usize>,
    /// For how long a small file is sent again without a look at the disk, up to 1 hour. Default 1s; 0 to look each time.
    pub fresh: Option<Millis>,
}

/// Content types by extension.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "Readonly<Record<string, string>>"))]
pub struct Types(BTreeMap<String, String>);

/// What becomes of names that begin with a dot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, ts(rename_all = "lowercase"))]
pub enum Dotfiles {
    /// As if they were not there: 404.
    #[default]
    Ignore,
    /// 403.
    Deny,
    /// As all others.
    Allow,
}

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, ts(rename_all = "lowercase"))]
pub enum Symlinks {
    /// Those that stay in the folder.
    #[default]
    Inside,
    /// All, wherever they lead.
    Follow,
    /// None.
    Refuse,
}

impl From<Symlinks> for Links {
    fn from(links: Symlinks) -> Self {
        match links {
            Symlinks::Inside => Self::Inside,
            Symlinks::Follow => Self::Everywhere,
            Symlinks::Refuse => Self::Nowhere,
        }
    }
}

/// Options that were checked, with the defaults filled in.
#[derive(Debug)]
pub(super) struct Settings {
    pub root: PathBuf,
    pub index: Vec<String>,
    pub fallback: Option<String>,
    /// Names in a list; `None` for no lists.
    pub listing: Option<usize>,
    pub dotfiles: Dotfiles,
    pub links: Links,
    pub precompressed: bool,
    pub cache_control: Option<HeaderValue>,
    /// By extension, in lower case.
    pub types: Vec<(String, HeaderValue)>,
    pub ranges: usize,
    pub fresh: Millis,
}

/// Ranges of one request by default.
pub(super) const RANGES: usize = 16;

impl Settings {
    pub fn new(root: PathBuf, options: FilesOptions) -> Result<Self> {
        let is_folder = std::fs::metadata(&root).is_ok_and(|found| found.is_dir());
        if !is_folder {
            let shown = format!("'{}'", root.display());
            return Err(Error::option("files().dir", shown, "a folder that can be read"));
        }
        let name = |option: &str, name: &str| match Names::plain(name) {
            Some(names) => Ok(names.path),
            None => Err(Error::option(format_args!("files().{option}"), format_args!("'{name}'"), FILE)),
        };
        let index = options.index.unwrap_or_else(|| vec!["index.html".to_owned()]);
        let index = index.iter().map(|file| name("index", file)).collect::<Result<_>>()?;
        let fallback = options.fallback.map(|file| name("fallback", &file)).transpose()?;
        let entries = within("listingEntries", options.listing_entries.unwrap_or(1000), 100_000)?;
        let cache_control = options.cache_control.unwrap_or_else(|| "no-cache".to_owned());
        let fresh = options.fresh.unwrap_or(Millis::seconds(1));
        if fresh > Millis::hours(1) {
            return Err(Error::option("files().fresh", fresh, "a duration up to 1h"));
        }
        Ok(Self {
            root,
            index,
            fallback,
            listing: options.listing.unwrap_or(false).then_some(entries),
            dotfiles: options.dotfiles.unwrap_or_default(),
            links: options.symlinks.unwrap_or_default().into(),
            precompressed: options.precompressed.unwrap_or(false),
            cache_control: Some(cache_control)
                .filter(|text| !text.is_empty())
                .map(|text| value("cacheControl", &text))
                .transpose()?,
            types: types(options.types.unwrap_or_default())?,
            ranges: within("ranges", options.ranges.unwrap_or(RANGES), 1000)?,
            fresh,
        })
    }
}

const FILE: &str = "the path of a file in the folder, such as 'index.html'";

fn within(option: &str, number: usize, most: usize) -> Result<usize> {
    if (1..=most).contains(&number) {
        return Ok(number);
    }
    Err(Error::option(format_args!("files().{option}"), number, format_args!("a number from 1 to {most}")))
}

fn value(option: &str, text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| {
        Error::option(
            format_args!("files().{option}"),
            format_args!("'{}'", text.escape_debug()),
            "visible ASCII",
        )
    })
}

fn types(types: Types) -> Result<Vec<(String, HeaderValue)>> {
    let each = |(extension, text): (String, String)| {
        if extension.is_empty() || extension.contains(['.', '/']) {
            let shown = format!("'{extension}'");
            return Err(Error::option(
                "files().types",
                shown,
                "an extension without its dot, such as 'wasm'",
            ));
        }
        Ok((extension.to_ascii_lowercase(), value("types", &text)?))
    };
    types.0.into_iter().map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typescript::{alias, check, interface};

    #[test]
    fn exports_typescript_types() {
        check("files", |out| {
            out.push_str("import type { Duration } from './config.js'\n");
            interface::<FilesOptions>(out, "");
            alias::<Dotfiles>(out);
            alias::<Symlinks>(out);
        });
    }

    #[test]
    fn wrong_options_are_named() {
        let refuse = |json: &str| {
            let options: FilesOptions = serde_json::from_str(json).unwrap();
            Settings::new(std::env::temp_dir(), options).unwrap_err().to_string()
        };
        for (json, message) in [
            (r#"{ "index": ["../x"] }"#, "files().index: '../x' is not the path of a file"),
            (r#"{ "fallback": "/x" }"#, "files().fallback: '/x' is not the path of a file"),
            (r#"{ "listingEntries": 0 }"#, "files().listingEntries: 0 is not a number from 1 to 100000"),
            (r#"{ "ranges": 1001 }"#, "files().ranges: 1001 is not a number from 1 to 1000"),
            (r#"{ "fresh": "2h" }"#, "files().fresh: 2h is not a duration up to 1h"),
            (r#"{ "cacheControl": "a\nb" }"#, "files().cacheControl: 'a\\nb' is not visible ASCII"),
            (r#"{ "types": { ".a": "x/y" } }"#, "files().types: '.a' is not an extension"),
            (r#"{ "types": { "a": "x\u0000" } }"#, "files().types: 'x\\0' is not visible ASCII"),
        ] {
            assert!(refuse(json).starts_with(message), "{json}: {}", refuse(json));
        }
        let missing = Settings::new("/nowhere/at/all".into(), FilesOptions::default()).unwrap_err();
        assert!(
            missing.to_string().starts_with("files().dir: '/nowhere/at/all' is not a folder"),
            "{missing}"
        );
    }
}
