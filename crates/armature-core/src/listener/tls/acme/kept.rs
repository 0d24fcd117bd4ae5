//! One certificate that is kept: what is done when it is due, and when it is again.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::challenges::Challenges;
use super::failure::Failure;
use super::order;
use super::patience::{Patience, Stop};
use super::schedule;
use super::status::{AcmeState, AcmeStatus};
use super::storage::Storage;
use super::stored::Stored;
use crate::config::Acme;
use crate::error::Error;
use crate::listener::Entrance;
use crate::listener::tls::Certificates;

/// Another process is ordering: whether it has a certificate is looked at that often.
const LOCKED_PAUSE: Duration = Duration::from_secs(1);

/// What others can see of it.
pub(super) struct Line {
    acme: Acme,
    entrance: Arc<Entrance>,
    status: Mutex<AcmeStatus>,
}

impl Line {
    pub fn new(acme: &Acme, entrance: Arc<Entrance>) -> Self {
        Self { acme: acme.clone(), entrance, status: Mutex::new(AcmeStatus::new(acme)) }
    }

    /// As it is now.
    pub fn shown(&self) -> AcmeStatus {
        let mut shown = self.status().clone();
        if self.in_use().is_none() {
            shown.state = AcmeState::Replaced;
            shown.next = None;
        } else if shown.not_after.is_some_and(|end| end <= SystemTime::now()) {
            shown.state = AcmeState::Expired;
        }
        shown
    }

    /// `None` when the listener was given others.
    fn in_use(&self) -> Option<Option<Stored>> {
        self.certificates()?.obtained(&self.acme)
    }

    fn certificates(&self) -> Option<&Certificates> {
        self.entrance.tls.as_ref()
    }

    fn status(&self) -> MutexGuard<'_, AcmeStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, message: String) -> Error {
        Error::tls(&self.acme.path, message)
    }
}

/// See the module.
pub(super) struct Kept {
    line: Arc<Line>,
    challenges: Arc<Challenges>,
    stop: Stop,
    /// When there is something to do.
    pub due: SystemTime,
    /// Orders that have failed since one succeeded.
    failures: u32,
    /// A certificate that is in use and could not be written.
    unsaved: Option<String>,
}

impl Kept {
    pub fn new(line: Arc<Line>, challenges: Arc<Challenges>, stop: Stop) -> Self {
        let mut kept = Self { line, challenges, stop, due: SystemTime::now(), failures: 0, unsaved: None };
        if let Some(Some(stored)) = kept.line.in_use() {
            kept.uses(&stored);
        }
        kept
    }

    pub fn is_due(&self, now: SystemTime) -> bool {
        self.due <= now
    }

    pub fn is_replaced(&self) -> bool {
        self.line.in_use().is_none()
    }

    /// That handshakes fail as long as there is no certificate.
    pub fn nothing_yet(&self) -> Option<Error> {
        let nothing = self.line.certificates().is_some_and(Certificates::is_empty);
        let names = self.line.acme.domains.join(", ");
        let message = format!("there is no certificate for {names} yet: handshakes fail until there is");
        nothing.then(|| self.line.error(message))
    }

    /// Does what is due, and says when it is again; returns what is to be reported.
    pub fn turn(&mut self) -> Option<Error> {
        let in_use = self.line.in_use()?;
        let outcome = match self.lock() {
            Ok(Some((storage, _locked))) => self.renew(&storage, in_use.as_ref()),
            // Somebody else is at it.
            Ok(None) => {
                self.look_at(SystemTime::now() + LOCKED_PAUSE);
                Ok(())
            }
            Err(failure) => Err(failure),
        };
        let failure = outcome.err().filter(|failure| !failure.stopped)?;
        self.failures += 1;
        Some(self.failed(
            failure.to_string(),
            schedule::pause(&self.line.acme, self.failures, failure.retry_after),
        ))
    }

    /// The turn has ended in a way that it must not.
    pub fn panicked(&mut self) -> Error {
        self.failed("internal error".into(), self.line.acme.retry_max)
    }

    fn failed(&mut self, message: String, pause: Duration) -> Error {
        self.look_at(SystemTime::now() + pause);
        let mut status = self.line.status();
        status.failed += 1;
        status.ordering = false;
        status.error = Some(message.clone());
        drop(status);
        let is_used = self.line.in_use().flatten().is_some();
        let stays = if is_used { "; the certificate in use stays" } else { "" };
        self.line.error(format!("{message}{stays}; tried again in {} s", pause.as_secs_f32().ceil()))
    }

    /// With the lock. What somebody else has obtained meanwhile is as good.
    fn renew(&mut self, storage: &Storage, in_use: Option<&Stored>) -> Result<(), Failure> {
        let line = self.line.clone();
        self.save(storage)?;
        let kept = storage.certificate().map_err(|e| Failure::new(format!("the storage: {e}")))?;
        let found = kept.and_then(|pem| Stored::read(&line.acme, &pem).ok());
        let best = found.as_ref().into_iter().chain(in_use).max_by_key(|one| one.validity.not_after);
        if let Some(best) =
            best.filter(|best| schedule::renewal(&line.acme, best.validity) > SystemTime::now())
        {
            return self.take(best.clone());
        }
        line.status().ordering = true;
        let patience = Patience::new(&self.stop, line.acme.timeout);
        let obtained = order::obtain(&line.acme, storage, &self.challenges, &patience);
        line.status().ordering = false;
        let pem = obtained?;
        let certificate = Stored::read(&line.acme, pem.as_bytes())
            .map_err(|why| Failure::new(format!("the certificate of the authority cannot be used: {why}")))?;
        self.unsaved = Some(pem);
        let taken = self.take(certificate);
        // Whoever sees it counted finds it in use.
        line.status().obtained += 1;
        taken?;
        // Who orders anew at once when it is due already would do so forever.
        self.look_at(self.due.max(SystemTime::now() + line.acme.retry));
        self.save(storage)
    }

    /// Writes what is in use and was not written.
    fn save(&mut self, storage: &Storage) -> Result<(), Failure> {
        if let Some(pem) = &self.unsaved {
            let path = storage.certificate_path();
            storage
                .keep_certificate(pem.as_bytes())
                .map_err(|e| Failure::new(format!("'{}' cannot be written: {e}", path.display())))?;
            self.unsaved = None;
        }
        Ok(())
    }

    fn lock(&self) -> Result<Option<(Storage, File)>, Failure> {
        let folder = &self.line.acme.storage;
        let storage = Storage::open(&self.line.acme);
        let locked = storage.and_then(|storage| Ok(storage.lock()?.map(|file| (storage, file))));
        locked.map_err(|e| Failure::new(format!("the storage '{}': {e}", folder.display())))
    }

    /// Takes `certificate` into use.
    fn take(&mut self, certificate: Stored) -> Result<(), Failure> {
        if let Some(certificates) = self.line.certificates() {
            certificates
                .take(&self.line.acme, certificate.clone())
                .map_err(|e| Failure::new(format!("it cannot be used: {e}")))?;
        }
        self.failures = 0;
        self.line.status().error = None;
        self.uses(&certificate);
        Ok(())
    }

    fn uses(&mut self, certificate: &Stored) {
        let mut status = self.line.status();
        status.state = AcmeState::Valid;
        status.not_after = Some(certificate.validity.not_after);
        drop(status);
        self.look_at(schedule::renewal(&self.line.acme, certificate.validity));
    }

    fn look_at(&mut self, due: SystemTime) {
        self.due = due;
        self.line.status().next = Some(due);
    }
}
