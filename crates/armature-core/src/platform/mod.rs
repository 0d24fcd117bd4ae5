//! The one seam for what differs between operating systems. What a platform lacks falls back or says so.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(unix)]
mod confined;
#[cfg(unix)]
pub use confined::*;
#[cfg(not(unix))]
mod no_confined;
#[cfg(not(unix))]
pub use no_confined::*;

#[cfg(unix)]
mod inherited;
#[cfg(unix)]
pub use inherited::*;
#[cfg(unix)]
mod owned_folder;
#[cfg(unix)]
pub use owned_folder::*;
#[cfg(unix)]
mod private;
#[cfg(unix)]
pub use private::*;
#[cfg(unix)]
mod socket_file;
#[cfg(unix)]
pub use socket_file::*;

#[cfg(not(unix))]
mod no_unix_files;
#[cfg(not(unix))]
pub use no_unix_files::*;

#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
pub use other::*;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use epoll::EventQueue;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod no_event_queue;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use no_event_queue::EventQueue;

#[cfg(target_os = "linux")]
mod sending;
#[cfg(target_os = "linux")]
pub use sending::*;
#[cfg(not(target_os = "linux"))]
mod no_sending;
#[cfg(not(target_os = "linux"))]
pub use no_sending::*;

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// All of them.
    Everywhere,
    /// Those that stay below the folder.
    Inside,
    /// None.
    Nowhere,
}

/// A name in a folder.
pub struct Listed {
    /// Without what is before it.
    pub name: String,
    /// Whether it is a folder; a link is none.
    pub is_folder: bool,
}

/// Whether events are edges, so that a read that did not fill its buffer need not be repeated.
pub const SHORT_READ_EMPTIES: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Whether an accepted connection has TCP_NODELAY when its listener has it, which saves a system call for each.
pub const INHERITS_NODELAY: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Flags of a send that is followed at once, by the end or by a file: the kernel keeps back a last packet that is not full, so that
/// FIN or content goes with it (`MSG_MORE`), and a peer that is gone raises no signal (`MSG_NOSIGNAL`).
pub const MORE: i32 = if cfg!(any(target_os = "linux", target_os = "android")) { 0x8000 | 0x4000 } else { 0 };

/// Whether an event queue forgets a descriptor that is closed, which saves a system call for each connection.
pub const CLOSING_DEREGISTERS: bool = cfg!(unix);
