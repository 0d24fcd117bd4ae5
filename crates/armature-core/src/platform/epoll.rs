//! Linux: the epoll descriptor of a runtime, so that somebody else can wait for it.
//!
//! Tokio does not show it. The kernel does: a probe socket is registered with the runtime, and the one epoll instance of this
//! process that lists the probe is the runtime's.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// The event queue of a runtime; readable while events wait in it.
#[derive(Debug)]
pub struct EventQueue(i32);

impl EventQueue {
    /// That of the runtime whose context this is called in.
    ///
    /// # Errors
    /// When a descriptor is refused, or `/proc` does not tell.
    pub fn of_current_runtime() -> io::Result<Self> {
        let (probe, _peer) = UnixStream::pair()?;
        probe.set_nonblocking(true)?;
        let number = probe.as_raw_fd();
        let probe = tokio::net::UnixStream::from_std(probe)?;
        let found = queues_that_watch(number)?;
        drop(probe);
        // The runtime holds two descriptors of its queue; either will do.
        let Some(&queue) = found.first() else {
            return Err(io::Error::other("no event queue of this process lists the probe"));
        };
        if queues_that_watch(number)?.contains(&queue) {
            return Err(io::Error::other("the event queue still lists the probe that was removed"));
        }
        Ok(Self(queue))
    }

    /// The descriptor. It is open for as long as the runtime lives.
    pub fn number(&self) -> i32 {
        self.0
    }
}

/// The epoll descriptors of this process that watch descriptor `target`.
fn queues_that_watch(target: i32) -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    let descriptors = fs::read_dir("/proc/self/fd")
        .map_err(|error| io::Error::new(error.kind(), format!("/proc/self/fd cannot be read: {error}")))?;
    for entry in descriptors {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let is_queue = fs::read_link(format!("/proc/self/fd/{number}"))
            .is_ok_and(|link| link.as_os_str() == "anon_inode:[eventpoll]");
        if !is_queue {
            continue;
        }
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
        let watches = |line: &str| {
            line.strip_prefix("tfd:")
                .and_then(|rest| rest.split_whitespace().next()?.parse::<i32>().ok())
                .is_some_and(|watched| watched == target)
        };
        if info.lines().any(watches) {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runtime_has_its_own() {
        let make = || tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let (a, b) = (make(), make());
        let of = |runtime: &tokio::runtime::Runtime| {
            let _context = runtime.enter();
            EventQueue::of_current_runtime().unwrap().number()
        };
        assert_ne!(of(&a), of(&b));
        assert_eq!(of(&a), of(&a));
    }
}
