//! What is to be written: small parts are gathered in one buffer, large ones go out from where they are, be it a file.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::http::FilePart;
use crate::listener::Stream;
use crate::platform;
use crate::protocol::unsent::{kept, own};

/// Bytes that are gathered before somebody has to wait for the peer.
pub(super) const GATHER_BYTES: usize = 64 * 1024;
/// Content of this size and more is not copied.
const DIRECT_BYTES: usize = 16 * 1024;
/// A buffer that has grown beyond this is given back to the allocator.
pub(super) const KEEP_BYTES: usize = 16 * 1024;

/// Bytes on their way to the socket, in three parts: `gathered`, then `direct`, then `after`, or then `file`. Only `gathered` grows, and
/// only while there is nothing behind it.
#[derive(Default)]
pub(super) struct Output {
    gathered: Vec<u8>,
    /// How much of `gathered` the socket has taken.
    sent: usize,
    direct: Bytes,
    /// Bytes of `direct` before the socket took any.
    whole: usize,
    after: &'static [u8],
    /// What the system moves by itself.
    file: Option<FilePart>,
}

impl Output {
    /// Whether the socket has taken everything.
    pub fn is_empty(&self) -> bool {
        self.gathered.is_empty() && self.has_nothing_behind()
    }

    fn has_nothing_behind(&self) -> bool {
        self.direct.is_empty() && self.after.is_empty() && self.file.is_none()
    }

    /// Bytes that its own memory takes. Content that goes out from where it is belongs to somebody else.
    pub fn capacity(&self) -> usize {
        self.gathered.capacity()
    }

    /// Bytes in memory that the socket has not taken, with those of their memory that it has.
    pub fn unsent(&self) -> usize {
        self.gathered.len() - self.sent + kept(&self.direct, self.whole)
    }

    /// What is left is going to wait.
    pub fn own(&mut self) {
        own(&mut self.direct, &mut self.whole);
    }

    /// Whether more can be added now.
    pub fn has_room(&self) -> bool {
        self.has_nothing_behind() && self.gathered.len() - self.sent < GATHER_BYTES
    }

    /// Where heads and other small parts are written; only while there is room.
    pub fn gathered(&mut self) -> &mut Vec<u8> {
        debug_assert!(self.has_nothing_behind(), "the order of the parts would be lost");
        &mut self.gathered
    }

    /// Adds content and what follows it; only while there is room.
    pub fn content(&mut self, bytes: Bytes, after: &'static [u8]) {
        if bytes.len() < DIRECT_BYTES {
            self.gathered.extend_from_slice(&bytes);
            self.gathered.extend_from_slice(after);
        } else {
            self.whole = bytes.len();
            self.direct = bytes;
            self.after = after;
        }
    }

    /// Adds content that is part of a file; only while there is room, and for a stream that sends files.
    pub fn file(&mut self, part: FilePart) {
        self.file = Some(part);
    }

    /// Writes until everything is taken or the socket refuses; and how much it took. `last`: the connection is closed as soon as
    /// everything is taken.
    pub fn poll_flush(
        &mut self,
        stream: &Stream,
        cx: &mut Context<'_>,
        last: bool,
    ) -> (Poll<io::Result<()>>, usize) {
        let mut taken = 0;
        while !self.is_empty() {
            let gathered = &self.gathered[self.sent..];
            let parts = || [IoSlice::new(gathered), IoSlice::new(&self.direct), IoSlice::new(self.after)];
            let has_more = !gathered.is_empty() || !self.direct.is_empty();
            let written = match &self.file {
                Some(part) if !has_more => stream.poll_send_file(cx, part),
                Some(_) => stream.poll_write_more(cx, &parts()),
                None if last => stream.poll_write_more(cx, &parts()),
                None if self.direct.is_empty() && self.after.is_empty() => stream.poll_write(cx, gathered),
                None => stream.poll_write_vectored(cx, &parts()),
            };
            match written {
                Poll::Ready(Ok(0)) => return (Poll::Ready(Err(io::ErrorKind::WriteZero.into())), taken),
                Poll::Ready(Ok(n)) => {
                    self.advance(n);
                    taken += n;
                }
                Poll::Ready(Err(error))
                    if self.file.is_some() && !has_more && platform::cannot_send(&error) =>
                {
                    if let Err(error) = self.read() {
                        return (Poll::Ready(Err(error)), taken);
                    }
                }
                Poll::Ready(Err(error)) => return (Poll::Ready(Err(error)), taken),
                Poll::Pending => return (Poll::Pending, taken),
            }
        }
        (Poll::Ready(Ok(())), taken)
    }

    /// Reads of the file what goes out next, for systems that do not move it by themselves. It is in memory, so this does not wait.
    fn read(&mut self) -> io::Result<()> {
        let Some(part) = &self.file else { return Ok(()) };
        let file = part.file.file().ok_or(io::ErrorKind::NotFound)?;
        let mut buffer = vec![0; part.length.min(GATHER_BYTES as u64) as usize];
        let read = platform::read_at(file, &mut buffer, part.offset)?;
        if read == 0 {
            return Err(io::Error::other("the file is shorter than it was"));
        }
        buffer.truncate(read);
        self.direct = buffer.into();
        self.advance_file(read);
        Ok(())
    }

    fn advance_file(&mut self, n: usize) {
        if let Some(part) = &mut self.file {
            part.offset += n as u64;
            part.length -= n as u64;
        }
        self.file.take_if(|part| part.length == 0);
    }

    fn advance(&mut self, mut n: usize) {
        let of_gathered = n.min(self.gathered.len() - self.sent);
        self.sent += of_gathered;
        n -= of_gathered;
        if self.sent == self.gathered.len() {
            self.gathered.clear();
            self.sent = 0;
        } else if self.sent >= GATHER_BYTES {
            // A peer that never takes everything must not make it grow.
            self.gathered.drain(..self.sent);
            self.sent = 0;
        }
        let of_direct = n.min(self.direct.len());
        if of_direct == self.direct.len() {
            // Also lets go of what it was a part of.
            self.direct = Bytes::new();
        } else {
            self.direct = self.direct.slice(of_direct..);
        }
        n -= of_direct;
        let of_after = n.min(self.after.len());
        self.after = &self.after[of_after..];
        self.advance_file(n - of_after);
    }

    /// Makes it ready for another connection.
    pub fn clear(&mut self) {
        self.gathered.clear();
        self.gathered.shrink_to(KEEP_BYTES);
        self.sent = 0;
        self.direct = Bytes::new();
        self.after = b"";
        self.file = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_small_while_the_peer_never_takes_everything() {
        let mut output = Output::default();
        let mut expected = 0u8;
        let mut next = 0u8;
        for _ in 0..2000 {
            while output.has_room() {
                output.content(Bytes::from(vec![next; 1024]), b"");
                next = next.wrapping_add(1);
            }
            for at in output.sent..output.sent + 2048 {
                assert_eq!(output.gathered[at], expected.wrapping_add(((at - output.sent) / 1024) as u8));
            }
            output.advance(2048);
            expected = expected.wrapping_add(2);
            assert!(output.gathered.len() <= 2 * GATHER_BYTES + DIRECT_BYTES, "{}", output.gathered.len());
        }
    }

    struct Sample(std::fs::File);

    impl crate::http::Opened for Sample {
        fn file(&self) -> Option<&std::fs::File> {
            Some(&self.0)
        }
    }

    #[test]
    fn files_that_the_system_does_not_send_are_read() {
        let path = std::env::temp_dir().join(format!("armature-output-{}", std::process::id()));
        let content: Vec<u8> = (0..2 * GATHER_BYTES + 5).map(|n| (n / 7) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let file = std::sync::Arc::new(Sample(std::fs::File::open(&path).unwrap()));
        let mut output = Output::default();
        output.gathered().extend_from_slice(b"head");
        let length = content.len() as u64 - 3;
        output.file(FilePart { file, offset: 3, length, is_quick: false });
        assert!(!output.has_room() && output.unsent() == 4);
        output.advance(4);
        let mut read = Vec::new();
        while !output.is_empty() {
            output.read().unwrap();
            assert!(output.direct.len() <= GATHER_BYTES && output.unsent() == output.direct.len());
            read.extend_from_slice(&output.direct);
            output.advance(output.direct.len());
        }
        assert_eq!(read, &content[3..]);
        let file = std::sync::Arc::new(Sample(std::fs::File::open(&path).unwrap()));
        output.file(FilePart { file, offset: content.len() as u64, length: 1, is_quick: false });
        assert!(output.read().is_err(), "it has become shorter");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn advances_over_its_parts() {
        let whole: Vec<u8> = [&b"head"[..], &[b'x'; DIRECT_BYTES], b"\r\n"].concat();
        for cut in [1, 3, 4, 5, 4 + DIRECT_BYTES - 1, 4 + DIRECT_BYTES, whole.len() - 1, whole.len()] {
            let mut output = Output::default();
            output.gathered().extend_from_slice(b"head");
            output.content(Bytes::from(vec![b'x'; DIRECT_BYTES]), b"\r\n");
            assert!(!output.has_room());
            output.advance(cut);
            let left = [&output.gathered[output.sent..], &output.direct, output.after].concat();
            assert_eq!(left, &whole[cut..], "{cut}");
            assert_eq!(output.is_empty(), cut == whole.len());
        }
    }
}
