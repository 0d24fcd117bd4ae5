//! What a thread reports of the health of the application.

use napi_derive::napi;

use super::NativeServer;

#[napi]
impl NativeServer {
    /// The result of a check of layer number `layer`, by this thread. False when nobody wants to know any more.
    #[napi]
    pub fn report_health(&self, layer: u32, check: u32, passed: bool) -> bool {
        let book = &self.hub.wiring.health;
        book.report(self.seed.generation, self.seed.id, layer as usize, check as usize, passed)
    }

    /// The server is about to end: readiness fails from now on.
    #[napi]
    pub fn end_readiness(&self) {
        self.hub.wiring.health.end();
    }
}
