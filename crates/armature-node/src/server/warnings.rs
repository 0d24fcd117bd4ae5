//! What the operator of a server should know: warnings of the process, on the thread that started it.

use armature_bridge::{SlotId, record};

use super::NativeServer;

/// What a warning is about; `src/engine.ts` has the code of each.
#[derive(Clone, Copy)]
pub enum Subject {
    /// Certificates.
    Tls = 0,
    /// Answers that wait for slow clients.
    Unsent = 1,
}

/// Says what it is given, from any thread.
pub fn warner(server: &NativeServer, subject: Subject) -> impl Fn(String) + Clone + Send + Sync + 'static {
    let lane = server.seed.lane.clone();
    move |message: String| {
        let slot = SlotId { slot: 0, generation: 0 };
        let _ = lane
            .push(|out| record::data(out, record::Kind::Warning, slot, subject as u32, message.as_bytes()));
    }
}
