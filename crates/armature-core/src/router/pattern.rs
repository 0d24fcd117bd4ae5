//! The grammar of route patterns and scope prefixes.

use super::escape;

/// matchit names parameters `a` to `z` and panics at the 26th.
const MAX_PARAMS: usize = 25;

/// A parsed pattern. Two patterns with equal [`tree_key`](Self::tree_key)s match the same paths.
#[derive(Debug)]
pub(super) struct Pattern {
    segments: Box<[Segment]>,
    kinds: Box<[Kind]>,
    /// Of the parameters, in order; a final wildcard is the last.
    pub(super) names: Box<[Box<str>]>,
}

#[derive(Debug)]
enum Segment {
    /// In canonical form.
    Static(String),
    Param,
    Rest,
}

/// What a segment is, the most specific first. Of two patterns that match one path the one with the smaller
/// list of kinds is the more specific.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Static,
    Param,
    Rest,
}

impl Pattern {
    /// The error says what is wrong and what to write instead, without naming the pattern.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix('/') else {
            return Err(format!("a path starts with '/'; did you mean '/{text}'?"));
        };
        refuse_foreign_syntax(text)?;
        let mut names: Vec<Box<str>> = Vec::new();
        let mut segments = Vec::new();
        let count = path.split('/').count();
        for (index, text) in path.split('/').enumerate() {
            let last = index + 1 == count;
            let segment = match text.as_bytes() {
                [] if !last => return Err("it has an empty segment ('//')".into()),
                [b':', b':', ..] => static_text(text)?,
                [b':', ..] => Segment::Param,
                [b'*', ..] if last => Segment::Rest,
                [b'*', ..] => return Err(format!("'{text}' is a wildcard, which must be the last segment")),
                _ => static_text(text)?,
            };
            if !matches!(segment, Segment::Static(_)) {
                let name = parse_name(text)?;
                if names.iter().any(|other| **other == *name) {
                    return Err(format!("it has two parameters named '{name}'"));
                }
                names.push(name.into());
            }
            segments.push(segment);
        }
        if names.len() > MAX_PARAMS {
            return Err(format!("it has {} parameters; at most {MAX_PARAMS} are supported", names.len()));
        }
        let kinds = segments.iter().map(Segment::kind).collect();
        Ok(Self { segments: segments.into(), kinds, names: names.into() })
    }

    /// Parses a scope prefix: a pattern without a wildcard that does not end with a slash. `""` is the root.
    pub(super) fn parse_prefix(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        let pattern = Self::parse(text)?;
        if let Some(shorter) = text.strip_suffix('/') {
            return Err(format!("a prefix does not end with '/'; write '{shorter}'"));
        }
        if pattern.rest_depth().is_some() {
            return Err("a prefix has no wildcard; everything below it belongs to the scope anyway".into());
        }
        Ok(pattern)
    }

    /// The prefix `""`.
    pub(super) fn root() -> Self {
        Self { segments: Box::default(), kinds: Box::default(), names: Box::default() }
    }

    /// The pattern in matchit's syntax, without the names.
    pub(super) fn tree_key(&self) -> String {
        let mut key = String::new();
        for segment in &self.segments {
            key.push('/');
            match segment {
                Segment::Static(text) => key.push_str(&text.replace('{', "{{").replace('}', "}}")),
                Segment::Param => key.push_str("{p}"),
                Segment::Rest => key.push_str("{*w}"),
            }
        }
        key
    }

    pub(super) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The index of the wildcard segment.
    pub(super) fn rest_depth(&self) -> Option<usize> {
        (self.kinds.last() == Some(&Kind::Rest)).then(|| self.kinds.len() - 1)
    }

    /// Whether `wild`, which ends in a wildcard, is the more specific on some path that both match.
    pub(super) fn may_lose_to(&self, wild: &Self) -> bool {
        let mut pairs = self.segments.iter().zip(&wild.segments);
        wild.kinds < self.kinds
            && pairs.all(|pair| !matches!(pair, (Segment::Static(a), Segment::Static(b)) if a != b))
    }

    /// The values of the parameters, when the first segments of `path`, in canonical form, match this
    /// prefix.
    pub(super) fn capture<'p>(&self, path: &'p str) -> Option<Vec<&'p str>> {
        let mut rest = path.split('/').skip(1);
        let mut values = Vec::new();
        for segment in &self.segments {
            let part = rest.next()?;
            match segment {
                Segment::Static(text) if part == text => {}
                Segment::Param | Segment::Rest if !part.is_empty() => values.push(part),
                _ => return None,
            }
        }
        Some(values)
    }
}

impl Segment {
    fn kind(&self) -> Kind {
        match self {
            Self::Static(_) => Kind::Static,
            Self::Param => Kind::Param,
            Self::Rest => Kind::Rest,
        }
    }
}

/// Names what users of other routers try, and its replacement here.
fn refuse_foreign_syntax(text: &str) -> Result<(), String> {
    let Some(found) = text.chars().find(|c| "{}?()#".contains(*c) || c.is_ascii_control()) else {
        return Ok(());
    };
    Err(match found {
        '{' | '}' => braces(text),
        '?' => "'?' has no meaning here; for an optional part register two routes".into(),
        '(' | ')' => {
            "parentheses have no meaning here; check the value of the parameter in the handler".into()
        }
        '#' => "'#' never reaches a server; write '%23' for an escaped one".into(),
        _ => format!("it has a control character; write it escaped ('%{:02X}')", u32::from(found)),
    })
}

fn braces(text: &str) -> String {
    let inside =
        text.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(inside, _)| inside);
    let (sigil, name) = inside.strip_prefix('*').map_or((':', inside), |name| ('*', name));
    let name = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    if name.is_empty() {
        return "braces have no meaning here; write ':name' for a parameter".into();
    }
    format!("write '{sigil}{name}' instead of '{{{inside}}}'")
}

fn static_text(text: &str) -> Result<Segment, String> {
    let literal = text.replace("::", "\0");
    if literal.contains(':') {
        return Err(format!(
            "'{text}' mixes text and a parameter, which must be a whole segment; write '::' for a literal \
             colon"
        ));
    }
    if literal.contains('*') {
        return Err(format!("'{text}' is not a wildcard; only a whole last segment such as '*rest' is"));
    }
    // Control characters were refused before, so the NUL can only be the placeholder.
    let literal = literal.replace('\0', ":");
    match escape::canonical(&literal) {
        Ok(canonical) => Ok(Segment::Static(canonical.into_owned())),
        Err(_) => Err(format!("'{text}' has an invalid escape; write '%25' for a percent sign")),
    }
}

fn parse_name(segment: &str) -> Result<&str, String> {
    let (sigil, name) = segment.split_at(1);
    let word = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if name.is_empty() {
        return Err(match sigil {
            ":" => "':' needs a name, as in ':id'; write '::' for a literal colon".into(),
            _ => "'*' needs a name, as in '*rest'".into(),
        });
    }
    if !word || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!(
            "'{segment}' is not a parameter; it must be a whole segment, and its name letters, digits and '_', \
             not starting with a digit"
        ));
    }
    Ok(name)
}
