//! `Logger`: one line per request, written by a thread of its own.

mod clock;
mod code;
mod counted;
mod escape;
mod line;
mod options;
mod redact;
mod sample;

use std::cell::RefCell;
use std::io::IsTerminal;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

pub use options::{LogField, LogFormat, LoggerOptions, RedactOptions};

use crate::config::{LogOutput, LogSettings, LogStyle, TrustProxy};
use crate::error::Result;
use crate::http::{Body, Method, Request, Response};
use crate::io_loop::LoopHandle;
use crate::log::{LogSink, Notices};
use crate::pipeline::{Layer, LayerFactory, LocalFuture, Next};
use clock::Clock;
use counted::Counted;
use line::{Entry, Form, Noted};
use options::Checked;
use sample::{Dice, Sampling};

/// Buffers that a loop keeps for the next requests.
const KEPT: usize = 64;
/// Bytes that one of them may have.
const KEPT_BYTES: usize = 4096;

/// The options of an access log, checked.
#[derive(Debug)]
pub struct Logger(Checked);

/// What an access log takes from the application that it is for.
#[derive(Clone, Copy, Debug)]
pub struct LoggerContext<'a> {
    /// Its own log, whose form and output are the default.
    pub log: &'a LogSettings,
    /// The proxies that tell a client's address.
    pub trust: &'a TrustProxy,
    /// Patterns by the number of the route.
    pub routes: &'a Arc<[String]>,
}

/// Logs every request that passes.
#[derive(Debug)]
pub struct OpenLogger {
    form: Arc<Form>,
    sampling: Sampling,
    skip: Arc<[String]>,
    sink: LogSink,
}

/// The same on one loop.
#[derive(Debug)]
struct LoggerLayer {
    form: Arc<Form>,
    sampling: Sampling,
    skip: Arc<[String]>,
    sink: LogSink,
    clock: Clock,
    dice: Dice,
    /// Empty buffers.
    spare: RefCell<Vec<Vec<u8>>>,
    line: RefCell<Vec<u8>>,
}

impl Logger {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID`, which names the option.
    pub fn new(options: LoggerOptions) -> Result<Self> {
        options.check().map(Self)
    }

    /// Opens the output, for an application that has no options.
    ///
    /// # Errors
    /// Those of [`LogSink::open`].
    pub fn start(self) -> Result<OpenLogger> {
        let (log, trust, routes) = (LogSettings::default(), TrustProxy::default(), Arc::from([]));
        self.open(LoggerContext { log: &log, trust: &trust, routes: &routes })
    }

    /// Opens the output.
    ///
    /// # Errors
    /// Those of [`LogSink::open`].
    pub fn open(self, context: LoggerContext<'_>) -> Result<OpenLogger> {
        let Checked { format, output, queue, skip, sampling, fields, headers, response_headers, redact } =
            self.0;
        let format = format.unwrap_or(match context.log.format {
            LogStyle::Json => LogFormat::Json,
            LogStyle::Dev => LogFormat::Dev,
        });
        let output = output.unwrap_or_else(|| context.log.output.clone());
        let notices = match format {
            LogFormat::Dev => Notices::Text,
            LogFormat::Json => Notices::Json,
            LogFormat::Common | LogFormat::Combined => Notices::None,
        };
        let sink = LogSink::open(&output, queue.unwrap_or(context.log.queue), notices)?;
        let (trust, routes) = (context.trust.clone(), context.routes.clone());
        let colors = shows_colors(&output);
        let form = Form { format, fields, headers, response_headers, redact, trust, routes, colors };
        Ok(OpenLogger { form: Arc::new(form), sampling, skip: skip.into(), sink })
    }
}

impl OpenLogger {
    /// Where its lines go.
    pub fn sink(&self) -> &LogSink {
        &self.sink
    }
}

/// Whether people see `output` in a terminal that has colours (<https://no-color.org>).
pub fn shows_colors(output: &LogOutput) -> bool {
    let is_terminal = match output {
        LogOutput::Stdout => std::io::stdout().is_terminal(),
        LogOutput::Stderr => std::io::stderr().is_terminal(),
        LogOutput::File(_) => false,
    };
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

impl LoggerLayer {
    fn note(&self, request: &Request) -> Noted {
        let spare = self.spare.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(256));
        self.form.note(request, spare)
    }

    /// Logs `response`, or has its body do so when it comes piece by piece.
    fn answered(
        self: Rc<Self>,
        noted: Noted,
        started: Instant,
        is_head: bool,
        mut response: Response,
    ) -> Response {
        let (status, took) = (response.status.as_u16(), started.elapsed());
        if !self.sampling.keeps(status, took, &self.dice) {
            self.recycle(noted.text);
            return response;
        }
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let more = self.form.more(&response);
        let mut entry = Entry { time, took, status, bytes: 0, cut_off: false, more };
        if !is_head && !response.is_bodiless() {
            match response.body {
                Body::Bytes(ref bytes) => entry.bytes = bytes.len() as u64,
                Body::Stream(stream) => {
                    response.body = Counted::wrap(stream, self, noted, entry);
                    return response;
                }
                Body::Empty | Body::Upgrade(_) => {}
            }
        }
        self.write(noted, entry);
        response
    }

    fn write(&self, noted: Noted, entry: Entry) {
        let mut line = self.line.borrow_mut();
        line.clear();
        self.form.write(&mut line, &noted, &entry, &self.clock);
        self.sink.write(&line);
        drop(line);
        self.recycle(noted.text);
    }

    fn recycle(&self, mut buffer: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < KEPT && buffer.capacity() <= KEPT_BYTES {
            buffer.clear();
            spare.push(buffer);
        }
    }
}

impl Layer for LoggerLayer {
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        if self.skip.iter().any(|prefix| request.path().starts_with(prefix.as_str())) {
            return next.run(request);
        }
        let started = Instant::now();
        let is_head = request.method() == Method::HEAD;
        let noted = self.note(&request);
        match next.run(request) {
            LocalFuture::Ready(Some(response)) => {
                LocalFuture::ready(self.answered(noted, started, is_head, response))
            }
            future => LocalFuture::new(async move { self.answered(noted, started, is_head, future.await) }),
        }
    }
}

impl LayerFactory for OpenLogger {
    fn build(&self, _: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(LoggerLayer {
            form: self.form.clone(),
            sampling: self.sampling,
            skip: self.skip.clone(),
            sink: self.sink.clone(),
            clock: Clock::default(),
            dice: Dice::default(),
            spare: RefCell::default(),
            line: RefCell::default(),
        })
    }
}
