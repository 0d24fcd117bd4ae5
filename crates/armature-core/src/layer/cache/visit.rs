//! A request that the store has no answer for: it waits for another one that asks for the same, or goes to the handler.

use std::rc::Rc;
use std::sync::Arc;

use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode};

use super::asked::Asked;
use super::collect::{Collecting, Pending};
use super::conditional::{ask_for_validation, conditional};
use super::decide::{Storable, decide};
use super::entry::Entry;
use super::flights::{Join, Leader, Outcome, Waited};
use super::freshness::{Usable, now};
use super::note::{Forwarded, Why};
use super::store::{Found, Moment};
use super::{LocalCache, Turn};
use crate::http::{Body, Frame, Head, Request, Response, SizeHint};
use crate::layer::compress::Place;
use crate::pipeline::Next;

/// How often a request looks again for the answer of one that it waited for.
const ATTEMPTS: usize = 4;

/// A request on its way to the handler.
pub(super) struct Visit {
    pub asked: Asked,
    /// The key of the variant, as far as it is known.
    pub key: Vec<u8>,
    /// Bytes of it that do not depend on `Vary`.
    pub primary: usize,
    /// What is stored and has to be validated.
    pub stale: Option<Arc<Entry>>,
    pub why: Why,
    /// It waited for another one.
    pub collapsed: bool,
    /// The number of the newest purge below memory, if it was asked.
    pub position: Option<u64>,
    /// Whether it was looked for below memory.
    pub is_looked_for: bool,
}

impl Visit {
    /// One for which nothing is stored.
    pub fn new(asked: Asked, key: Vec<u8>, primary: usize) -> Self {
        let (why, collapsed, position, is_looked_for) = (Why::UriMiss, false, None, true);
        Self { asked, key, primary, stale: None, why, collapsed, position, is_looked_for }
    }

    /// One that nobody waits for, to replace `stale`.
    pub fn behind(asked: &Asked, key: Vec<u8>, primary: usize, stale: Arc<Entry>) -> Self {
        let asked = Asked { credentials: asked.credentials, ..Asked::default() };
        Self { stale: Some(stale), why: Why::Stale, ..Self::new(asked, key, primary) }
    }
}

/// A request that the handler has.
struct Sent {
    visit: Visit,
    /// The request as it came.
    head: Rc<Head>,
    /// It asks whether the stored answer is current.
    validates: bool,
    at: u64,
    moment: Moment,
}

impl LocalCache {
    /// Looks below memory, once for all who ask for the same now, and goes on.
    pub(super) async fn look_below(
        self: Rc<Self>,
        request: Request,
        next: Next,
        mut visit: Visit,
    ) -> Response {
        visit.is_looked_for = false;
        let Asked { head_only, control, .. } = visit.asked;
        if self.may_wait(&visit.asked) && !head_only && !control.only_if_cached {
            return self.visit(request, next, visit).await;
        }
        match self.find_below(&request, &mut visit).await {
            Some((response, behind)) => {
                self.refresh_behind(&request, &next, behind);
                response
            }
            None => self.miss(request, next, visit, false).await,
        }
    }

    /// The answer that is below memory, if it can be given, and what is to be fetched in its place.
    async fn find_below(
        self: &Rc<Self>,
        request: &Request,
        visit: &mut Visit,
    ) -> Option<(Response, Option<Visit>)> {
        if std::mem::replace(&mut visit.is_looked_for, true) {
            return None;
        }
        let levels = self.store.levels.as_ref()?;
        let patience = self.io_loop.sleep();
        let (found, moment) = self.store.find_below(levels, &mut visit.key, &request.head, &patience).await;
        visit.position = moment.position;
        let now = now();
        match self.consider(&found, &visit.asked, now) {
            Turn::Give { entry, note, is_renewed } => {
                let behind = is_renewed
                    .then(|| Visit::behind(&visit.asked, visit.key.clone(), visit.primary, entry.clone()));
                let note = note.filter(|_| self.store.options.status);
                Some((self.give(entry, &request.head, &visit.asked, now, note), behind))
            }
            Turn::Go(why, stale) => {
                visit.stale = stale;
                // Nothing there says less than what is known.
                if !matches!(found, Found::Nothing) {
                    visit.why = why;
                }
                None
            }
        }
    }

    /// Answers `request` when another one has its answer, or asks the handler.
    pub(super) async fn visit(self: Rc<Self>, request: Request, next: Next, mut visit: Visit) -> Response {
        let options = &self.store.options;
        let patience = self.io_loop.sleep();
        patience.reset(options.max_wait.duration());
        for _ in 0..ATTEMPTS {
            let follower = match self.store.flights.join(&visit.key, options.max_waiting) {
                Join::Lead(leader) => {
                    if let Some((response, behind)) = self.find_below(&request, &mut visit).await {
                        // First, because whoever fetches the new one leads a flight of the same key.
                        leader.land(Outcome::Stored);
                        self.refresh_behind(&request, &next, behind);
                        return response;
                    }
                    return self.fetch(request, next, visit, Some(leader)).await.0;
                }
                Join::Follow(follower) => follower,
                Join::Full => break,
            };
            visit.collapsed = true;
            match follower.wait(&patience).await {
                Waited::For(Outcome::Own) | Waited::Enough => break,
                Waited::For(Outcome::Failed) => {
                    let now = now();
                    let stale = visit.stale.as_ref();
                    let covers =
                        |entry: &&Arc<Entry>| entry.freshness.covers_error(now, &visit.asked.control);
                    let Some(entry) = stale.filter(covers) else { break };
                    self.counters.errors.add(1);
                    return self.give(
                        entry,
                        &request.head,
                        &visit.asked,
                        now,
                        self.forwarded(&visit, None, false),
                    );
                }
                Waited::For(Outcome::Stored) | Waited::Lost => {
                    visit.key.truncate(visit.primary);
                    let now = now();
                    let Found::Answer(entry) = self.store.find(&mut visit.key, &request.head, now) else {
                        continue;
                    };
                    let usable = entry.freshness.usable(now, &visit.asked.control);
                    if matches!(usable, Usable::Fresh | Usable::Meanwhile(_))
                        && self.may_have(&visit.asked, &entry)
                    {
                        self.counters.collapsed.add(1);
                        let note = self.forwarded(&visit, None, false);
                        return self.give(&entry, &request.head, &visit.asked, now, note);
                    }
                }
            }
        }
        self.fetch(request, next, visit, None).await.0
    }

    /// Asks the handler. The second value says whether the content is stored while somebody reads it.
    pub(super) async fn fetch(
        self: Rc<Self>,
        mut request: Request,
        next: Next,
        mut visit: Visit,
        leader: Option<Leader>,
    ) -> (Response, bool) {
        self.counters.misses.add(1);
        let mut moment = self.store.moment();
        moment.position = moment.position.max(visit.position);
        let at = now();
        let head = Rc::new(request.head.clone());
        let validates = ask_for_validation(&mut request.head, visit.stale.as_deref());
        let again = validates.then(|| (request.twin(request.id.clone()), next.clone()));
        let response = next.run(request).await;
        let is_validated = validates && response.status == StatusCode::NOT_MODIFIED;
        if is_validated && visit.stale.as_ref().is_some_and(|stale| !stale.is_meant_by(&response.headers)) {
            // It is about something that we do not have (RFC 9111 section 4.3.4).
            self.store.forget(&visit.key);
            visit.stale = None;
            if let Some((mut twin, next)) = again {
                twin.head.remove(IF_NONE_MATCH.as_str());
                twin.head.remove(IF_MODIFIED_SINCE.as_str());
                let response = next.run(twin).await;
                return self.answered(response, Sent { visit, head, validates: false, at, moment }, leader);
            }
        }
        self.answered(response, Sent { visit, head, validates, at, moment }, leader)
    }

    fn refresh_behind(self: &Rc<Self>, request: &Request, next: &Next, behind: Option<Visit>) {
        if let Some(visit) = behind {
            self.refresh(request, next, visit);
        }
    }

    /// Fetches a new answer while a stale one is given, unless somebody does already.
    pub(super) fn refresh(self: &Rc<Self>, request: &Request, next: &Next, visit: Visit) {
        let options = &self.store.options;
        let Some(place) = Place::take(&self.background, options.background) else { return };
        let Join::Lead(leader) = self.store.flights.join(&visit.key, 0) else { return };
        let twin = request.twin(self.io_loop.next_request_id());
        let (layer, next) = (self.clone(), next.clone());
        self.io_loop.spawn(async move {
            let _place = place;
            let (response, is_collected) = layer.fetch(twin, next, visit, Some(leader)).await;
            let mut body = response.body;
            // Read for the store alone; nobody else would.
            while is_collected && matches!(body.frame().await, Some(Ok(Frame::Data(_)))) {}
        });
    }

    /// What becomes of the handler's answer: it is stored, and given, or something else is given in its place.
    fn answered(
        self: Rc<Self>,
        mut response: Response,
        sent: Sent,
        leader: Option<Leader>,
    ) -> (Response, bool) {
        let came = now();
        let rules = &self.store.options.rules;
        let Sent { visit, .. } = &sent;
        let is_error = matches!(response.status.as_u16(), 500 | 502 | 503 | 504);
        if let Some(stale) = &visit.stale {
            if sent.validates && response.status == StatusCode::NOT_MODIFIED {
                return (self.validated(&response, &sent, came, leader), false);
            }
            if is_error && stale.freshness.covers_error(came, &visit.asked.control) {
                land(leader, Outcome::Failed);
                self.counters.errors.add(1);
                let note = self.forwarded(visit, Some(response.status), false);
                return (self.give(stale, &sent.head, &visit.asked, came, note), false);
            }
        }
        let storable = decide(response.status, &response.headers, &visit.asked, rules, (sent.at, came))
            .filter(|_| {
                let fits = |n| n <= rules.max_entry;
                !matches!(response.body, Body::Upgrade(_))
                    && !matches!(response.body.size_hint(), SizeHint::Exact(length) if !fits(length))
            });
        let (stored, collected) = match storable {
            Some(storable) => self.keep(&mut response, &sent, storable, leader),
            None => {
                // What it says in full is true instead of what was stored.
                if visit.stale.is_some() && !is_error {
                    self.store.forget(&visit.key);
                }
                if land(leader, if is_error { Outcome::Failed } else { Outcome::Own }) && !is_error {
                    self.store.stop_waiting(&visit.key, came);
                }
                (false, false)
            }
        };
        if !rules.send_tags {
            response.headers.remove(&rules.tag_header);
        }
        if visit.asked.conditional && !collected {
            response = conditional(response, &sent.head);
        }
        if let Some(note) = self.forwarded(visit, None, stored) {
            response.headers.append(super::note::CACHE_STATUS, note);
        }
        (response, collected)
    }

    /// Stores an answer that is complete, or has its body do so when it is. Says which.
    fn keep(
        self: &Rc<Self>,
        response: &mut Response,
        sent: &Sent,
        storable: Storable,
        leader: Option<Leader>,
    ) -> (bool, bool) {
        let fresh = storable.freshness;
        let pending = Pending {
            layer: self.clone(),
            key: sent.visit.key[..sent.visit.primary].to_vec(),
            head: sent.head.clone(),
            status: response.status,
            headers: response.headers.clone(),
            storable,
            moment: sent.moment,
        };
        match std::mem::take(&mut response.body) {
            body @ (Body::Empty | Body::Upgrade(_)) => {
                response.body = body;
                (self.land_stored(pending.store(Vec::new()), leader, fresh.is_fresh(now())), false)
            }
            Body::Bytes(bytes) => {
                let entry = pending.store(bytes.to_vec());
                response.body = bytes.into();
                (self.land_stored(entry, leader, fresh.is_fresh(now())), false)
            }
            body => {
                // Nobody waits until a client has read what it reads as slowly as it likes.
                land(leader, Outcome::Own);
                response.body = Collecting::wrap(body, pending);
                (false, true)
            }
        }
    }

    fn land_stored(&self, entry: Option<Arc<Entry>>, leader: Option<Leader>, is_fresh: bool) -> bool {
        let is_stored = entry.is_some();
        land(leader, if is_stored && is_fresh { Outcome::Stored } else { Outcome::Own });
        is_stored
    }

    /// The stored answer is current: it is stored anew with what the 304 says, and given.
    fn validated(
        self: &Rc<Self>,
        response: &Response,
        sent: &Sent,
        came: u64,
        leader: Option<Leader>,
    ) -> Response {
        let Sent { visit, head, .. } = sent;
        let Some(stale) = &visit.stale else { return Response::new(response.status) };
        self.counters.validated.add(1);
        let rules = &self.store.options.rules;
        let mut headers = stale.updated_headers(&response.headers);
        if !headers.contains(&rules.tag_header) {
            let tags = stale.tags.iter().filter_map(|tag| HeaderValue::from_bytes(tag).ok());
            headers.extend(tags.map(|tag| (rules.tag_header.clone(), tag)));
        }
        let note = self.forwarded(visit, Some(response.status), false);
        let times = (sent.at, came);
        let Some(storable) = decide(stale.status, &headers, &visit.asked, rules, times) else {
            // It may be given to this client, and to nobody else.
            self.store.forget(&visit.key);
            land(leader, Outcome::Own);
            headers.remove(&rules.tag_header);
            let mut full = Response { status: stale.status, headers, body: stale.body().clone().into() };
            if let Some(note) = note {
                full.headers.append(super::note::CACHE_STATUS, note);
            }
            return if visit.asked.conditional { conditional(full, head) } else { full };
        };
        let is_fresh = storable.freshness.is_fresh(came);
        let entry = Entry::new(stale.status, &headers, stale.body().clone(), &storable, rules).map(Arc::new);
        let Some(entry) = entry else {
            land(leader, Outcome::Own);
            return self.give(stale, head, &visit.asked, came, note);
        };
        let key = &visit.key[..visit.primary];
        let is_stored = self.store.put(key, head, &storable.vary, entry.clone(), sent.moment);
        self.land_stored(is_stored.then(|| entry.clone()), leader, is_fresh);
        self.give(&entry, head, &visit.asked, came, note)
    }

    fn forwarded(&self, visit: &Visit, status: Option<StatusCode>, stored: bool) -> Option<HeaderValue> {
        let Visit { why, collapsed, .. } = *visit;
        self.store.options.status.then(|| Forwarded { why, status, stored, collapsed }.value()).flatten()
    }
}

/// Returns whether anybody waited.
fn land(leader: Option<Leader>, outcome: Outcome) -> bool {
    leader.is_some_and(|leader| leader.land(outcome))
}
