//! Message bodies of both directions.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::{FilePart, Upgrade};

/// A request or response body.
#[derive(Default)]
pub enum Body {
    /// No content.
    #[default]
    Empty,
    /// Content that is in memory already.
    Bytes(Bytes),
    /// Content that comes piece by piece.
    Stream(Pin<Box<dyn BodyStream>>),
    /// No content: the connection speaks another protocol behind the head. See [`Response::upgrade`](super::Response::upgrade).
    Upgrade(Box<Upgrade>),
}

/// A body that is produced while it is read. Polled by one task; `None` is the end.
pub trait BodyStream {
    /// The next piece, or `None` after the last one. Not polled again after `None` or an error.
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>>;

    /// Takes the next piece off as a part of a file, when it is one that whoever asks can have sent without reading it. `None`: it
    /// comes from [`BodyStream::poll_frame`]. Whoever looks at the content, or changes it, leaves it at that.
    fn next_file(self: Pin<&mut Self>) -> Option<FilePart> {
        None
    }

    /// How much is left, as far as it is known.
    fn size_hint(&self) -> SizeHint {
        SizeHint::Unknown
    }

    /// Bytes in memory that wait to be read.
    fn buffered(&self) -> usize {
        0
    }
}

/// One piece of a streamed body.
#[derive(Debug)]
pub enum Frame {
    /// Content; never empty.
    Data(Bytes),
    /// Trailer fields (RFC 9110 section 6.5), last of all.
    Trailers(http::HeaderMap),
}

/// What is known of a body's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeHint {
    /// Exactly this many bytes are left.
    Exact(u64),
    /// The end is found by reading.
    Unknown,
}

/// Why a body ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// More bytes than `limits.body` allows.
    TooLarge,
    /// The client closed the connection or reset the stream.
    Aborted,
    /// Chunk framing or trailers break the protocol, or the content is not what its coding says.
    Malformed,
    /// No byte arrived for `timeouts.body`.
    Timeout,
    /// The producer of the body failed.
    Failed,
}

impl BodyError {
    /// The stable code that JavaScript sees.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "ARMATURE_BODY_TOO_LARGE",
            Self::Aborted => "ARMATURE_BODY_ABORTED",
            Self::Malformed => "ARMATURE_BODY_MALFORMED",
            Self::Timeout => "ARMATURE_BODY_TIMEOUT",
            Self::Failed => "ARMATURE_BODY_FAILED",
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the body is larger than limits.body allows",
            Self::Aborted => "the client left before the body was complete",
            Self::Malformed => "the framing or the coding of the body is malformed",
            Self::Timeout => "no byte of the body arrived for timeouts.body",
            Self::Failed => "the producer of the body failed",
        })
    }
}

impl std::error::Error for BodyError {}

impl Body {
    /// A body that is produced by `stream`.
    pub fn stream(stream: impl BodyStream + 'static) -> Self {
        Self::Stream(Box::pin(stream))
    }

    /// A body made of chunks that are in memory; sent with unknown length.
    pub fn chunks(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        Self::stream(Chunks(chunks.into_iter().collect()))
    }

    /// What is known of the length.
    pub fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty | Self::Upgrade(_) => SizeHint::Exact(0),
            Self::Bytes(bytes) => SizeHint::Exact(bytes.len() as u64),
            Self::Stream(stream) => stream.size_hint(),
        }
    }

    /// Bytes in memory that wait to be read.
    pub fn buffered(&self) -> usize {
        match self {
            Self::Empty | Self::Upgrade(_) => 0,
            Self::Bytes(bytes) => bytes.len(),
            Self::Stream(stream) => stream.buffered(),
        }
    }

    /// Whether it is certain that nothing is left.
    pub fn is_empty(&self) -> bool {
        self.size_hint() == SizeHint::Exact(0)
    }

    /// The next piece, or `None` after the last one.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        match self {
            Self::Empty | Self::Upgrade(_) => Poll::Ready(None),
            Self::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then_some(Ok(Frame::Data(bytes))))
            }
            Self::Stream(stream) => stream.as_mut().poll_frame(cx),
        }
    }

    /// See [`BodyStream::next_file`].
    pub fn next_file(&mut self) -> Option<FilePart> {
        match self {
            Self::Stream(stream) => stream.as_mut().next_file(),
            _ => None,
        }
    }

    /// The next piece, or `None` after the last one.
    pub async fn frame(&mut self) -> Option<Result<Frame, BodyError>> {
        std::future::poll_fn(|cx| self.poll_frame(cx)).await
    }

    /// Reads everything, at most `limit` bytes.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] past `limit`, else what the stream reports.
    pub async fn collect(mut self, limit: u64) -> Result<Bytes, BodyError> {
        if matches!(self.size_hint(), SizeHint::Exact(n) if n > limit) {
            return Err(BodyError::TooLarge);
        }
        if let Self::Bytes(bytes) = self {
            return Ok(bytes);
        }
        let mut all = Vec::new();
        while let Some(frame) = self.frame().await {
            if let Frame::Data(data) = frame? {
                if (all.len() + data.len()) as u64 > limit {
                    return Err(BodyError::TooLarge);
                }
                all.extend_from_slice(&data);
            }
        }
        Ok(all.into())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream(stream) => write!(f, "Stream({:?})", stream.size_hint()),
            Self::Upgrade(upgrade) => upgrade.fmt(f),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Bytes(bytes) }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

struct Chunks(VecDeque<Bytes>);

impl BodyStream for Chunks {
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        Poll::Ready(self.0.pop_front().map(|chunk| Ok(Frame::Data(chunk))))
    }

    fn buffered(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }
}
