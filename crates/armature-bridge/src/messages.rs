//! Messages of a WebSocket that no lane has handled: they wait for the next one.

use crate::record::{Kind, MESSAGE_CREDIT, MESSAGE_MORE, MESSAGE_REST, word};

/// Where the value of a message is in its record.
const VALUE: usize = 4;

/// Records of messages, in order.
#[derive(Debug, Default)]
pub struct Messages {
    bytes: Vec<u8>,
}

impl Messages {
    /// Adds the one record that `encode` appends.
    pub fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        encode(&mut self.bytes);
        self.forget_credit(start);
    }

    /// Adds those of `later` behind these.
    pub fn append(&mut self, later: Self) {
        self.bytes.extend_from_slice(&later.bytes);
    }

    /// Takes away the end of a message whose beginning was handed to somebody who is gone.
    pub fn drop_rest(&mut self) {
        let mut start = 0;
        while word(&self.bytes[start..], VALUE) & MESSAGE_REST != 0 {
            start += word(&self.bytes[start..], 0) as usize;
        }
        self.bytes.drain(..start);
    }

    /// Their bytes, and `each` for every message.
    pub fn cost(&self, each: u64) -> u64 {
        self.records().fold(0, |cost, record| {
            let is_whole = word(record, VALUE) & MESSAGE_MORE == 0;
            cost + u64::from(word(record, VALUE + 1)) + if is_whole { each } else { 0 }
        })
    }

    /// Each record, for a lane.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (record, behind) = rest.split_at_checked(word(rest, 0) as usize)?;
            rest = behind;
            (!record.is_empty()).then_some(record)
        })
    }

    /// What the peer had taken was told to somebody who is gone.
    fn forget_credit(&mut self, start: usize) {
        let at = start + VALUE * 4;
        let value = word(&self.bytes[start..], VALUE) & ((1 << MESSAGE_CREDIT) - 1);
        if let Some(to) = self.bytes.get_mut(at..at + 4) {
            to.copy_from_slice(&value.to_le_bytes());
        }
    }
}

/// What kind a whole record is.
pub fn kind_of(record: &[u8]) -> Option<Kind> {
    [Kind::SocketOpen, Kind::SocketMessage, Kind::SocketReopen, Kind::SocketClosed]
        .into_iter()
        .find(|kind| *kind as u32 == word(record, 1))
}

#[cfg(all(test, not(armature_loom)))]
mod tests {
    use super::*;
    use crate::record::{self, MESSAGE_BINARY};
    use crate::slots::SlotId;

    const SLOT: SlotId = SlotId { slot: 7, generation: 3 };

    fn messages(parts: &[(u32, &[u8])]) -> Messages {
        let mut messages = Messages::default();
        for (value, content) in parts {
            messages.push(|out| record::data(out, Kind::SocketMessage, SLOT, *value, content));
        }
        messages
    }

    fn read(messages: &Messages) -> Vec<(u32, Vec<u8>)> {
        let one = |record: &[u8]| {
            assert_eq!(kind_of(record), Some(Kind::SocketMessage));
            let length = word(record, 5) as usize;
            (word(record, 4), record[24..24 + length].to_vec())
        };
        messages.records().map(one).collect()
    }

    #[test]
    fn wait_without_the_credit_that_they_brought() {
        let mut first = messages(&[(MESSAGE_BINARY | 5 << MESSAGE_CREDIT, b"a")]);
        first.append(messages(&[(0, b""), (9 << MESSAGE_CREDIT, b"bcdef")]));
        assert_eq!(read(&first), [(MESSAGE_BINARY, b"a".to_vec()), (0, vec![]), (0, b"bcdef".to_vec())]);
        assert_eq!(first.cost(64), 6 + 3 * 64);
        assert_eq!(read(&Messages::default()), []);
        assert_eq!(Messages::default().cost(64), 0);
    }

    #[test]
    fn begin_with_a_beginning() {
        let mut cut = messages(&[
            (MESSAGE_REST | MESSAGE_MORE, b"1"),
            (MESSAGE_REST, b"2"),
            (MESSAGE_MORE, b"3"),
            (MESSAGE_REST, b"4"),
        ]);
        cut.drop_rest();
        assert_eq!(read(&cut), [(MESSAGE_MORE, b"3".to_vec()), (MESSAGE_REST, b"4".to_vec())]);
        assert_eq!(cut.cost(64), 2 + 64);
        let mut only = messages(&[(MESSAGE_REST, b"2")]);
        only.drop_rest();
        assert_eq!(read(&only), []);
    }
}
