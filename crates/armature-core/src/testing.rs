//! A loopback client and server for tests: real sockets, blocking, strict about what it reads.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::{Config, Environment, Settings};
use crate::error::Result;
use crate::http::Address;
use crate::server::{App, Server};

/// How long a read may take before a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves `app` on a free port of 127.0.0.1 with one IO thread; `options` is JSON that overrides both.
///
/// # Errors
/// What [`Settings::resolve`], [`App::build`] and [`Server::start`] report.
pub fn serve(app: App, options: &str) -> Result<Server> {
    let base = Config::from_json(r#"{ "listen": "127.0.0.1:0", "io": 1 }"#)?;
    let settings = Settings::resolve(base.merge(Config::from_json(options)?), &Environment::default())?;
    Server::start(app.build()?, settings)
}

/// One connection.
pub struct Client<S = TcpStream> {
    stream: BufReader<S>,
}

/// A response as it came.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Fields with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Content, with chunked coding undone.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: Vec<(String, String)>,
}

impl Reply {
    /// First value of a field.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn find<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

impl Client {
    /// Connects to the first address of `server`.
    ///
    /// # Errors
    /// When there is none or it refuses.
    pub fn connect(server: &Server) -> io::Result<Self> {
        match server.addresses().first() {
            Some(Address::Ip(address)) => Self::to(*address),
            _ => Err(io::Error::other("the server has no TCP address")),
        }
    }

    /// Connects to `address`.
    ///
    /// # Errors
    /// When it refuses.
    pub fn to(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    /// Uses a connection that exists.
    ///
    /// # Errors
    /// When the socket is not one any more.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// The socket.
    pub fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }
}

impl<S: Read + Write> Client<S> {
    /// Speaks over `stream`, such as an encrypted one.
    pub fn on(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// What it speaks over.
    pub fn stream(&mut self) -> &mut S {
        self.stream.get_mut()
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the socket does not take them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// Sends a request without a body and reads the answer.
    ///
    /// # Errors
    /// What [`Client::read`] reports.
    pub fn get(&mut self, path: &str) -> io::Result<Reply> {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"))?;
        self.read()
    }

    /// Reads one response.
    ///
    /// # Errors
    /// When the connection ends first, or what comes is not a response.
    pub fn read(&mut self) -> io::Result<Reply> {
        self.read_for("GET")
    }

    /// Reads one response to a request with `method`: an answer to HEAD has no body.
    ///
    /// # Errors
    /// See [`Client::read`].
    pub fn read_for(&mut self, method: &str) -> io::Result<Reply> {
        let status_line = self.line()?;
        let status = status_line
            .strip_prefix("HTTP/1.1 ")
            .or_else(|| status_line.strip_prefix("HTTP/1.0 "))
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .ok_or_else(|| io::Error::other(format!("not a status line: {status_line:?}")))?;
        let headers = self.fields()?;
        let mut reply = Reply { status, headers, body: Vec::new(), trailers: Vec::new() };
        if method == "HEAD" || status == 204 || status == 304 || (100..200).contains(&status) {
            return Ok(reply);
        }
        if reply.header("transfer-encoding") == Some("chunked") {
            loop {
                let size_line = self.line()?;
                let size = usize::from_str_radix(&size_line, 16)
                    .map_err(|_| io::Error::other(format!("not a chunk size: {size_line:?}")))?;
                if size == 0 {
                    break;
                }
                let at = reply.body.len();
                reply.body.resize(at + size, 0);
                self.stream.read_exact(&mut reply.body[at..])?;
                if !self.line()?.is_empty() {
                    return Err(io::Error::other("a chunk does not end in CRLF"));
                }
            }
            reply.trailers = self.fields()?;
        } else if let Some(length) = reply.header("content-length").and_then(|v| v.parse().ok()) {
            reply.body.resize(length, 0);
            self.stream.read_exact(&mut reply.body)?;
        } else {
            self.stream.read_to_end(&mut reply.body)?;
        }
        Ok(reply)
    }

    /// Reads `n` bytes as they are, such as those of another protocol behind a 101.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn receive(&mut self, n: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; n];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether the server has closed its side and nothing is left to read.
    ///
    /// # Errors
    /// When the connection was reset or stays open.
    pub fn is_closed(&mut self) -> io::Result<bool> {
        Ok(self.stream.fill_buf()?.is_empty())
    }

    fn fields(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| io::Error::other(format!("not a field: {line:?}")))?;
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n") {
            Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
            None if line.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            None => Err(io::Error::other("a line does not end in CRLF")),
        }
    }
}
