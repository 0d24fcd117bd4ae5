//! Request bodies on their way to JavaScript, as fast as it grants credit.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use armature_bridge::SlotId;
use armature_bridge::record::{self, BodyFault, Kind};
use armature_core::http::{Body, BodyError, Frame};

use super::flow::Flow;
use super::lanes::LaneEnd;
use super::loop_side::LoopSide;

/// Largest piece in one record; a record must fit JavaScript's buffer.
const PIECE: usize = 64 * 1024;
/// Bytes that may wait in a lane before bodies pause.
const LANE_BYTES: usize = 4 << 20;
/// How often a pump looks whether its lane has room again.
const LANE_PAUSE: Duration = Duration::from_millis(10);

/// Moves `body` to JavaScript until it ends or `flow` is cancelled.
pub async fn run(flow: Rc<Flow>, side: Rc<LoopSide>, lane: Rc<LaneEnd>, slot: SlotId, mut body: Body) {
    while flow.has_credit().await {
        while lane.lane.depth().1 > LANE_BYTES && !flow.is_cancelled() {
            let pause = side.io_loop.sleep();
            pause.reset(LANE_PAUSE);
            pause.await;
        }
        let Some(frame) = flow.until_cancelled(poll_fn(|cx| body.poll_frame(cx))).await else { break };
        let pushed = match frame {
            Some(Ok(Frame::Data(data))) => {
                flow.spend(data.len());
                data.chunks(PIECE).try_for_each(|piece| {
                    lane.lane.push(|out| record::data(out, Kind::BodyData, slot, 0, piece))
                })
            }
            // Trailers are read and checked by the protocol; the public API has no place for them.
            Some(Ok(Frame::Trailers(_))) => continue,
            Some(Err(error)) => {
                let _ = lane.lane.push(|out| record::event(out, Kind::BodyError, slot, fault(error) as u32));
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

fn fault(error: BodyError) -> BodyFault {
    match error {
        BodyError::TooLarge => BodyFault::TooLarge,
        BodyError::Malformed => BodyFault::Malformed,
        BodyError::Timeout => BodyFault::Timeout,
        BodyError::Aborted | BodyError::Failed => BodyFault::Aborted,
    }
}
