-- Sends the requests of a file, one after the other and round again, for `benchmarks.wrk`.
--
--   wrk … --script wrk.lua URL -- FILE FIRST RUN [AUTHORIZATION]
--
-- A line of the file is a method, a tenant, a path and a body, separated by tabs. 22 @s in it become
-- the 13 digits of RUN and a number of 9 digits, unique in this run. FIRST sets at which line to
-- begin. AUTHORIZATION is the value of the header of that name.

local UNIQUE = string.rep("@", 22)

local requests, turn, sent, run = {}, 0, 0, ""

function init(arguments)
   for line in io.lines(arguments[1]) do
      local method, tenant, path, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
      local headers = { ["X-Tenant-ID"] = tenant, ["Authorization"] = arguments[4] }
      if body == "" then body = nil else headers["Content-Type"] = "application/json" end
      local request = wrk.format(method, path, headers, body)
      requests[#requests + 1] = { request, request:find(UNIQUE, 1, true) ~= nil }
   end
   turn = tonumber(arguments[2])
   run = arguments[3]
end

function request()
   turn, sent = turn + 1, sent + 1
   local one = requests[turn % #requests + 1]
   if not one[2] then return one[1] end
   return (one[1]:gsub(UNIQUE, run .. string.format("%09d", sent)))
end

function done(summary, latency, _)
   local errors = summary.errors
   local broken = errors.connect + errors.read + errors.write + errors.timeout
   io.write(string.format(
      "RESULT %d %d %d %d %d %d\n",
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.status, broken
   ))
end
