//! Linux: an event queue is a descriptor like any other, so somebody else can wait for it.

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

/// The event queue of a loop; readable while events wait in it.
#[derive(Debug)]
pub struct EventQueue(i32);

impl EventQueue {
    /// That of `queue`, which is asked whether it shows its events to others.
    ///
    /// # Errors
    /// When a descriptor is refused, or the queue does not show what happens.
    pub fn of(queue: &Poll) -> io::Result<Self> {
        let number = queue.as_raw_fd();
        let refused = |why: String| {
            let text = format!("io: 'inline' needs an event queue that others can wait for; {why}");
            io::Error::new(io::ErrorKind::Unsupported, text)
        };
        match shows_events(queue, number) {
            Ok(true) => Ok(Self(number)),
            Ok(false) => Err(refused("this one does not tell of its events".into())),
            Err(error) => Err(refused(error.to_string())),
        }
    }

    /// The descriptor. It is open for as long as the queue exists.
    pub fn number(&self) -> i32 {
        self.0
    }
}

/// Has something happen, and looks whether whoever waits for `number` is told of it: that, and nothing before.
fn shows_events(queue: &Poll, number: i32) -> io::Result<bool> {
    let (watched, mut other) = UnixStream::pair()?;
    let mut outer = Poll::new()?;
    outer.registry().register(&mut SourceFd(&number), Token(0), Interest::READABLE)?;
    let mut events = Events::with_capacity(1);
    outer.poll(&mut events, Some(Duration::ZERO))?;
    let was_quiet = events.is_empty();
    queue.registry().register(&mut SourceFd(&watched.as_raw_fd()), Token(0), Interest::READABLE)?;
    other.write_all(b"!")?;
    outer.poll(&mut events, Some(Duration::ZERO))?;
    let was_told = events.iter().any(mio::event::Event::is_readable);
    queue.registry().deregister(&mut SourceFd(&watched.as_raw_fd()))?;
    Ok(was_quiet && was_told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_has_its_own_and_shows_what_happens() {
        let (a, b) = (Poll::new().unwrap(), Poll::new().unwrap());
        let of = |queue: &Poll| EventQueue::of(queue).unwrap().number();
        assert_ne!(of(&a), of(&b));
        assert_eq!(of(&a), of(&a));
    }

    #[test]
    fn a_descriptor_that_shows_nothing_is_refused() {
        // The queue of somebody else does not tell what happens in ours.
        let (own, other) = (Poll::new().unwrap(), Poll::new().unwrap());
        assert!(!shows_events(&own, other.as_raw_fd()).unwrap());
    }
}
