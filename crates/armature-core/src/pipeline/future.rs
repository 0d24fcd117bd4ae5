//! The future of an answer: ready at once, or boxed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A local future that costs no allocation when the answer is ready.
pub enum LocalFuture<T> {
    /// The value is there; `None` after it was taken.
    Ready(Option<T>),
    /// The value comes later.
    Boxed(Pin<Box<dyn Future<Output = T>>>),
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
}

impl<T: Unpin> Future for LocalFuture<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match self.get_mut() {
            Self::Ready(value) => match value.take() {
                Some(value) => Poll::Ready(value),
                None => panic!("LocalFuture polled after it was ready"),
            },
            Self::Boxed(future) => future.as_mut().poll(cx),
        }
    }
}
