//! Who makes a value now, over all threads of the process, and who waits for that.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Those that wait for one value, at most: each thread waits once for it, whoever wants it there.
const WAITING: usize = 1000;

type Waiter = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(super) struct Claims(Mutex<HashMap<Arc<[u8]>, Vec<Waiter>>>);

/// The right to make a value, which nobody else has until this is dropped.
pub struct Claim {
    claims: Arc<Claims>,
    key: Arc<[u8]>,
}

/// What became of an attempt to get one.
pub enum Claimed {
    /// It is yours.
    Yours(Claim),
    /// Somebody else has it; the waiter is called when they are done, or gone.
    Wait,
    /// So many wait already.
    Full,
}

impl Claims {
    pub fn claim(self: &Arc<Self>, key: &[u8], waiter: impl FnOnce() + Send + 'static) -> Claimed {
        let mut claims = self.lock();
        match claims.entry(key.into()) {
            Entry::Occupied(waiting) if waiting.get().len() >= WAITING => Claimed::Full,
            Entry::Occupied(mut waiting) => {
                waiting.get_mut().push(Box::new(waiter));
                Claimed::Wait
            }
            Entry::Vacant(free) => {
                let key = free.key().clone();
                free.insert(Vec::new());
                Claimed::Yours(Claim { claims: self.clone(), key })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<[u8]>, Vec<Waiter>>> {
        // Nothing panics while the lock is held, so a poisoned state is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let waiting = self.claims.lock().remove(&self.key);
        waiting.into_iter().flatten().for_each(|waiter| waiter());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    #[test]
    fn one_has_it_and_the_others_hear_of_its_end() {
        let (claims, heard): (Arc<Claims>, Arc<AtomicUsize>) = Default::default();
        let join = |key: &[u8]| {
            let heard = heard.clone();
            claims.claim(key, move || {
                heard.fetch_add(1, Relaxed);
            })
        };
        let Claimed::Yours(claim) = join(b"a") else { panic!("the first has it") };
        assert!(matches!(join(b"a"), Claimed::Wait));
        assert!(matches!(join(b"b"), Claimed::Yours(_)));
        (1..WAITING).for_each(|_| assert!(matches!(join(b"a"), Claimed::Wait)));
        assert!(matches!(join(b"a"), Claimed::Full));
        assert_eq!(heard.load(Relaxed), 0);
        drop(claim);
        assert_eq!(heard.load(Relaxed), WAITING);
        assert!(matches!(join(b"a"), Claimed::Yours(_)));
        assert!(claims.lock().is_empty());
    }
}
