//! What may be said about the security headers, and what is refused.

use std::fmt;

use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::csp::CspOptions;
use crate::config::Millis;

/// Options of the security headers. Each is a field that can be changed, or turned off with `false`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct SecurityHeadersOptions {
    /// `Content-Security-Policy`. Default: own scripts, styles and images only; see the page of the layer.
    #[cfg_attr(test, ts(as = "Option<shown::Csp>", inline))]
    pub content_security_policy: Option<Toggle<CspOptions>>,
    /// `Cross-Origin-Embedder-Policy`. Default `false`.
    #[cfg_attr(test, ts(as = "Option<Embedder>", inline))]
    pub cross_origin_embedder_policy: Option<Toggle<Embedder>>,
    /// `Cross-Origin-Opener-Policy`. Default `'same-origin'`.
    #[cfg_attr(test, ts(as = "Option<Opener>", inline))]
    pub cross_origin_opener_policy: Option<Toggle<Opener>>,
    /// `Cross-Origin-Resource-Policy`. Default `'same-origin'`.
    #[cfg_attr(test, ts(as = "Option<Resource>", inline))]
    pub cross_origin_resource_policy: Option<Toggle<Resource>>,
    /// `Origin-Agent-Cluster: ?1`. Default `true`.
    pub origin_agent_cluster: Option<bool>,
    /// `Referrer-Policy`: one policy, or several, of which a browser takes the last that it knows. Default `'no-referrer'`.
    #[cfg_attr(test, ts(as = "Option<shown::Referrer>", inline))]
    pub referrer_policy: Option<Toggle<Referrer>>,
    /// `Strict-Transport-Security`, sent over TLS only. Default: 365 days, with subdomains.
    #[cfg_attr(test, ts(as = "Option<shown::Hsts>", inline))]
    pub strict_transport_security: Option<Toggle<HstsOptions>>,
    /// `X-Content-Type-Options: nosniff`. Default `true`.
    pub x_content_type_options: Option<bool>,
    /// `X-DNS-Prefetch-Control`. Default `'off'`.
    #[cfg_attr(test, ts(as = "Option<OnOff>", inline))]
    pub x_dns_prefetch_control: Option<Toggle<OnOff>>,
    /// `X-Download-Options: noopen`. Default `true`.
    pub x_download_options: Option<bool>,
    /// `X-Frame-Options`. Default `'SAMEORIGIN'`.
    #[cfg_attr(test, ts(as = "Option<Frame>", inline))]
    pub x_frame_options: Option<Toggle<Frame>>,
    /// `X-Permitted-Cross-Domain-Policies`. Default `'none'`.
    #[cfg_attr(test, ts(as = "Option<CrossDomain>", inline))]
    pub x_permitted_cross_domain_policies: Option<Toggle<CrossDomain>>,
    /// `X-XSS-Protection: 0`, which turns off a filter of old browsers that did harm. Default `true`.
    pub x_xss_protection: Option<bool>,
}

/// How long browsers use nothing but TLS for this host.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct HstsOptions {
    /// For how long, in whole seconds. Default `'8760h'`, which are 365 days.
    pub max_age: Option<Millis>,
    /// Whether subdomains are meant too. Default `true`.
    pub include_sub_domains: Option<bool>,
    /// Agrees to be in the lists that browsers come with, which is hard to take back; needs 365 days and subdomains. Default `false`.
    pub preload: Option<bool>,
}

/// `false`, or a value.
#[derive(Clone, Debug)]
pub enum Toggle<T> {
    /// `false`.
    Off,
    /// Something else.
    On(T),
}

/// What a [`Toggle`] may be besides `false`.
pub trait Setting: Sized {
    /// What messages say is allowed.
    const EXPECTED: &'static str;

    /// From a text; `None` when it is none of those that are allowed.
    fn from_text(_: &str) -> Option<Self> {
        None
    }

    /// From a list.
    fn from_list(_: &[String]) -> Option<Self> {
        None
    }

    /// From an object, for those that are one.
    fn from_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer)?;
        Err(D::Error::invalid_type(Unexpected::Map, &Self::EXPECTED))
    }
}

/// A text out of a list of them, as a field sends it.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $expected:literal, $shown:literal, [$($word:literal),*];)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        #[cfg_attr(test, derive(ts_rs::TS), ts(type = $shown))]
        pub struct $name(pub(super) &'static str);

        impl Setting for $name {
            const EXPECTED: &'static str = $expected;

            fn from_text(text: &str) -> Option<Self> {
                [$($word),*].into_iter().find(|word| word.eq_ignore_ascii_case(text)).map(Self)
            }
        }
    )*};
}

words! {
    /// A Cross-Origin-Embedder-Policy.
    Embedder: "false, 'require-corp', 'credentialless' or 'unsafe-none'",
        "false | 'require-corp' | 'credentialless' | 'unsafe-none'", ["require-corp", "credentialless", "unsafe-none"];
    /// A Cross-Origin-Opener-Policy.
    Opener: "false, 'same-origin', 'same-origin-allow-popups', 'noopener-allow-popups' or 'unsafe-none'",
        "false | 'same-origin' | 'same-origin-allow-popups' | 'noopener-allow-popups' | 'unsafe-none'", ["same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"];
    /// A Cross-Origin-Resource-Policy.
    Resource: "false, 'same-origin', 'same-site' or 'cross-origin'", "false | 'same-origin' | 'same-site' | 'cross-origin'", ["same-origin", "same-site", "cross-origin"];
    /// Of X-DNS-Prefetch-Control.
    OnOff: "false, 'on' or 'off'", "false | 'on' | 'off'", ["on", "off"];
    /// Of X-Frame-Options.
    Frame: "false, 'SAMEORIGIN' or 'DENY'", "false | 'SAMEORIGIN' | 'DENY'", ["SAMEORIGIN", "DENY"];
    /// Of X-Permitted-Cross-Domain-Policies.
    CrossDomain: "false, 'none', 'master-only', 'by-content-type' or 'all'",
        "false | 'none' | 'master-only' | 'by-content-type' | 'all'", ["none", "master-only", "by-content-type", "all"];
}

/// What TypeScript shows of settings that are no single word.
#[cfg(test)]
mod shown {
    #[derive(ts_rs::TS)]
    #[ts(type = "false | CspOptions")]
    pub struct Csp;

    #[derive(ts_rs::TS)]
    #[ts(type = "false | HstsOptions")]
    pub struct Hsts;

    #[derive(ts_rs::TS)]
    #[ts(type = "false | string | readonly string[]")]
    pub struct Referrer;
}

/// A Referrer-Policy, or several.
#[derive(Clone, Debug)]
pub struct Referrer(pub(super) String);

const REFERRER: [&str; 8] = [
    "no-referrer",
    "no-referrer-when-downgrade",
    "same-origin",
    "origin",
    "strict-origin",
    "origin-when-cross-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
];

impl Setting for Referrer {
    const EXPECTED: &'static str =
        "false, a policy such as 'no-referrer' or 'strict-origin-when-cross-origin', or a list of them";

    fn from_text(text: &str) -> Option<Self> {
        REFERRER.contains(&text).then(|| Self(text.to_owned()))
    }

    fn from_list(list: &[String]) -> Option<Self> {
        let known = !list.is_empty() && list.iter().all(|text| REFERRER.contains(&&**text));
        known.then(|| Self(list.join(",")))
    }
}

impl Setting for CspOptions {
    const EXPECTED: &'static str = "false or an object with directives";

    fn from_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl Setting for HstsOptions {
    const EXPECTED: &'static str = "false or an object such as { maxAge: '8760h' }";

    fn from_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de, T: Setting> Deserialize<'de> for Toggle<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FalseOr(std::marker::PhantomData))
    }
}

struct FalseOr<T>(std::marker::PhantomData<T>);

impl<'de, T: Setting> Visitor<'de> for FalseOr<T> {
    type Value = Toggle<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Toggle<T>, E> {
        if value { Err(E::invalid_value(Unexpected::Bool(value), &self)) } else { Ok(Toggle::Off) }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Toggle<T>, E> {
        T::from_text(text).map(Toggle::On).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Toggle<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(text) = list.next_element::<String>()? {
            all.push(text);
        }
        T::from_list(&all).map(Toggle::On).ok_or_else(|| A::Error::invalid_value(Unexpected::Seq, &self))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Toggle<T>, A::Error> {
        T::from_map(serde::de::value::MapAccessDeserializer::new(map)).map(Toggle::On)
    }
}

/// `None` for `false`, or a list of texts.
pub(super) fn false_or_list<'de, D: Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
) -> Result<Option<Vec<String>>, D::Error> {
    struct Either(&'static str);
    impl<'de> Visitor<'de> for Either {
        type Value = Option<Vec<String>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
            if value { Err(E::invalid_value(Unexpected::Bool(value), &self)) } else { Ok(None) }
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(text) = list.next_element()? {
                all.push(text);
            }
            Ok(Some(all))
        }
    }
    deserializer.deserialize_any(Either(expected))
}
