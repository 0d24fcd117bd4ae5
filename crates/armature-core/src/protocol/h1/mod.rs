//! HTTP/1.1 and 1.0 (RFC 9112).
//!
//! * `grammar` which bytes may stand where; `head` reads a head, `framing` judges it, `content` undoes chunks
//! * `connection` is the state machine: `receive` is its reading half, `answer` its writing half, `serving` the task that it is
//! * `work` is what a connection has while it is busy, `resting` what is left of it while a stream has nothing to say, `buffers`
//!   what all of a loop share, `counted` how much memory that is
//! * `body` is the way of a request body that has not arrived as a whole
//! * `encode` writes heads, `output` gathers what is written, `unsent` is what waits for a slow client, `linger` closes
//! * `upgrade` hands a connection over to another protocol
//! * `model` is the grammar once more, for `fuzzing` and tests, which compare

mod answer;
mod body;
mod buffers;
mod connection;
mod content;
mod counted;
pub(in crate::protocol) mod encode;
mod framing;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub(in crate::protocol) mod grammar;
mod head;
mod linger;
#[cfg(any(test, fuzzing))]
mod model;
mod output;
mod receive;
mod resting;
mod serving;
mod unsent;
mod upgrade;
mod work;

pub(in crate::protocol) use connection::Local;
pub(crate) use connection::loop_metrics;
pub use connection::serve;
pub(in crate::protocol) use linger::Linger;
pub(crate) use linger::last_words;
pub use linger::linger;

/// One head out of bytes that hold all of it, and its length; for `benches/head.rs`, and no part of the API.
#[doc(hidden)]
pub fn parse_head(
    input: &[u8],
    limits: &crate::config::Limits,
) -> Result<Option<(crate::http::Head, usize)>, crate::http::Problem> {
    let parsed = head::HeadParser::default().advance(input, &head::HeadLimits::from(limits))?;
    Ok(parsed.map(|(parsed, used)| (parsed.head, used)))
}
