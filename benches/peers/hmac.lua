-- HMAC-SHA256 for Envoy's Lua filter, whose API has no digest: FIPS 180-4 and RFC 2104 in plain LuaJIT.
local bit = require("bit")
local band, bnot, bxor, ror, rshift, lshift, bor, tohex =
    bit.band, bit.bnot, bit.bxor, bit.ror, bit.rshift, bit.lshift, bit.bor, bit.tohex
local byte, char, rep = string.byte, string.char, string.rep

local K = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}
for i = 1, 64 do K[i] = bit.tobit(K[i]) end
local W = {}
for i = 1, 64 do W[i] = 0 end

-- Adds the blocks of `text` to the state `h`; the length of `text` is a multiple of 64.
local function compress(h, text)
    local h1, h2, h3, h4, h5, h6, h7, h8 = h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8]
    for at = 1, #text, 64 do
        for i = 1, 16 do
            local p, q, r, s = byte(text, at + i * 4 - 4, at + i * 4 - 1)
            W[i] = bor(lshift(p, 24), lshift(q, 16), lshift(r, 8), s)
        end
        for i = 17, 64 do
            local x, y = W[i - 15], W[i - 2]
            local s0 = bxor(ror(x, 7), ror(x, 18), rshift(x, 3))
            local s1 = bxor(ror(y, 17), ror(y, 19), rshift(y, 10))
            W[i] = bit.tobit(W[i - 16] + s0 + W[i - 7] + s1)
        end
        local a, b, c, d, e, f, g, k = h1, h2, h3, h4, h5, h6, h7, h8
        for i = 1, 64 do
            local s1 = bxor(ror(e, 6), ror(e, 11), ror(e, 25))
            local t1 = k + s1 + bxor(g, band(e, bxor(f, g))) + K[i] + W[i]
            local s0 = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
            local t2 = s0 + bxor(band(a, bxor(b, c)), band(b, c))
            k, g, f, e, d, c, b, a = g, f, e, bit.tobit(d + t1), c, b, a, bit.tobit(t1 + t2)
        end
        h1, h2, h3, h4 = bit.tobit(h1 + a), bit.tobit(h2 + b), bit.tobit(h3 + c), bit.tobit(h4 + d)
        h5, h6, h7, h8 = bit.tobit(h5 + e), bit.tobit(h6 + f), bit.tobit(h7 + g), bit.tobit(h8 + k)
    end
    return { h1, h2, h3, h4, h5, h6, h7, h8 }
end

local INITIAL = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}
for i = 1, 8 do INITIAL[i] = bit.tobit(INITIAL[i]) end

local function word(number)
    return char(band(rshift(number, 24), 255), band(rshift(number, 16), 255), band(rshift(number, 8), 255), band(number, 255))
end

-- The digest of a block that is in `state` already, and `text`.
local function finish(state, text)
    local whole = #text - #text % 64
    if whole > 0 then
        state = compress(state, text:sub(1, whole))
    end
    local length = #text + 64
    local zeros = (55 - length) % 64
    local bits = length * 8
    local tail = text:sub(whole + 1) .. "\128" .. rep("\0", zeros) .. word(math.floor(bits / 4294967296)) .. word(bits % 4294967296)
    return compress(state, tail)
end

local function pad(secret, value)
    local bytes = {}
    for i = 1, 64 do
        bytes[i] = char(bxor(byte(secret, i) or 0, value))
    end
    return compress(INITIAL, table.concat(bytes))
end

-- The pads are hashed once.
local function key(secret)
    return { inner = pad(secret, 0x36), outer = pad(secret, 0x5c) }
end

local function hmac(keys, text)
    local inner = finish(keys.inner, text)
    local bytes = {}
    for i = 1, 8 do bytes[i] = word(inner[i]) end
    local tag = finish(keys.outer, table.concat(bytes))
    for i = 1, 8 do bytes[i] = tohex(tag[i]) end
    return table.concat(bytes)
end

local function equal(a, b)
    if #a ~= #b then return false end
    local difference = 0
    for i = 1, #a do
        difference = bor(difference, bxor(byte(a, i), byte(b, i)))
    end
    return difference == 0
end

local KEYS = {
__KEYS__
}

function envoy_on_request(handle)
    local headers = handle:headers()
    local keys = KEYS[headers:get(":path")]
    local given = headers:get("x-hub-signature-256")
    local body = handle:body()
    local text = ""
    if body and body:length() > 0 then
        text = body:getBytes(0, body:length())
    end
    for i = 1, keys and given and #keys or 0 do
        if equal("sha256=" .. hmac(keys[i], text), given) then
            return
        end
    end
    handle:respond({ [":status"] = "401", ["content-type"] = "text/plain" }, "request denied\n")
end
