//! The future of an answer: ready at once, kept by somebody, or boxed.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A local future that costs no allocation when the answer is ready, or when whoever makes it keeps it.
pub enum LocalFuture<T: 'static> {
    /// The value is there; `None` after it was taken.
    Ready(Option<T>),
    /// The value comes later from a table of its keeper.
    Kept(Kept<T>),
    /// The value comes later.
    Boxed(Pin<Box<dyn Future<Output = T>>>),
}

/// Keeps futures in a table of its own, by number, so that none of them needs a box.
pub trait Keeper<T> {
    /// Polls the future with number `key`; not called again for it once it was ready.
    fn poll(&self, key: u64, cx: &mut Context<'_>) -> Poll<T>;

    /// Drops the future with number `key`, which was not ready.
    fn drop_future(&self, key: u64);
}

/// A future that a [`Keeper`] has.
pub struct Kept<T: 'static> {
    /// `None` when there is nothing left to drop.
    keeper: Option<Rc<dyn Keeper<T>>>,
    key: u64,
}

impl<T> LocalFuture<T> {
    /// Boxes `future`.
    pub fn new(future: impl Future<Output = T> + 'static) -> Self {
        Self::Boxed(Box::pin(future))
    }

    /// An answer that needs no waiting.
    pub fn ready(value: T) -> Self {
        Self::Ready(Some(value))
    }

    /// The future with number `key` of `keeper`, which is told once: of its last poll, or that it was dropped.
    pub fn kept(keeper: Rc<dyn Keeper<T>>, key: u64) -> Self {
        Self::Kept(Kept { keeper: Some(keeper), key })
    }
}

impl<T: Unpin> Future for LocalFuture<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match self.get_mut() {
            Self::Ready(value) => match value.take() {
                Some(value) => Poll::Ready(value),
                None => panic!("LocalFuture polled after it was ready"),
            },
            Self::Kept(kept) => {
                let Some(keeper) = &kept.keeper else { panic!("LocalFuture polled after it was ready") };
                let answer = keeper.poll(kept.key, cx);
                if answer.is_ready() {
                    kept.keeper = None;
                }
                answer
            }
            Self::Boxed(future) => future.as_mut().poll(cx),
        }
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.drop_future(self.key);
        }
    }
}
