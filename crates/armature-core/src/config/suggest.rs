//! "Did you mean".

/// The candidate that `name` is most likely a misspelling of.
pub(super) fn closest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| -> Vec<char> {
        text.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
    };
    let name = plain(name);
    let scored = candidates.iter().map(|candidate| (distance(&name, &plain(candidate)), *candidate));
    let (distance, candidate) = scored.min_by_key(|(distance, _)| *distance)?;
    // One edit in three letters: more, and the suggestion is more confusing than helpful.
    (distance <= (name.len() / 3).max(1)).then_some(candidate)
}

/// The number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = previous[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(previous[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                let swapped: usize = before[j - 2];
                best = best.min(swapped + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut previous, row);
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions() {
        let known = ["body", "header", "headers", "inFlight", "url"];
        let table = [
            ("boody", Some("body")),
            ("bdoy", Some("body")),
            ("Body", Some("body")),
            ("heder", Some("header")),
            ("heders", Some("headers")),
            ("in_flight", Some("inFlight")),
            ("INFLIGHT", Some("inFlight")),
            ("uri", Some("url")),
            ("timeout", None),
            ("x", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(closest(name, &known), expected, "{name}");
        }
        assert_eq!(closest("body", &[]), None);
    }

    #[test]
    fn distances() {
        let table = [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3), ("abc", "abc", 0)];
        for (a, b, expected) in table {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(distance(&chars(a), &chars(b)), expected);
            assert_eq!(distance(&chars(b), &chars(a)), expected);
        }
    }
}
