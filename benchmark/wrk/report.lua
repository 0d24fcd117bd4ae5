-- wrk's results as one line of JSON. The harness passes: method, path, content type and body ('-' for none), pipeline
-- depth, 'close' when each request gets a connection of its own, and a line of the head or '-'. Anything from 400 on counts as an
-- error.

function init(args)
  wrk.method = args[1]
  wrk.path = args[2]
  if args[3] ~= '-' then
    wrk.headers['content-type'] = args[3]
    wrk.body = args[4]
  end
  if args[6] == 'close' then wrk.headers['connection'] = 'close' end
  if args[7] ~= '-' then
    local name, value = string.match(args[7], '^([^:]+): (.*)$')
    wrk.headers[name] = value
  end
  local depth = tonumber(args[5])
  if depth == 1 then return end -- The request is made once, and Lua is not asked again.
  local all = string.rep(wrk.format(), depth)
  request = function() return all end
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '@@{"requests":%d,"microseconds":%d,"p50":%.3f,"p99":%.3f,"status":%d,"socket":%d,"timeout":%d}',
    summary.requests, summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
