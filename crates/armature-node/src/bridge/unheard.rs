//! Ends of WebSockets that no handler has heard of: there was no lane, or it closes before it is handed the news.
//!
//! A socket that outlives the thread of its handlers keeps its slot until a lane has heard of its end: for as long as it would wait
//! for a lane, when there is none; else until the lane's queue has been empty.

use std::rc::Rc;
use std::time::Duration;

use armature_bridge::SlotId;

use super::loop_side::LoopSide;
use super::socket_end::{Over, SocketEnd};

/// How often the loop looks whether lanes have taken what they were told.
const LOOK: Duration = Duration::from_millis(20);

impl LoopSide {
    /// The connection of a socket is over. `over` says whether its lane was told.
    pub(super) fn end_socket(self: &Rc<Self>, slot: SlotId, socket: &SocketEnd, over: Over) {
        let Some(revival) = socket.revival().filter(|_| !self.ends_events.get()) else {
            return drop(self.release(slot));
        };
        let was_told = over.was_told;
        *revival.over.borrow_mut() = Some(over);
        if was_told {
            let is_first = self.told.borrow().is_empty();
            self.told.borrow_mut().push(slot);
            if is_first {
                self.look_after_told();
            }
        }
    }

    /// Lets go of those of whom their lanes have heard.
    fn look_after_told(self: &Rc<Self>) {
        let (side, mut sleep) = (Rc::downgrade(self), self.io_loop.sleep());
        self.io_loop.spawn(async move {
            loop {
                sleep.reset(LOOK);
                (&mut sleep).await;
                let Some(side) = side.upgrade() else { return };
                let slots = side.told.take();
                let left: Vec<_> = slots.into_iter().filter(|slot| side.is_unheard(*slot)).collect();
                let mut told = side.told.borrow_mut();
                told.extend(left);
                if told.is_empty() {
                    return;
                }
            }
        });
    }

    /// Whether the end of a socket is still on its way to the lane that was told.
    fn is_unheard(&self, slot: SlotId) -> bool {
        let Some(socket) = self.socket_of(slot).filter(|socket| socket.was_told()) else { return false };
        let end = socket.lane();
        // Of a lane that has closed the loop hears, and then looks for another one.
        if end.lane.is_closed() || end.lane.depth().1 > 0 {
            return true;
        }
        drop(self.release(slot));
        false
    }

    /// The server closes: there will be no lane for what is over.
    pub(super) fn forget_what_is_over(&self) {
        for (slot, _) in self.sockets_of(|_| true).into_iter().filter(|(_, socket)| socket.is_over()) {
            drop(self.release(slot));
        }
    }

    /// Nobody takes the socket up.
    pub(super) fn let_go(&self, slot: SlotId, socket: &SocketEnd) {
        if socket.is_over() {
            drop(self.release(slot));
        } else {
            socket.lane_leaves();
        }
    }
}
