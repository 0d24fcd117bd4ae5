//! Counting in Redis, for all processes together: one script that reads, decides and writes as one step, by the time of Redis,
//! so that neither two requests at once nor two clocks can disagree.

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest;

use super::key::KeySink;
use super::options::RateLimitFailure;
use super::policy::{Policy, Verdict};
use super::window::Taken;
use crate::store::redis::{Redis, Reply, Script, Value};

/// One number of a key is kept: when its bucket will be full, in microseconds since 1970. A key of which nothing is missing is
/// gone. A clock that is set back costs nobody more than an empty bucket.
const BUCKET: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, full, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local missing = (tonumber(redis.call('GET', KEYS[1]) or now) or now) - now
missing = math.min(math.max(missing, 0), full)
local after = missing + interval * cost
local allowed = after <= full
if allowed then
  redis.call('SET', KEYS[1], string.format('%.3f', now + after), 'PX', math.ceil(after / 1000))
end
return { allowed and 1 or 0, math.floor(missing * 1000 + 0.5) }
";

/// Three numbers of a key are kept: of which window they are, what was taken in it, and what in the one before. A key that
/// would count for nothing is gone.
const WINDOW: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local length, limit, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local window = math.floor(now / length)
local elapsed, taken, before = now - window * length, 0, 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local of, in_it, in_last = string.match(kept, '^(%d+) (%d+) (%d+)$')
  of = tonumber(of)
  if of == window - 1 then
    before = tonumber(in_it)
  elseif of and of >= window then
    window, taken, before = of, tonumber(in_it), tonumber(in_last)
  end
end
local allowed = before * (length - elapsed) + (taken + cost) * length <= limit * length
if allowed then
  taken = taken + cost
  local kept = string.format('%.0f %.0f %.0f', window, taken, before)
  redis.call('SET', KEYS[1], kept, 'PX', 2 * length - elapsed)
end
return { allowed and 1 or 0, taken, before, elapsed }
";

/// The counters of one limit.
pub(super) struct SharedCounters {
    redis: Redis,
    /// What the name of each key begins with.
    start: Box<str>,
    /// What routes are called, by their number.
    routes: Arc<[String]>,
    pub failure: RateLimitFailure,
    bucket: Script,
    window: Script,
}

/// A question that Redis has been asked.
pub(super) struct Asked {
    reply: Reply,
    policy: Policy,
    cost: u32,
}

impl SharedCounters {
    pub fn new(redis: Redis, start: String, routes: Vec<String>, failure: RateLimitFailure) -> Self {
        let (bucket, window) = (Script::new(BUCKET), Script::new(WINDOW));
        Self { redis, start: start.into(), routes: routes.into(), failure, bucket, window }
    }

    /// Takes `cost` from the key that `write` writes; `None` when there is no way to.
    pub fn ask(&self, policy: &Policy, cost: u32, write: impl FnOnce(&mut Name<'_>)) -> Option<Asked> {
        // A Redis that is gone costs a look at a number.
        if self.redis.is_down() {
            return None;
        }
        let mut name = Name { text: String::with_capacity(self.start.len() + 48), routes: &self.routes };
        name.text.push_str(&self.start);
        write(&mut name);
        let key = name.text.as_bytes();
        let cost_text = cost.to_string();
        let (script, first, second) = match policy {
            Policy::Bucket(bucket) => {
                let micros = |nanos: u64| format!("{}", nanos as f64 / 1000.0);
                (&self.bucket, micros(bucket.interval), micros(bucket.full_after()))
            }
            Policy::Window(window) => {
                (&self.window, (window.length / 1000).to_string(), window.limit.to_string())
            }
        };
        let reply =
            self.redis.eval(script, &[key], &[first.as_bytes(), second.as_bytes(), cost_text.as_bytes()]);
        reply.failed().is_none().then_some(Asked { reply, policy: *policy, cost })
    }
}

impl Asked {
    /// `None` when there is no answer.
    pub async fn verdict(self) -> Option<Verdict> {
        verdict(&self.policy, self.cost, self.reply.await.ok()?)
    }
}

/// What a script has found.
fn verdict(policy: &Policy, cost: u32, value: Value) -> Option<Verdict> {
    let Value::Array(values) = value else { return None };
    let number = |index: usize| match values.get(index) {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        _ => None,
    };
    let allowed = number(0)? == 1;
    Some(match policy {
        Policy::Bucket(bucket) => bucket.judge(allowed, number(1)?, cost),
        Policy::Window(window) => {
            let count = |index| u32::try_from(number(index)?).ok();
            let elapsed = (number(3)? * 1000).min(window.length);
            window.judge(allowed, &Taken { now: count(1)?, before: count(2)?, elapsed }, cost)
        }
    })
}

/// The name of a key in Redis. What clients say stands there as a hash: it may be long, and it may be a secret.
pub(super) struct Name<'a> {
    text: String,
    routes: &'a [String],
}

impl Name<'_> {
    fn part(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('|');
    }
}

impl KeySink for Name<'_> {
    fn ip(&mut self, ip: Option<IpAddr>) {
        match ip {
            Some(ip) => self.part(&ip.to_string()),
            None => self.part("unknown"),
        }
    }

    fn route(&mut self, route: Option<u32>) {
        let routes = self.routes;
        self.part(route.and_then(|number| routes.get(number as usize)).map_or("none", String::as_str));
    }

    fn text<'a>(&mut self, values: impl Iterator<Item = &'a [u8]>) {
        let mut hash = digest::Context::new(&digest::SHA256);
        for value in values {
            hash.update(&(value.len() as u64).to_le_bytes());
            hash.update(value);
        }
        let hex: String = hash.finish().as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.part(&format!("#{hex}"));
    }
}
