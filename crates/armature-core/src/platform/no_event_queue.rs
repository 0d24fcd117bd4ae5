//! Systems on which nobody else can wait for what a loop waits for.

use std::io;

/// Cannot exist here.
#[derive(Debug)]
pub struct EventQueue(std::convert::Infallible);

impl EventQueue {
    /// Always an error.
    ///
    /// # Errors
    /// Always.
    pub fn of(_: &mio::Poll) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "io: 'inline' needs epoll, which this system lacks"))
    }

    /// Never called: there is none.
    pub fn number(&self) -> i32 {
        match self.0 {}
    }
}
