//! Linux, macOS and the BSDs.

use std::io;

pub use mio::net::UnixListener as LocalUnixListener;
pub use mio::net::UnixStream;
pub use std::os::unix::net::UnixListener;

/// EAFNOSUPPORT.
#[cfg(target_os = "linux")]
pub const ADDRESS_FAMILY_UNSUPPORTED: i32 = 97;
/// EAFNOSUPPORT.
#[cfg(not(target_os = "linux"))]
pub const ADDRESS_FAMILY_UNSUPPORTED: i32 = 47;

/// Lets a restarted server bind while old connections are in TIME_WAIT. A port that is listened on stays an error.
pub fn allow_rebind(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// A duplicate of `listener` for one loop.
pub fn duplicate_unix(listener: &UnixListener) -> io::Result<LocalUnixListener> {
    listener.try_clone().map(LocalUnixListener::from_std)
}

/// A connection that waits.
pub fn accept_unix(listener: &LocalUnixListener) -> io::Result<UnixStream> {
    listener.accept().map(|(stream, _)| stream)
}

/// A connection to the socket at `path`, for a task of tokio.
pub async fn connect_unix(path: &std::path::Path) -> io::Result<tokio::net::UnixStream> {
    tokio::net::UnixStream::connect(path).await
}

/// Reports a socket writable only while the kernel holds less than `bytes` that have not left. Connections inherit it
/// from their listener. Without it a slow reader would empty a third of a buffer of megabytes before a write succeeds
/// again, and would look stalled for as long.
pub fn limit_unsent(listener: &socket2::Socket, bytes: u32) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // A kernel that refuses serves slow readers less well, and everybody else the same.
    let _ = listener.set_tcp_notsent_lowat(bytes);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (listener, bytes);
}

/// Whether both are of one file.
pub fn is_same_file(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}
