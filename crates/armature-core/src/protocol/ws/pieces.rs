//! Bytes that wait to be written, in order: those of one connection, and between them large ones that others send too.

use std::collections::VecDeque;

use bytes::Bytes;

/// What is at least as long is not copied for each connection that gets it.
const SHARED: usize = 8 * 1024;
/// What is written does not stay in front of this much.
const DRAINED: usize = 16 * 1024;

/// The front is what is left of `lead`, then of `own`, then of the first of `shared`.
#[derive(Default)]
pub(super) struct Pieces {
    /// What others have too, where nothing was before it: most of what is published leaves from here and is never copied.
    lead: Bytes,
    own: Vec<u8>,
    /// Each with the bytes of this connection that come behind it.
    shared: VecDeque<(Bytes, Vec<u8>)>,
    /// Of the front, so many bytes are written.
    at: usize,
    unsent: usize,
}

impl Pieces {
    /// Bytes that are not written.
    pub fn unsent(&self) -> usize {
        self.unsent
    }

    /// Some of them, the first ones; none only when there are none.
    pub fn front(&self) -> &[u8] {
        if !self.lead.is_empty() {
            return &self.lead[self.at..];
        }
        match self.shared.front() {
            Some((bytes, _)) if self.own.is_empty() => &bytes[self.at..],
            _ => &self.own[self.at..],
        }
    }

    /// Adds what `encode` appends; `buffer` gives the memory when there is none yet.
    pub fn append(&mut self, buffer: impl FnOnce() -> Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
        let tail = match self.shared.back_mut() {
            Some((_, behind)) => behind,
            None => &mut self.own,
        };
        if tail.capacity() == 0 {
            *tail = buffer();
        }
        if !self.lead.is_empty() && self.lead.len() < SHARED {
            // Several small ones leave together: nothing is shared here, as a small lead never has a shared one behind it.
            tail.extend_from_slice(&std::mem::take(&mut self.lead)[std::mem::take(&mut self.at)..]);
        }
        let before = tail.len();
        encode(tail);
        self.unsent += tail.len() - before;
    }

    /// Adds bytes that others have too.
    pub fn share(&mut self, buffer: impl FnOnce() -> Vec<u8>, bytes: Bytes) {
        if self.unsent == 0 {
            self.unsent = bytes.len();
            self.lead = bytes;
            return;
        }
        if bytes.len() < SHARED {
            return self.append(buffer, |out| out.extend_from_slice(&bytes));
        }
        if !self.lead.is_empty() && self.lead.len() < SHARED {
            self.append(buffer, |_| {});
        }
        self.unsent += bytes.len();
        self.shared.push_back((bytes, Vec::new()));
    }

    /// So many bytes of the front are written. Returns memory that is of no more use here.
    pub fn written(&mut self, n: usize) -> Option<Vec<u8>> {
        self.unsent -= n;
        self.at += n;
        if !self.lead.is_empty() {
            if self.at == self.lead.len() {
                self.at = 0;
                self.lead = Bytes::new();
            }
            return None;
        }
        if !self.own.is_empty() {
            if self.at < self.own.len() {
                // What is written does not stay when more keeps coming.
                if self.at >= DRAINED.max(self.own.len() / 2) {
                    self.own.drain(..std::mem::take(&mut self.at));
                }
                return None;
            }
            self.at = 0;
            return Some(std::mem::take(&mut self.own));
        }
        if self.shared.front().is_some_and(|(bytes, _)| self.at == bytes.len()) {
            self.at = 0;
            self.own = self.shared.pop_front().map(|(_, behind)| behind).unwrap_or_default();
        }
        if self.shared.is_empty() && self.shared.capacity() > 0 {
            // A connection that waits has no memory.
            self.shared = VecDeque::new();
        }
        None
    }

    /// The memory, for others.
    pub fn into_buffer(self) -> Vec<u8> {
        self.own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(pieces: &mut Pieces, bytes: &[u8]) {
        pieces.append(Vec::new, |out| out.extend_from_slice(bytes));
    }

    /// Everything, written `step` bytes at a time.
    fn write_all(pieces: &mut Pieces, step: usize) -> Vec<u8> {
        let mut written = Vec::new();
        while pieces.unsent() > 0 {
            let front = pieces.front();
            assert!(!front.is_empty(), "{} are left", pieces.unsent());
            let n = front.len().min(step);
            written.extend_from_slice(&front[..n]);
            pieces.written(n);
        }
        assert!(pieces.front().is_empty());
        written
    }

    #[test]
    fn keep_their_order() {
        let (small, large) = (Bytes::from_static(b"small"), Bytes::from(vec![b'x'; SHARED]));
        for step in [1, 1000, SHARED, usize::MAX] {
            let mut pieces = Pieces::default();
            let mut expected = Vec::new();
            for round in 0..3 {
                own(&mut pieces, &[b'0' + round]);
                pieces.share(Vec::new, small.clone());
                pieces.share(Vec::new, large.clone());
                pieces.share(Vec::new, large.clone());
                expected.push(b'0' + round);
                expected.extend_from_slice(&[&small[..], &large, &large].concat());
            }
            own(&mut pieces, b"end");
            expected.extend_from_slice(b"end");
            assert_eq!(pieces.unsent(), expected.len());
            assert_eq!(write_all(&mut pieces, step), expected, "{step} at a time");
            own(&mut pieces, b"again");
            assert_eq!(write_all(&mut pieces, step), b"again");
        }
    }

    #[test]
    fn what_comes_first_is_not_copied() {
        let frame = Bytes::from(vec![b'a'; 100]);
        let mut pieces = Pieces::default();
        pieces.share(Vec::new, frame.clone());
        assert_eq!((pieces.front().as_ptr(), pieces.own.capacity()), (frame.as_ptr(), 0));
        assert!(pieces.written(40).is_none());
        assert_eq!(pieces.front().as_ptr(), frame[40..].as_ptr());
        pieces.written(60);
        assert!(frame.is_unique() && pieces.front().is_empty(), "it is given back");
    }

    #[test]
    fn small_ones_leave_together() {
        let (small, large) = (Bytes::from_static(b"small"), Bytes::from(vec![b'x'; SHARED]));
        let mut pieces = Pieces::default();
        pieces.share(Vec::new, small.clone());
        pieces.written(2);
        pieces.share(Vec::new, small.clone());
        own(&mut pieces, b"own");
        assert_eq!(pieces.front(), b"allsmallown");
        assert_eq!(write_all(&mut pieces, 3), b"allsmallown");
        pieces.share(Vec::new, small.clone());
        pieces.share(Vec::new, large.clone());
        own(&mut pieces, b"own");
        assert_eq!(write_all(&mut pieces, 1000), [b"small", &large[..], b"own"].concat());
        pieces.share(Vec::new, large.clone());
        own(&mut pieces, b"own");
        pieces.share(Vec::new, small.clone());
        pieces.share(Vec::new, large.clone());
        assert_eq!(write_all(&mut pieces, 1000), [&large[..], b"ownsmall", &large].concat());
    }

    #[test]
    fn large_ones_are_not_copied() {
        let large = Bytes::from(vec![1; SHARED]);
        let mut pieces = Pieces::default();
        pieces.share(Vec::new, large.clone());
        assert_eq!(pieces.front().as_ptr(), large.as_ptr());
        assert!(!large.is_unique());
        pieces.written(SHARED);
        assert!(large.is_unique(), "it is given back");
    }

    #[test]
    fn what_is_written_does_not_stay() {
        let mut pieces = Pieces::default();
        own(&mut pieces, &vec![1; 4 * DRAINED]);
        pieces.written(2 * DRAINED);
        own(&mut pieces, &[2]);
        assert_eq!((pieces.at, pieces.own.len(), pieces.unsent()), (0, 2 * DRAINED + 1, 2 * DRAINED + 1));
    }

    #[test]
    fn memory_goes_back() {
        let mut pieces = Pieces::default();
        pieces.append(|| Vec::with_capacity(100), |out| out.push(1));
        assert!(pieces.written(1).is_some_and(|buffer| buffer.capacity() >= 100));
        assert_eq!(pieces.own.capacity(), 0);
    }
}
