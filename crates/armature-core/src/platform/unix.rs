//! Linux, macOS and the BSDs.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

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

/// Binds a Unix socket. A socket file that nobody listens on is left over from a crash and is replaced; anything else at
/// the path is an error.
pub fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path) => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
    .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
}

fn is_stale(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket())
        && matches!(std::os::unix::net::UnixStream::connect(path),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused)
}

/// A duplicate of `listener` for one loop.
pub fn duplicate_unix(listener: &UnixListener) -> io::Result<LocalUnixListener> {
    listener.try_clone().map(LocalUnixListener::from_std)
}

/// A connection that waits.
pub fn accept_unix(listener: &LocalUnixListener) -> io::Result<UnixStream> {
    listener.accept().map(|(stream, _)| stream)
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
