-- What wrk sends: one kind of request with one token, the two words after "--".

local kind, token
local always
local count = 0

local function made(token)
  local headers = {}
  if kind ~= "no token" then headers["Authorization"] = "Bearer " .. token end
  if kind == "POST" then
    headers["Content-Type"] = "application/json"
    return wrk.format("POST", nil, headers, '{"usual": ["apple"]}')
  end
  return wrk.format("GET", nil, headers)
end

function init(words)
  kind, token = words[1], words[2]
  if kind == "same bad token" then token = token:sub(1, -9) .. "AAAAAAAA" end
  always = made(token)
end

function request()
  if kind ~= "other bad token" then return always end
  count = count + 1
  -- Another signature each time, and each wrk has other ones than the last.
  return made(token:sub(1, -21) .. string.format("%010d%09dA", os.time(), count))
end
