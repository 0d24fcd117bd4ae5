//! Request bodies on their way to JavaScript, as fast as it grants credit.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use armature_bridge::record::{self, BodyFault, Kind};
use armature_bridge::{Credit, SlotId};
use armature_core::http::{Body, BodyError, Frame};

use super::loop_side::{LaneEnd, LoopSide};

/// Largest piece in one record; a record must fit JavaScript's buffer.
const PIECE: usize = 64 * 1024;
/// Bytes that may wait in a lane before bodies pause.
const LANE_BYTES: usize = 4 << 20;
/// How often a pump looks whether its lane has room again.
const LANE_PAUSE: Duration = Duration::from_millis(10);

/// Moves one body.
pub struct BodyPump {
    credit: Cell<Credit>,
    cancelled: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl BodyPump {
    pub fn new(bytes: u32) -> Rc<Self> {
        Rc::new(Self {
            credit: Cell::new(Credit::new(u64::from(bytes))),
            cancelled: Cell::new(false),
            waker: RefCell::default(),
        })
    }

    pub fn grant(&self, bytes: u32) {
        let mut credit = self.credit.get();
        credit.grant(u64::from(bytes));
        self.credit.set(credit);
        self.wake();
    }

    pub fn cancel(&self) {
        self.cancelled.set(true);
        self.wake();
    }

    fn wake(&self) {
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub async fn run(self: Rc<Self>, side: Rc<LoopSide>, lane: Rc<LaneEnd>, slot: SlotId, mut body: Body) {
        while self.has_credit().await {
            while lane.lane.depth().1 > LANE_BYTES && !self.cancelled.get() {
                let pause = side.io_loop.sleep();
                pause.reset(LANE_PAUSE);
                pause.await;
            }
            let frame = match self.next_frame(&mut body).await {
                Some(frame) => frame,
                None => break,
            };
            let pushed = match frame {
                Some(Ok(Frame::Data(data))) => {
                    let mut credit = self.credit.get();
                    credit.spend(data.len() as u64);
                    self.credit.set(credit);
                    data.chunks(PIECE).try_for_each(|piece| {
                        lane.lane.push(|out| record::data(out, Kind::BodyData, slot, 0, piece))
                    })
                }
                // Trailers are read and checked by the protocol; the public API has no place for them.
                Some(Ok(Frame::Trailers(_))) => continue,
                Some(Err(error)) => {
                    let _ =
                        lane.lane.push(|out| record::event(out, Kind::BodyError, slot, fault(error) as u32));
                    break;
                }
                None => {
                    let _ = lane.lane.push(|out| record::event(out, Kind::BodyEnd, slot, 0));
                    break;
                }
            };
            if pushed.is_err() {
                break;
            }
        }
        side.pump_ended(slot);
    }

    /// Waits for credit; false when cancelled.
    async fn has_credit(&self) -> bool {
        poll_fn(|cx| {
            if self.cancelled.get() {
                return Poll::Ready(false);
            }
            if self.credit.get().available() > 0 {
                return Poll::Ready(true);
            }
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// The next frame; the outer `None` when cancelled while waiting for the client.
    async fn next_frame(&self, body: &mut Body) -> Option<Option<Result<Frame, BodyError>>> {
        poll_fn(|cx| {
            if self.cancelled.get() {
                return Poll::Ready(None);
            }
            let frame = body.poll_frame(cx);
            if frame.is_pending() {
                *self.waker.borrow_mut() = Some(cx.waker().clone());
            }
            frame.map(Some)
        })
        .await
    }
}

fn fault(error: BodyError) -> BodyFault {
    match error {
        BodyError::TooLarge => BodyFault::TooLarge,
        BodyError::Malformed => BodyFault::Malformed,
        BodyError::Timeout => BodyFault::Timeout,
        BodyError::Aborted | BodyError::Failed => BodyFault::Aborted,
    }
}
