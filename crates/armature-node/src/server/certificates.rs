//! Certificates of a server that runs.

use armature_core::config::Tls;
use armature_core::error::Error;
use napi_derive::napi;

use super::NativeServer;
use super::warnings::{Subject, warner};
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

/// Has certificates in files read anew when they change, and those of authorities obtained; what goes wrong is a warning for the thread
/// that started `server`.
pub fn keep(server: &NativeServer) -> Result<()> {
    let warn = warner(server, Subject::Tls);
    let warn_too = warn.clone();
    let files = move |error: Error| warn(format!("{error}; the certificate of before stays in use"));
    server.hub.server.watch_certificates(files).map_err(js)?;
    server.hub.server.obtain_certificates(move |error| warn_too(error.to_string())).map_err(js)
}
