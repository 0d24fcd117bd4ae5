//! What has been purged, by number. A value is purged when a purge of one of its terms has a number above its position, which is that
//! of the newest purge of which whoever made it knew. Nothing has to be found and deleted for that, and a value that was
//! made before a purge and comes after it is refused.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};

use crate::store::tiers::Term;

/// Terms in each of two tables. When one is full it takes the place of the other one, and what is older than what was in that counts
/// as purged.
const TERMS: usize = 65_536;

/// The numbers of a folder.
#[derive(Debug, Default)]
pub(super) struct Purges {
    last: u64,
    /// What has a lower position is purged.
    floor: u64,
    young: HashMap<Term, u64>,
    old: HashMap<Term, u64>,
}

/// A line of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Numbers go on from here.
    Begin(u64),
    /// What has this term was purged.
    Term(u64, Term),
    /// Everything was.
    All(u64),
}

impl Purges {
    /// Of a folder of which nobody knows what was purged: all that may be there.
    pub fn unknown(now: u64) -> Self {
        Self { last: now, floor: now, ..Self::default() }
    }

    /// The number of the newest purge.
    pub fn last(&self) -> u64 {
        self.last
    }

    pub fn purge(&mut self, term: Term) -> Note {
        self.last += 1;
        let note = Note::Term(self.last, term);
        self.apply(note);
        note
    }

    pub fn purge_all(&mut self) -> Note {
        self.last += 1;
        let note = Note::All(self.last);
        self.apply(note);
        note
    }

    /// Heeds what the journal says.
    pub fn apply(&mut self, note: Note) {
        match note {
            Note::Begin(number) => self.last = self.last.max(number),
            Note::All(number) => {
                self.last = self.last.max(number);
                self.floor = self.floor.max(number);
                self.young.clear();
                self.old.clear();
            }
            Note::Term(number, term) => {
                self.last = self.last.max(number);
                self.young.insert(term, number);
                if self.young.len() >= TERMS {
                    let dropped = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
                    self.floor = dropped.into_values().fold(self.floor, u64::max);
                }
            }
        }
    }

    pub fn is_purged(&self, position: u64, terms: &[Term]) -> bool {
        let is_newer = |number: Option<&u64>| number.is_some_and(|number| *number > position);
        position < self.floor
            || terms.iter().any(|term| is_newer(self.young.get(term)) || is_newer(self.old.get(term)))
    }

    /// What a new journal has to say, where nothing is left of what was purged up to `swept`.
    pub fn notes(&self, swept: u64) -> Vec<Note> {
        let mut notes = vec![Note::Begin(self.last)];
        if self.floor > swept {
            notes.push(Note::All(self.floor));
        }
        let tables = self.old.iter().chain(&self.young);
        notes.extend(tables.filter(|(_, n)| **n > swept).map(|(term, n)| Note::Term(*n, *term)));
        notes
    }
}

impl Note {
    /// Bytes of each.
    pub const LENGTH: usize = 33;
    const CHECKED: usize = 25;

    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let (kind, number, term) = match self {
            Self::Begin(number) => (0, number, Term::none()),
            Self::Term(number, term) => (1, number, *term),
            Self::All(number) => (2, number, Term::none()),
        };
        out.push(kind);
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&term.0);
        let check = digest(&SHA256, &out[start..]);
        out.extend_from_slice(&check.as_ref()[..Self::LENGTH - Self::CHECKED]);
    }

    /// `None` for bytes that nobody here has written.
    pub fn decode(bytes: &[u8; Self::LENGTH]) -> Option<Self> {
        let (checked, check) = bytes.split_at(Self::CHECKED);
        if !digest(&SHA256, checked).as_ref().starts_with(check) {
            return None;
        }
        let (kind, rest) = checked.split_first()?;
        let (number, term) = rest.split_first_chunk()?;
        let number = u64::from_le_bytes(*number);
        match kind {
            0 => Some(Self::Begin(number)),
            1 => Some(Self::Term(number, Term(*term.first_chunk()?))),
            2 => Some(Self::All(number)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(n: usize) -> Term {
        let mut term = [0; 16];
        term[..8].copy_from_slice(&n.to_le_bytes());
        Term(term)
    }

    #[test]
    fn what_was_made_before_a_purge_is_purged() {
        let mut purges = Purges::default();
        let (one, two) = (term(1), term(2));
        let before = purges.last();
        purges.purge(one);
        assert!(purges.is_purged(before, &[two, one]));
        assert!(!purges.is_purged(before, &[two]));
        assert!(!purges.is_purged(purges.last(), &[one]));
        let middle = purges.last();
        purges.purge_all();
        assert!(purges.is_purged(middle, &[two]) && purges.is_purged(middle, &[]));
        assert!(!purges.is_purged(purges.last(), &[one, two]));
    }

    #[test]
    fn of_an_unknown_folder_everything_is_purged() {
        let mut purges = Purges::unknown(100);
        assert!(purges.is_purged(99, &[]) && !purges.is_purged(100, &[term(1)]));
        purges.purge(term(1));
        assert_eq!(purges.last(), 101);
    }

    #[test]
    fn tables_are_bounded_and_what_they_forget_is_purged() {
        let mut purges = Purges::default();
        for n in 0..TERMS {
            purges.purge(term(n));
        }
        let (middle, never) = (purges.last(), term(TERMS * 9));
        assert!(!purges.is_purged(0, &[never]), "nothing was forgotten");
        for n in 0..TERMS {
            purges.purge(term(TERMS + n));
        }
        assert!(purges.is_purged(middle - 1, &[never]));
        assert!(!purges.is_purged(middle, &[never]) && purges.is_purged(middle, &[term(TERMS + 5)]));
        assert!(purges.young.len() + purges.old.len() <= 2 * TERMS);
    }

    #[test]
    fn a_journal_says_the_same() {
        let mut purges = Purges::unknown(7);
        purges.purge(term(1));
        purges.purge(term(2));
        let read = |notes: Vec<Note>| {
            let mut read = Purges::default();
            for note in notes {
                let mut bytes = Vec::new();
                note.encode(&mut bytes);
                let mut bytes: [u8; Note::LENGTH] = bytes.try_into().unwrap();
                read.apply(Note::decode(&bytes).unwrap());
                bytes[9] ^= 1;
                assert_eq!(Note::decode(&bytes), None, "bytes have changed");
            }
            read
        };
        let all = read(purges.notes(0));
        assert_eq!(all.last(), purges.last());
        for (position, terms) in
            [(6, [term(9)]), (7, [term(9)]), (7, [term(1)]), (8, [term(1)]), (8, [term(2)])]
        {
            assert_eq!(all.is_purged(position, &terms), purges.is_purged(position, &terms), "{position}");
        }
        let swept = read(purges.notes(8));
        assert_eq!(swept.last(), 9);
        assert!(!swept.is_purged(7, &[term(1)]) && swept.is_purged(8, &[term(2)]), "only what is newer");
    }
}
