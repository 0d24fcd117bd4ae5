//! TLS 1.2 and 1.3 with rustls: certificates, handshakes, and the encrypted stream.
//!
//! * `load` makes what a listener needs of the options: files, keys, names
//! * `names` chooses the certificate
//! * `acme` gets certificates from an authority, and proves to it that a name is ours
//! * `handshake` is the time before the first byte of HTTP, `session` everything behind it
//! * `watch` looks for files that have changed
//! * `info` is what a request can know of its connection

pub mod acme;
mod handshake;
mod info;
mod load;
mod names;
mod session;
mod watch;

pub use handshake::{Failed, Handshake, Secured};
pub use info::TlsInfo;
pub(crate) use load::{chain_and_key, roots};
pub use session::TlsStream;
pub use watch::Watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustls::server::{Acceptor, ProducesTickets};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};

use acme::{Challenges, Stored};
use handshake::Choice;
use load::Material;

use super::Transport;
use crate::config::{Acme, Tls};
use crate::error::Result;

/// The protocol that both sides have agreed on (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1, also without an agreement.
    Http1,
    /// HTTP/2.
    Http2,
    /// None: an authority makes sure that a name is ours, and that is all (RFC 8737).
    Acme,
}

impl Alpn {
    /// The names that are offered, the best first.
    const OFFERED: [&'static [u8]; 2] = [b"h2", b"http/1.1"];
    /// The name that is offered over QUIC.
    const QUIC: &'static [u8] = b"h3";

    /// The name that only an authority uses.
    const ACME: &'static [u8] = b"acme-tls/1";

    fn of(agreed: Option<&[u8]>) -> Self {
        match agreed {
            Some(b"h2") => Self::Http2,
            Some(Self::ACME) => Self::Acme,
            _ => Self::Http1,
        }
    }
}

/// The certificates of a listener. All loops share it; new ones are for the handshakes that begin then.
#[derive(Debug)]
pub struct Certificates {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tls: Arc<Tls>,
    material: Material,
    /// What `tls.acme` has brought.
    obtained: Option<Stored>,
    config: Arc<ServerConfig>,
    /// What was made of a `config` for QUIC.
    quic: Option<(Arc<ServerConfig>, Arc<ServerConfig>)>,
    /// The files as they were when `config` was made, or could not be made.
    files: Stamps,
    /// Other ones that were seen since: they may still be written.
    changing: Option<Stamps>,
}

impl Certificates {
    /// Reads what `tls` names.
    ///
    /// # Errors
    /// `ARMATURE_TLS`, naming the option and the file.
    pub fn load(tls: &Tls) -> Result<Self> {
        let files = Stamps::of(tls);
        let material = Material::read(tls)?;
        let obtained = tls.acme.as_ref().map(Stored::find).transpose()?.flatten();
        let config = material.config(obtained.as_ref().map(|stored| &stored.key), None)?;
        Ok(Self { state: Mutex::new(State::new(tls, material, obtained, config, files)) })
    }

    /// Takes `tls` for all handshakes from now on. What is open stays as it is.
    ///
    /// # Errors
    /// `ARMATURE_TLS`; what was there before stays then.
    pub fn replace(&self, tls: &Tls) -> Result<()> {
        let files = Stamps::of(tls);
        let tickets = self.lock().tickets_for(tls);
        let material = Material::read(tls)?;
        let config = material.config(None, tickets)?;
        *self.lock() = State::new(tls, material, None, config, files);
        Ok(())
    }

    /// Reads its files anew when they have changed, and not since the last call: a certificate and its key are not written at once.
    /// `None` when there was nothing to do.
    ///
    /// # Errors
    /// `ARMATURE_TLS`, once for each change; what was there before stays then.
    pub fn refresh(&self) -> Option<Result<()>> {
        let (tls, tickets) = {
            let state = self.lock();
            (state.tls.clone(), state.tickets_for(&state.tls))
        };
        // No lock is held while the disk is asked.
        let found = Stamps::of(&tls);
        {
            let mut state = self.lock();
            if found == state.files || !Arc::ptr_eq(&tls, &state.tls) {
                state.changing = None;
                return None;
            }
            if state.changing.as_ref() != Some(&found) {
                state.changing = Some(found);
                return None;
            }
        }
        let read = Material::read(&tls);
        let mut state = self.lock();
        if !Arc::ptr_eq(&tls, &state.tls) {
            // Somebody has given others meanwhile.
            return None;
        }
        state.files = found;
        state.changing = None;
        Some(read.and_then(|material| {
            state.config = material.config(state.obtained_key(), tickets)?;
            state.material = material;
            Ok(())
        }))
    }

    /// What of `acme` is in use; `None` when these certificates are no longer those that `acme` belongs to.
    fn obtained(&self, acme: &Acme) -> Option<Option<Stored>> {
        let state = self.lock();
        (state.tls.acme.as_ref() == Some(acme)).then(|| state.obtained.clone())
    }

    /// Whether clients get no certificate at all.
    fn is_empty(&self) -> bool {
        let state = self.lock();
        state.material.is_empty() && state.obtained.is_none()
    }

    /// Takes what `acme` has brought for all handshakes from now on. What is open stays as it is.
    fn take(&self, acme: &Acme, obtained: Stored) -> Result<()> {
        let mut state = self.lock();
        if state.tls.acme.as_ref() == Some(acme) {
            let tickets = state.tickets_for(&state.tls);
            state.config = state.material.config(Some(&obtained.key), tickets)?;
            state.obtained = Some(obtained);
        }
        Ok(())
    }

    /// Begins the handshake of a connection, of which `early` has been read already; it may be that of an authority that `challenges`
    /// wait for.
    ///
    /// # Errors
    /// When what was read is no handshake.
    pub fn greet(
        &self,
        transport: Transport,
        early: &[u8],
        challenges: Option<&Arc<Challenges>>,
    ) -> std::result::Result<Handshake, Failed> {
        let usual = self.config();
        match challenges.filter(|challenges| challenges.await_handshakes()) {
            Some(challenges) => {
                let choice = Choice { acceptor: Acceptor::default(), challenges: challenges.clone(), usual };
                Handshake::choosing(transport, choice, early)
            }
            None => {
                let connection = ServerConnection::new(usual);
                let connection = connection.map_err(|e| Failed::Refused(std::io::Error::other(e)))?;
                Handshake::new(transport, connection, early)
            }
        }
    }

    /// What handshakes of QUIC are made with from now on; the same until other certificates are taken.
    pub fn quic(&self) -> Arc<ServerConfig> {
        let mut state = self.lock();
        if let Some((of, quic)) = &state.quic
            && Arc::ptr_eq(of, &state.config)
        {
            return quic.clone();
        }
        let mut own = ServerConfig::clone(&state.config);
        own.alpn_protocols = vec![Alpn::QUIC.to_vec()];
        let quic = Arc::new(own);
        state.quic = Some((state.config.clone(), quic.clone()));
        quic
    }

    fn config(&self) -> Arc<ServerConfig> {
        self.lock().config.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(
        tls: &Tls,
        material: Material,
        obtained: Option<Stored>,
        config: Arc<ServerConfig>,
        files: Stamps,
    ) -> Self {
        Self { tls: Arc::new(tls.clone()), material, obtained, config, quic: None, files, changing: None }
    }

    fn obtained_key(&self) -> Option<&Arc<CertifiedKey>> {
        self.obtained.as_ref().map(|stored| &stored.key)
    }

    /// What the sessions of now go on with under `tls`. Another certificate is no reason to end them; but a session remembers its
    /// client's certificate, and who is asked for one has to be judged by what is valid now.
    fn tickets_for(&self, tls: &Tls) -> Option<Arc<dyn ProducesTickets>> {
        let nobody_asks = self.tls.client_auth.is_none() && tls.client_auth.is_none();
        nobody_asks.then(|| self.config.ticketer.clone())
    }
}

/// When files were changed, and how long they are; `None` for one that cannot be asked.
#[derive(Debug, PartialEq, Eq)]
struct Stamps(Vec<Option<(SystemTime, u64)>>);

impl Stamps {
    fn of(tls: &Tls) -> Self {
        let stamp = |path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        Self(tls.files().map(stamp).collect())
    }
}
