//! What a connection has while it is busy, and gives back while it waits: see also [`resting`](super::resting).

use std::collections::VecDeque;
use std::rc::Rc;

use super::body::Channel;
use super::counted::Counted;
use super::encode::{Asked, Delimiter};
use super::head::HeadParser;
use super::output::Output;
use super::unsent::{self, Unsent};
use crate::http::{Body, CancelReason, RequestContext, Response};
use crate::metrics::InFlight;
use crate::pipeline::LocalFuture;
use crate::protocol::unsent::Debt;

/// An input buffer that has grown beyond this is given back to the allocator.
pub(super) const KEEP_BYTES: usize = 16 * 1024;
/// So is room for more exchanges than this.
const KEEP_EXCHANGES: usize = 32;

/// One request and the answer to come.
pub(super) struct Exchange {
    pub answer: Answer,
    /// Until the head of the answer is there.
    pub in_flight: Option<InFlight>,
    pub context: Rc<RequestContext>,
    pub asked: Asked,
    /// Further requests may follow on the connection, as far as this one says.
    pub persists: bool,
    /// Safe (RFC 9110 section 9.2.1): may be handled beside others of the connection.
    pub safe: bool,
    /// A 100 is due before a 101 (RFC 9110 section 7.8).
    pub owes_continue: bool,
}

pub(super) enum Answer {
    Waiting(LocalFuture<Response>),
    Ready(Response),
    /// It is being written.
    Taken,
}

/// A response whose head has been written and whose content comes piece by piece.
pub(super) struct Writing {
    pub body: Body,
    pub delimiter: Delimiter,
    pub close: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Work {
    /// Received and not yet understood.
    pub input: Vec<u8>,
    pub parser: HeadParser,
    /// `input` begins with a request that asks for another protocol, which waits until it is the only one.
    pub alone: bool,
    /// In the order of the requests; the first one is being answered.
    pub exchanges: VecDeque<Exchange>,
    /// The content of the first one's answer.
    pub writing: Option<Writing>,
    /// The body of the last request, while it has not been read to its end.
    pub channel: Option<Rc<Channel>>,
    pub output: Output,
    /// Those who work on answers know that the peer has left, which was noticed while nothing was read.
    pub told: bool,
    /// There are answers that were not there when somebody last asked.
    pub news: bool,
    /// Bytes that the socket has taken since then.
    pub taken: usize,
    /// Has the answers while they wait for the client and are much: between two looks at the connection.
    pub debt: Option<Debt<Unsent>>,
    /// What the loop's metrics know of the buffers in here.
    pub counted: Counted,
}

impl Work {
    /// Whether nothing is going on.
    pub fn is_idle(&self) -> bool {
        self.exchanges.is_empty() && self.input.is_empty() && self.channel.is_none() && self.output.is_empty()
    }

    /// Whether a part of a request is there that could not begin yet.
    pub fn has_begun(&self) -> bool {
        self.parser.has_begun(&self.input)
    }

    /// Whether all requests in progress may be handled side by side.
    pub fn all_safe(&self) -> bool {
        self.exchanges.iter().all(|exchange| exchange.safe)
    }

    /// Tells everybody who works on an answer that nobody will take it.
    pub fn cancel(&self, reason: CancelReason) {
        for exchange in &self.exchanges {
            exchange.context.cancel(reason);
        }
    }

    /// Makes it ready for another connection.
    pub fn clear(&mut self) {
        self.input.clear();
        self.input.shrink_to(KEEP_BYTES);
        self.parser.restart();
        self.alone = false;
        self.exchanges.clear();
        self.exchanges.shrink_to(KEEP_EXCHANGES);
        self.writing = None;
        self.channel = None;
        self.output.clear();
        self.told = false;
        (self.news, self.taken) = (false, 0);
        self.debt = None;
    }

    /// Bytes of answers that wait for the peer, or for an earlier answer.
    pub fn unsent(&self) -> usize {
        unsent::bytes(&self.output, self.writing.as_ref(), &self.exchanges)
    }

    /// The answers, for somebody who keeps them meanwhile.
    pub fn lend(&mut self) -> Unsent {
        let (output, exchanges) = (std::mem::take(&mut self.output), std::mem::take(&mut self.exchanges));
        Unsent { output, writing: self.writing.take(), exchanges }
    }

    /// The same back.
    pub fn take_back(&mut self, unsent: Unsent) {
        Unsent { output: self.output, writing: self.writing, exchanges: self.exchanges } = unsent;
    }
}
