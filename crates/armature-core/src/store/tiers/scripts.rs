//! What Redis does as one step.
//!
//! Beside the values there are three keys. The *state* is a hash: `n` is the number of the newest purge, the names of other fields are terms and
//! their values the numbers of their purges. When there are too many of them, it becomes the *old* state, and what is older than the state
//! before that one counts as purged: `f` is the lowest number that a value may have. The *log* has the newest purges in order, for
//! those who follow; `d` is the newest that it has no more. A state that is gone is made again with a floor of now.

use crate::store::redis::Value;

/// Terms that a state has, at most.
pub(super) const TERMS: u32 = 65_536;
/// Purges that the log has, at most.
pub(super) const LOGGED: u32 = 4096;
/// Purges of the log that are read at once.
pub(super) const PAGE: u32 = 256;

/// Whether a value with number `at` and these terms has been purged.
macro_rules! functions {
    () => {
        r"
local function text(number) return string.format('%016.0f', number) end
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
local function newest(state)
  local n = redis.call('HGET', state, 'n')
  if n then return n, true end
  n = text(clock())
  redis.call('HSET', state, 'n', n, 'f', n)
  return n, false
end
local function purged(states, at, terms)
  local names = { 'f' }
  for first = 1, #terms, 16 do names[#names + 1] = string.sub(terms, first, first + 15) end
  for _, state in ipairs(states) do
    for _, number in ipairs(redis.call('HMGET', state, unpack(names))) do
      if number and tonumber(number) > at then return true end
    end
  end
  return false
end
local function logged(log, state, n, item, most)
  redis.call('ZADD', log, text(n), text(n) .. item)
  local over = redis.call('ZCARD', log) - tonumber(most)
  if over <= 0 then return end
  local dropped = redis.call('ZRANGE', log, over - 1, over - 1)
  redis.call('HSET', state, 'd', string.sub(dropped[1], 1, 16))
  redis.call('ZREMRANGEBYRANK', log, 0, over - 1)
end
"
    };
}

/// Keys: value, state, old state. Returns the newest number, and the value.
pub(super) const FIND: &str = concat!(
    functions!(),
    r"
local n, known = newest(KEYS[2])
if not known then return { n } end
local kept = redis.call('HMGET', KEYS[1], 'p', 't')
local at = kept[1] and tonumber(kept[1])
if not at or not kept[2] then return { n } end
if purged({ KEYS[2], KEYS[3] }, at, kept[2]) then
  redis.call('UNLINK', KEYS[1])
  return { n }
end
return { n, redis.call('HGET', KEYS[1], 'v') }
"
);

/// Keys: value, state, old state. Arguments: number, terms, content, milliseconds that it is kept. Returns whether it is; one that is
/// there and has a higher number stays.
pub(super) const PUT: &str = concat!(
    functions!(),
    r"
local _, known = newest(KEYS[2])
local at = tonumber(ARGV[1])
if not known or purged({ KEYS[2], KEYS[3] }, at, ARGV[2]) then return 0 end
local there = redis.call('HGET', KEYS[1], 'p')
if there and tonumber(there) > at then return 0 end
redis.call('HSET', KEYS[1], 'p', ARGV[1], 't', ARGV[2], 'v', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
"
);

/// Keys: state, old state, log. Arguments: term, what the log says, terms and purges that are kept.
pub(super) const PURGE: &str = concat!(
    functions!(),
    r"
local kept = redis.call('HMGET', KEYS[1], 'n', 'f', 'o', 'd')
local last, n = tonumber(kept[1] or nil), clock()
if last and last >= n then n = last + 1 end
local floor = last and tonumber(kept[2] or 0) or n
redis.call('HSET', KEYS[1], 'n', text(n), 'f', text(floor), ARGV[1], text(n))
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[3]) then
  floor = math.max(floor, tonumber(kept[3] or 0))
  redis.call('RENAME', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'n', text(n), 'f', text(floor), 'o', text(n))
  if kept[4] then redis.call('HSET', KEYS[1], 'd', kept[4]) end
end
logged(KEYS[3], KEYS[1], n, ARGV[2], ARGV[4])
return text(n)
"
);

/// Writes a value in the place of any other: nothing that was made before it is written over it, and other processes hear that theirs is
/// none any more. Keys: value, state, log. Arguments: terms, content, milliseconds that it is kept, what the log says, purges that are kept.
pub(super) const REPLACE: &str = concat!(
    functions!(),
    r"
local kept = redis.call('HMGET', KEYS[2], 'n', 'f')
local last, n = tonumber(kept[1] or nil), clock()
if last and last >= n then n = last + 1 end
redis.call('HSET', KEYS[2], 'n', text(n), 'f', text(last and tonumber(kept[2] or 0) or n))
redis.call('HSET', KEYS[1], 'p', text(n), 't', ARGV[1], 'v', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
logged(KEYS[3], KEYS[2], n, ARGV[4], ARGV[5])
return text(n)
"
);

/// Keys: state, log. Arguments: the number up to which purges are known, how many to return at most. Returns up to which number they are
/// known then, 1 when others are not known any more, and the purges, each behind its number.
pub(super) const SINCE: &str = concat!(
    functions!(),
    r"
local n, known = newest(KEYS[1])
if not known then return { n, 1 } end
local since, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'f', 'd')
local lost = math.max(tonumber(kept[1] or 0), tonumber(kept[2] or 0))
if since < lost or since > tonumber(n) then return { n, 1 } end
if since == tonumber(n) then return { n, 0 } end
local items = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'LIMIT', 0, limit)
if #items == limit then n = string.sub(items[limit], 1, 16) end
return { n, 0, unpack(items) }
"
);

/// A number that a script has returned.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}
