//! What the fields of a head say about the message and its connection.

use super::grammar::{is_host, list, number};
use crate::http::Problem;

/// How long the content of a request is (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// Facts gathered field by field, judged when the head is complete.
#[derive(Debug, Default)]
pub(super) struct Facts {
    content_length: Option<u64>,
    transfer_encoding: bool,
    /// Set by the last coding seen so far.
    chunked_last: bool,
    chunked_before: bool,
    other_coding: bool,
    hosts: u32,
    close: bool,
    keep_alive: bool,
    upgrade_option: bool,
    upgrade: bool,
    pub expects: bool,
    pub unknown_expectation: bool,
}

impl Facts {
    /// Looks at one field; `name` in lower case.
    pub fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), Problem> {
        match name {
            b"host" => {
                self.hosts += 1;
                if self.hosts > 1 || !is_host(value) {
                    return Err(Problem::BAD_HOST);
                }
            }
            b"content-length" => {
                // A list of equal numbers may be repaired (RFC 9112 section 6.3); whoever sends one is not to be trusted.
                let length = number(value).ok_or(Problem::BAD_LENGTH)?;
                if self.content_length.replace(length).is_some() {
                    return Err(Problem::BAD_LENGTH);
                }
            }
            b"transfer-encoding" => {
                self.transfer_encoding = true;
                for coding in list(value) {
                    self.chunked_before |= self.chunked_last;
                    self.chunked_last = coding.eq_ignore_ascii_case(b"chunked");
                    self.other_coding |= !self.chunked_last;
                }
            }
            b"connection" => {
                for option in list(value) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    self.upgrade_option |= option.eq_ignore_ascii_case(b"upgrade");
                }
            }
            b"upgrade" => self.upgrade |= list(value).next().is_some(),
            b"expect" => {
                let known = value.eq_ignore_ascii_case(b"100-continue");
                self.expects |= known;
                self.unknown_expectation |= !known;
            }
            _ => {}
        }
        Ok(())
    }

    /// The length of the content, or why there is no telling.
    pub fn framing(&self, http10: bool) -> Result<Framing, Problem> {
        if !self.transfer_encoding {
            return Ok(Framing::Length(self.content_length.unwrap_or(0)));
        }
        // Two lengths, or a coding that an old intermediary did not see: the classic ways to smuggle a request.
        if self.content_length.is_some() || http10 {
            return Err(Problem::BAD_FRAMING);
        }
        if !self.chunked_last || self.chunked_before {
            return Err(Problem::BAD_CODING);
        }
        if self.other_coding {
            return Err(Problem::UNKNOWN_CODING);
        }
        Ok(Framing::Chunked)
    }

    pub fn has_length(&self) -> bool {
        self.content_length.is_some()
    }

    pub fn has_host(&self) -> bool {
        self.hosts == 1
    }

    /// Whether the client wants the connection to stay (RFC 9112 section 9.3).
    pub fn persists(&self, http10: bool) -> bool {
        !self.close && (!http10 || self.keep_alive)
    }

    /// Whether the client asks for another protocol in a way that counts (RFC 9110 section 7.8). One that also asks for the
    /// connection to be closed contradicts itself.
    pub fn upgrades(&self, http10: bool) -> bool {
        self.upgrade && self.upgrade_option && !http10 && !self.close
    }
}
