//! A streamed answer that has nothing to say at the moment, which may go on for hours: what is left of a connection's
//! [`Work`] then. The rest of it goes back to the loop, and the next piece of the stream finds it there.

use std::rc::Rc;

use super::connection::Connection;
use super::encode::Asked;
use super::work::{Answer, Exchange, Work, Writing};
use crate::http::RequestContext;
use crate::protocol::Dispatch;

/// See the module. Boxed by its connection: most have none.
pub(super) struct Resting {
    writing: Writing,
    context: Rc<RequestContext>,
    asked: Asked,
    persists: bool,
    safe: bool,
    owes_continue: bool,
    told: bool,
}

impl<D: Dispatch + 'static> Connection<D> {
    /// Nothing is done until the next look.
    pub fn rest(&mut self) {
        let Some(resting) = self.work.as_mut().and_then(|work| work.rest()) else { return };
        self.resting = Some(Box::new(resting));
        if let Some(work) = self.work.take() {
            self.local.buffers.recycle(work);
        }
    }

    /// Somebody looks.
    pub fn go_on(&mut self) {
        if let Some(resting) = self.resting.take() {
            self.busy().resume(*resting);
        }
    }
}

impl Work {
    /// Takes the answer out when it is the only thing that is going on; nothing else is left in here then.
    fn rest(&mut self) -> Option<Resting> {
        let is_alone = self.exchanges.len() == 1
            && self.input.is_empty()
            && self.output.is_empty()
            && self.channel.is_none()
            && self.debt.is_none()
            && !self.alone
            && !self.has_begun();
        let writing = self.writing.take_if(|_| is_alone)?;
        let Exchange { context, asked, persists, safe, owes_continue, .. } = self.exchanges.pop_front()?;
        let told = std::mem::take(&mut self.told);
        Some(Resting { writing, context, asked, persists, safe, owes_continue, told })
    }

    /// Takes it back.
    fn resume(&mut self, resting: Resting) {
        let Resting { writing, context, asked, persists, safe, owes_continue, told } = resting;
        let (answer, in_flight) = (Answer::Taken, None);
        self.exchanges.push_back(Exchange {
            answer,
            in_flight,
            context,
            asked,
            persists,
            safe,
            owes_continue,
        });
        self.writing = Some(writing);
        self.told = told;
    }
}
