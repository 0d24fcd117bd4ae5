//! Certificates of a server that runs: given anew, or found renewed.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::Server;
use crate::config::Tls;
use crate::error::{Error, Result};
use crate::http::Address;
use crate::listener::Entrance;
use crate::listener::tls::Watch;
use crate::listener::tls::acme::{AcmeStatus, Keeper};

/// How often files are asked whether they have changed. What was changed is read when it has been the same twice.
const PERIOD: Duration = Duration::from_secs(1);

impl Server {
    /// Takes `tls` for the handshakes that begin from now on, on every listener that has `tls` or on that at `address`; open
    /// connections stay. Nothing changes when it cannot be used.
    ///
    /// # Errors
    /// `ARMATURE_TLS`; `ARMATURE_OPTION_INVALID` when there is no such listener.
    pub fn set_tls(&self, tls: &Tls, address: Option<&str>) -> Result<()> {
        let chosen: Vec<_> = self
            .encrypted()
            .filter(|(at, _)| address.is_none_or(|address| at.to_string() == address))
            .collect();
        if chosen.is_empty() {
            let which = address.map_or_else(String::new, |address| format!(" at '{address}'"));
            let known: Vec<_> = self.encrypted().map(|(at, _)| format!("'{at}'")).collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            return Err(Error::option_message(format!(
                "{}: no listener{which} has tls; those that have: {known}",
                tls.path
            )));
        }
        for (_, entrance) in chosen {
            if let Some(certificates) = &entrance.tls {
                certificates.replace(tls)?;
            }
        }
        Ok(())
    }

    /// Has certificates that are in files read anew when these change, until the server ends. `report` hears of those that cannot be
    /// used, on a thread of its own: those of before stay then.
    ///
    /// # Errors
    /// `ARMATURE_IO` when no thread can be started.
    pub fn watch_certificates(&self, report: impl Fn(Error) + Send + 'static) -> Result<()> {
        let watched: Vec<Arc<Entrance>> = self.encrypted().map(|(_, entrance)| entrance.clone()).collect();
        if watched.is_empty() {
            return Ok(());
        }
        let look = move || {
            let refreshed = watched.iter().filter_map(|entrance| entrance.tls.as_ref()?.refresh());
            refreshed.filter_map(Result::err).for_each(&report);
        };
        let watch = Watch::start(PERIOD, look).map_err(|e| Error::io("starting a thread", e))?;
        *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(watch);
        Ok(())
    }

    /// Gets the certificates of listeners with `tls.acme`, and renews them, until the server ends. `report` hears of what failed, on a
    /// thread of its own: what was there before stays then.
    ///
    /// # Errors
    /// `ARMATURE_IO` when no thread can be started.
    pub fn obtain_certificates(&self, report: impl Fn(Error) + Send + 'static) -> Result<()> {
        let options = self.shared.settings.listen.iter().map(|listen| listen.tls.as_ref());
        let with_tls = options.zip(&self.entrances).filter_map(|(tls, entrance)| Some((tls?, entrance)));
        let Some(challenges) = self.entrances.iter().find_map(|entrance| entrance.challenges.as_ref()) else {
            return Ok(());
        };
        let keeper = Keeper::start(with_tls, challenges, report);
        let keeper = keeper.map_err(|e| Error::io("starting a thread", e))?;
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = keeper;
        Ok(())
    }

    /// What there is of the certificates that the server gets by itself, for each listener with `tls.acme`.
    pub fn acme(&self) -> Vec<AcmeStatus> {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        keeper.as_ref().map(Keeper::statuses).unwrap_or_default()
    }

    fn encrypted(&self) -> impl Iterator<Item = (&Address, &Arc<Entrance>)> {
        self.addresses.iter().zip(&self.entrances).filter(|(_, entrance)| entrance.tls.is_some())
    }
}
