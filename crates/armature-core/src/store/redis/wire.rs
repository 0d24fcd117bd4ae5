//! The socket to a Redis.

use std::io;

use ::redis::ConnectionAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::RedisSettings;
use crate::platform;

/// Bytes in both directions.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

pub(super) async fn open(settings: &RedisSettings) -> io::Result<Box<dyn Wire>> {
    match settings.server.addr() {
        ConnectionAddr::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            match &settings.secure {
                Some(secure) => Ok(Box::new(secure.connect(host, stream).await?)),
                None => Ok(Box::new(stream)),
            }
        }
        ConnectionAddr::Unix(path) => Ok(Box::new(platform::connect_unix(path).await?)),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "this kind of address is not supported")),
    }
}
