//! What a command comes to.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::redis::{ServerError, Value};
use tokio::sync::oneshot;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum RedisError {
    /// There is no connection; nothing was sent.
    Down,
    /// As many commands, or bytes, wait as may; nothing was sent.
    Busy,
    /// It took longer than `timeout`. The command may have been carried out.
    Timeout,
    /// The connection ended first. The command may have been carried out.
    Lost,
    /// Redis answered that it does not do this.
    Refused(ServerError),
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("there is no connection to Redis"),
            Self::Busy => f.write_str("too many commands wait for Redis"),
            Self::Timeout => f.write_str("Redis did not answer in time"),
            Self::Lost => f.write_str("the connection to Redis ended"),
            Self::Refused(error) => write!(f, "Redis refused the command: {error}"),
        }
    }
}

impl std::error::Error for RedisError {}

/// The answer to a command, when it is there. Any executor may poll it; dropping it does not take the command back.
#[must_use = "a command has failed when its reply says so"]
pub struct Reply(Inner);

enum Inner {
    Refused(RedisError),
    Waiting(oneshot::Receiver<Result<Value, RedisError>>),
}

impl Reply {
    pub(super) fn refused(error: RedisError) -> Self {
        Self(Inner::Refused(error))
    }

    pub(super) fn waiting(receiver: oneshot::Receiver<Result<Value, RedisError>>) -> Self {
        Self(Inner::Waiting(receiver))
    }

    /// The error, when it is known without waiting.
    pub fn failed(&self) -> Option<&RedisError> {
        match &self.0 {
            Inner::Refused(error) => Some(error),
            Inner::Waiting(_) => None,
        }
    }
}

impl Future for Reply {
    type Output = Result<Value, RedisError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Inner::Refused(error) => Poll::Ready(Err(error.clone())),
            // The thread has ended.
            Inner::Waiting(receiver) => {
                Pin::new(receiver).poll(cx).map(|answer| answer.unwrap_or(Err(RedisError::Lost)))
            }
        }
    }
}
