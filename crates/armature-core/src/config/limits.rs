//! The options `limits`: what one client, or all together, may use.

use std::{ops::RangeInclusive, time::Duration};

use serde::Deserialize;

use super::{millis::Millis, names::Names, range::within, size::Size, timeouts::TimeoutsConfig};
use crate::error::{Error, Result};

/// Bounds on what clients may send and on what is kept for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "LimitOptions", optional_fields = nullable))]
pub struct LimitsConfig {
    /// Largest request body, also when it is streamed; a route may raise it. Beyond it the answer is 413.
    /// From 1b to 1tb, by default 1mb.
    pub body: Option<Size>,
    /// Largest request head: the request line and all fields together. Beyond it the answer is 431.
    /// From 1kb to 1mb, by default 16kb.
    pub header: Option<Size>,
    /// Most header fields of a request. Beyond it the answer is 431. From 1 to 10000, by default 100.
    pub headers: Option<u64>,
    /// Longest request target. Beyond it the answer is 414. From 64b to `header`, by default 8kb or `header`
    /// if that is less.
    pub url: Option<Size>,
    /// Most connections at the same time. From 1 to 10000000, by default 100000.
    pub connections: Option<u64>,
    /// Most connections of one IP address at the same time; IPv6 addresses of one /64 network count as one, those
    /// of `trustProxy` not at all. From 1 to 10000000, by default as many as there may be.
    pub connections_per_ip: Option<u64>,
    /// Most requests at the same time. Beyond it the answer is 503. From 1 to 10000000, by default 10000.
    pub in_flight: Option<u64>,
    /// Most requests of one connection that are handled at the same time, when a client sends the next before it has the
    /// answer. Further ones wait unread. From 1 to 1000, by default 32.
    pub pipeline: Option<u64>,
    /// Most requests at the same time of one connection that carries several (HTTP/2, HTTP/3). Further ones are refused
    /// unread, and may be sent again, or wait. From 1 to 10000, by default 128.
    pub streams: Option<u64>,
    /// Most requests of one HTTP/2 or HTTP/3 connection that are given up in ten seconds, by the client or because they break the
    /// protocol. Beyond it the connection is closed. From 1 to 1000000, by default 500.
    pub resets: Option<u64>,
    /// Most frames of one HTTP/2 or HTTP/3 connection in ten seconds that carry nothing - settings, pings, priorities, empty data, windows
    /// beyond those of what was sent. Beyond it the connection is closed. From 10 to 1000000, by default 1000.
    pub control_frames: Option<u64>,
    /// Most requests that wait for one JavaScript thread. Beyond it the answer is 503. Half of it is for connections with less
    /// than 16 others in progress. From 1 to 1000000, by default 4096.
    pub queue: Option<u64>,
    /// How long a request may wait for one JavaScript thread. Beyond it that request, and every other one until it has
    /// left the queue, is answered 503. From 1ms to 24h, by default 10s.
    pub queue_age: Option<Millis>,
    /// Bytes of a streamed response that are kept for a slow client before `write()` reports `false`.
    /// From 1kb to 256mb, by default 64kb.
    pub response_buffer: Option<Size>,
    /// Bytes of answers that may wait in memory for clients that are slow to read, of all connections together. Beyond it those
    /// answers are given up that have waited longest for what they take. From 1mb to 1tb, by default 256mb.
    pub unsent: Option<Size>,
    /// Bytes of a streamed request body that are read ahead of the handler. From 1kb to 256mb, by default
    /// 64kb.
    pub request_buffer: Option<Size>,
    /// Most topics that WebSockets subscribe to at the same time. Beyond it `subscribe()` throws. From 1 to 10000000, by default
    /// 100000.
    pub topics: Option<u64>,
    /// Longest name of such a topic, in UTF-8. Beyond it `subscribe()` throws. From 1b to 4kb, by default 256b.
    pub topic_name: Option<Size>,
    /// Bytes of published messages that wait for one IO loop. Beyond it a message does not reach the WebSockets of that loop, which
    /// is counted. From 64kb to 1gb, by default 64mb.
    pub publish_buffer: Option<Size>,
}

/// [`LimitsConfig`] with the defaults filled in; the same units and meanings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in LimitsConfig")]
pub struct Limits {
    /// In bytes; a file may be larger than the address space.
    pub body: u64,
    /// In bytes.
    pub header: usize,
    pub headers: usize,
    /// In bytes.
    pub url: usize,
    pub connections: usize,
    /// `None` without a limit.
    pub connections_per_ip: Option<usize>,
    pub in_flight: usize,
    pub pipeline: usize,
    pub streams: usize,
    pub resets: usize,
    pub control_frames: usize,
    pub queue: usize,
    pub queue_age: Duration,
    /// In bytes.
    pub response_buffer: usize,
    /// In bytes.
    pub unsent: usize,
    /// In bytes.
    pub request_buffer: usize,
    pub topics: usize,
    /// In bytes, as the next.
    pub topic_name: usize,
    pub publish_buffer: usize,
}

impl LimitsConfig {
    pub(super) const BODY: RangeInclusive<Size> = Size(1)..=Size(1 << 40);

    pub(super) fn merge(self, over: Self) -> Self {
        Self {
            body: over.body.or(self.body),
            header: over.header.or(self.header),
            headers: over.headers.or(self.headers),
            url: over.url.or(self.url),
            connections: over.connections.or(self.connections),
            connections_per_ip: over.connections_per_ip.or(self.connections_per_ip),
            in_flight: over.in_flight.or(self.in_flight),
            pipeline: over.pipeline.or(self.pipeline),
            streams: over.streams.or(self.streams),
            resets: over.resets.or(self.resets),
            control_frames: over.control_frames.or(self.control_frames),
            queue: over.queue.or(self.queue),
            queue_age: over.queue_age.or(self.queue_age),
            response_buffer: over.response_buffer.or(self.response_buffer),
            unsent: over.unsent.or(self.unsent),
            request_buffer: over.request_buffer.or(self.request_buffer),
            topics: over.topics.or(self.topics),
            topic_name: over.topic_name.or(self.topic_name),
            publish_buffer: over.publish_buffer.or(self.publish_buffer),
        }
    }

    pub(super) fn check(&self, names: Names<'_>) -> Result<()> {
        let size = |path, value, from, to| within((names, path), value, "a size", from..=to, "");
        within((names, "limits.body"), self.body, "a size", Self::BODY, "")?;
        let count = |path, value, to| within((names, path), value, "a whole number", 1..=to, "");
        size("limits.header", self.header, Size::kb(1), Size::mb(1))?;
        count("limits.headers", self.headers, 10_000)?;
        size("limits.url", self.url, Size(64), Size::mb(1))?;
        count("limits.connections", self.connections, 10_000_000)?;
        count("limits.connectionsPerIp", self.connections_per_ip, 10_000_000)?;
        count("limits.inFlight", self.in_flight, 10_000_000)?;
        count("limits.pipeline", self.pipeline, 1000)?;
        count("limits.streams", self.streams, 10_000)?;
        count("limits.resets", self.resets, 1_000_000)?;
        within((names, "limits.controlFrames"), self.control_frames, "a whole number", 10..=1_000_000, "")?;
        count("limits.queue", self.queue, 1_000_000)?;
        let (ages, note) = (TimeoutsConfig::NEEDED, TimeoutsConfig::NEEDED_NOTE);
        within((names, "limits.queueAge"), self.queue_age, "a duration", ages, note)?;
        size("limits.responseBuffer", self.response_buffer, Size::kb(1), Size::mb(256))?;
        size("limits.unsent", self.unsent, Size::mb(1), Size(1 << 40))?;
        size("limits.requestBuffer", self.request_buffer, Size::kb(1), Size::mb(256))?;
        count("limits.topics", self.topics, 10_000_000)?;
        size("limits.topicName", self.topic_name, Size(1), Size::kb(4))?;
        size("limits.publishBuffer", self.publish_buffer, Size::kb(64), Size::mb(1024))
    }

    pub(super) fn resolve(&self) -> Result<Limits> {
        let header = self.header.unwrap_or(Size::kb(16));
        let url = self.url.unwrap_or(Size::kb(8).min(header));
        if url > header {
            return Err(Error::option_message(format!(
                "limits.url: {url} is more than limits.header, {header}, which counts the request line too; \
                 raise limits.header or lower limits.url"
            )));
        }
        let count = |value: Option<u64>, default| value.map_or(default, |value| Size(value).bytes());
        let size = |value: Option<Size>, default: Size| value.unwrap_or(default).bytes();
        Ok(Limits {
            body: self.body.unwrap_or(Size::mb(1)).0,
            header: header.bytes(),
            headers: count(self.headers, 100),
            url: url.bytes(),
            connections: count(self.connections, 100_000),
            connections_per_ip: self.connections_per_ip.map(|value| Size(value).bytes()),
            in_flight: count(self.in_flight, 10_000),
            pipeline: count(self.pipeline, 32),
            streams: count(self.streams, 128),
            resets: count(self.resets, 500),
            control_frames: count(self.control_frames, 1000),
            queue: count(self.queue, 4096),
            queue_age: self.queue_age.unwrap_or(Millis::seconds(10)).duration(),
            response_buffer: size(self.response_buffer, Size::kb(64)),
            unsent: size(self.unsent, Size::mb(256)),
            request_buffer: size(self.request_buffer, Size::kb(64)),
            topics: count(self.topics, 100_000),
            topic_name: size(self.topic_name, Size(256)),
            publish_buffer: size(self.publish_buffer, Size::mb(64)),
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        // Without values there is nothing to refuse.
        LimitsConfig::default().resolve().unwrap_or_else(|error| unreachable!("{error}"))
    }
}
