//! What every room shares: [`Request`], [`Response`], [`Body`] and their headers.
//!
//! The vocabulary (`Method`, `StatusCode`, `HeaderName`, `HeaderValue`) is the `http` crate's; nothing here knows how an
//! HTTP version looks on the wire.

mod body;
mod conditions;
mod file;
mod forwarded;
mod head;
mod headers;
mod id;
mod limited;
mod peer;
mod pool;
mod problem;
mod request;
mod response;
mod trailers;
mod upgrade;

pub use body::{Body, BodyError, BodyStream, Frame, SizeHint};
pub(crate) use conditions::{Verdict, judge, range_counts, whole_seconds};
pub use file::{FilePart, Opened};
pub use forwarded::Forwarded;
pub(crate) use forwarded::client_ip;
pub use head::{Head, Version};
pub use headers::{HeaderBlock, Headers};
pub use http::{HeaderName, HeaderValue, Method, StatusCode, header};
pub use id::RequestId;
pub(crate) use limited::limit;
pub use peer::{Address, Peer};
pub use pool::RequestPool;
pub use problem::Problem;
pub use request::{Automatic, CancelReason, Matched, Request, RequestContext, RequestParts};
pub use response::{ContentLength, Response};
pub use trailers::TrailerField;
pub(crate) use upgrade::Duplex;
pub use upgrade::{Upgrade, Upgraded};
