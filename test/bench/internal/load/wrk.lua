-- Asks for the routes in turn, and prints the figures that wrk.go reads.
-- Arguments: the number of routes, and the end of the path.

local requests = {}
local last = 0

function init(args)
  local routes, suffix = tonumber(args[1]), args[2] or ""
  for i = 1, routes do
    requests[i] = wrk.format("GET", "/route-" .. (i - 1) .. suffix)
  end
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function done(summary, latency)
  local e = summary.errors
  print(string.format("figures: %d %d  %d %d %d %d %d  %d %d %d",
    summary.requests, summary.duration,
    e.connect, e.read, e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
