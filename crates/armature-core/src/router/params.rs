//! The values of path parameters, cheap enough to make for every request.

use super::escape;

/// Most routes have fewer; up to here nothing is allocated.
const INLINE: usize = 4;

/// The values of the parameters of one request, in the order of the pattern.
///
/// Borrows nothing: without escapes the values are byte ranges of the path as it was sent, which every reader
/// passes in again. When the path had escapes they are ranges of a decoded text of its own, and the path is
/// not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    ranges: Ranges,
    decoded: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ranges {
    Inline { len: u8, ranges: [(u32, u32); INLINE] },
    Heap(Box<[(u32, u32)]>),
}

impl Params {
    /// How many parameters there are.
    pub fn len(&self) -> usize {
        self.ranges().len()
    }

    /// Whether the route has no parameters.
    pub fn is_empty(&self) -> bool {
        self.ranges().is_empty()
    }

    /// The decoded value of the parameter at `index`, or `None` past the last one. `path` is the path as
    /// sent, the one that was given to [`Router::find`](super::Router::find).
    pub fn get<'a>(&'a self, index: usize, path: &'a str) -> Option<&'a str> {
        let (start, end) = *self.ranges().get(index)?;
        self.decoded().unwrap_or(path).get(start as usize..end as usize)
    }

    /// The decoded values in order; `path` as in [`get`](Self::get).
    pub fn iter<'a>(&'a self, path: &'a str) -> impl ExactSizeIterator<Item = &'a str> + Clone {
        (0..self.len()).map(move |index| self.get(index, path).unwrap_or_default())
    }

    /// The byte ranges of the values, as start and end: in [`decoded`](Self::decoded) if there is one, else
    /// in the path as sent.
    pub fn ranges(&self) -> &[(u32, u32)] {
        match &self.ranges {
            Ranges::Inline { len, ranges } => &ranges[..usize::from(*len)],
            Ranges::Heap(ranges) => ranges,
        }
    }

    /// The values one after the other, when the path had escapes.
    pub fn decoded(&self) -> Option<&str> {
        self.decoded.as_deref()
    }

    pub(super) fn new(ranges: impl ExactSizeIterator<Item = (u32, u32)>) -> Self {
        Self { ranges: Ranges::new(ranges), decoded: None }
    }

    /// `values` gives slices of `searched`, a path in canonical form; `escaped` says whether that text may differ
    /// from the path as sent, beyond its trailing slash.
    #[inline]
    pub(super) fn of<'p, I>(searched: &'p str, escaped: bool, values: impl Fn() -> I) -> Self
    where
        I: ExactSizeIterator<Item = &'p str>,
    {
        if !escaped {
            return Self::new(values().map(|value| {
                let start = value.as_ptr() as usize - searched.as_ptr() as usize;
                (start as u32, (start + value.len()) as u32)
            }));
        }
        let mut decoded = String::with_capacity(values().map(str::len).sum());
        let params = Self::new(values().map(|value| {
            let start = decoded.len();
            escape::decode_into(value, &mut decoded);
            (start as u32, decoded.len() as u32)
        }));
        params.with_decoded(decoded)
    }

    pub(super) fn with_decoded(self, decoded: String) -> Self {
        Self { decoded: Some(decoded.into()), ..self }
    }
}

impl Ranges {
    fn new(iter: impl ExactSizeIterator<Item = (u32, u32)>) -> Self {
        if iter.len() > INLINE {
            return Self::Heap(iter.collect());
        }
        let (mut len, mut ranges) = (0, [(0, 0); INLINE]);
        for range in iter {
            ranges[usize::from(len)] = range;
            len += 1;
        }
        Self::Inline { len, ranges }
    }
}

impl Default for Ranges {
    fn default() -> Self {
        Self::Inline { len: 0, ranges: [(0, 0); INLINE] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_and_heap_read_the_same() {
        let path = "/aa/bb/cc/dd/ee";
        for count in 0..=5 {
            let ranges: Vec<_> = (0..count).map(|i| (i * 3 + 1, i * 3 + 3)).collect();
            let params = Params::new(ranges.iter().copied());
            assert_eq!(params.len(), count as usize);
            assert_eq!(params.is_empty(), count == 0);
            assert_eq!(params.ranges(), ranges);
            let expected: Vec<_> = path.split('/').skip(1).take(count as usize).collect();
            assert_eq!(params.iter(path).collect::<Vec<_>>(), expected);
            assert_eq!(params.get(count as usize, path), None);
        }
    }

    #[test]
    fn decoded_values_ignore_the_path() {
        let params = Params::new([(0, 1), (1, 3)].into_iter()).with_decoded("xyz".into());
        assert_eq!(params.iter("/other").collect::<Vec<_>>(), ["x", "yz"]);
        assert_eq!(params.decoded(), Some("xyz"));
    }

    #[test]
    fn a_foreign_path_does_not_panic() {
        let params = Params::new([(4, 9)].into_iter());
        assert_eq!(params.get(0, "/é"), None);
    }
}
