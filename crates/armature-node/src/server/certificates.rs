//! Certificates of a server that runs.

use armature_bridge::{SlotId, record};
use armature_core::config::Tls;
use napi_derive::napi;

use super::NativeServer;
use crate::error::{Result, internal, js};

#[napi]
impl NativeServer {
    /// Takes `tls` (JSON) for the handshakes that begin from now on, of every listener with `tls` or of that at `address`.
    #[napi]
    pub fn set_tls(&self, tls: String, address: Option<String>) -> Result<()> {
        let value = serde_json::from_str(&tls).map_err(|e| internal(e.to_string()))?;
        let tls = Tls::parse("setTls()", value).map_err(js)?;
        self.hub.server.set_tls(&tls, address.as_deref()).map_err(js)
    }
}

/// Has certificates in files read anew when they change; what cannot be used is a warning for the thread that started `server`.
pub fn watch(server: &NativeServer) -> Result<()> {
    let lane = server.seed.lane.clone();
    let report = move |error: armature_core::error::Error| {
        let message = format!("{error}; the certificate of before stays in use");
        let slot = SlotId { slot: 0, generation: 0 };
        let _ = lane.push(|out| record::data(out, record::Kind::Warning, slot, 0, message.as_bytes()));
    };
    server.hub.server.watch_certificates(report).map_err(js)
}
