-- Dissects the control protocol of the network tester (spec/protocol.md, version 1) in Wireshark and tshark.
--
-- Use it once:      wireshark -X lua_script:spec/wireshark/tester.lua FILE.pcapng
-- Use it always:    copy it into the folder that Help > About Wireshark > Folders calls "Personal Lua Plugins".
-- On another port:  Preferences > Protocols > TESTER, or -o tester.port:9000, or Decode As... > TESTER.
--
-- Display filters:  tester                    every message
--                   tester.test_type == 2     what asks for TCP_RR
--                   tester.invalid            whatever a server or client must refuse; also as expert information
--
-- Messages are cut out of the stream by their own lengths: a split one is put together, and several in a segment
-- are told apart.

local tester = Proto("tester", "Network Tester Control Protocol")

local DEFAULT_PORT = 5678

local MESSAGE_TYPES = { [1] = "TEST_REQUEST", [2] = "TEST_REPLY", [3] = "TEST_DONE", [4] = "TEST_RESULTS" }
local TEST_TYPES = { [1] = "TCP_STREAM", [2] = "TCP_RR", [3] = "UDP_STREAM", [4] = "UDP_RR" }

-- Name and length in bytes of each message, by its type.
local MESSAGES = {
    [1] = { name = "Request", size = 3 },
    [2] = { name = "Reply", size = 4 },
    [3] = { name = "Done", size = 2 },
    [4] = { name = "Results", size = 10 },
}

-- What each side has to say on one connection, in this order.
local DUE = { client = { 1, 3 }, server = { 2, 4 } }

-- Fields: the names of the tables in spec/protocol.md.
local f = {
    version = ProtoField.uint8("tester.version", "version", base.DEC),
    message_type = ProtoField.uint8("tester.message_type", "message_type", base.DEC, MESSAGE_TYPES),
    test_type = ProtoField.uint8("tester.test_type", "test_type", base.DEC, TEST_TYPES),
    test_port = ProtoField.uint16("tester.test_port", "test_port", base.DEC),
    udp_packets_received = ProtoField.uint64("tester.udp_packets_received", "udp_packets_received", base.DEC),
    surplus = ProtoField.bytes("tester.surplus", "bytes that are no message"),
    invalid = ProtoField.bool("tester.invalid", "invalid"),
}
tester.fields = f

local function fault(name, text)
    return ProtoExpert.new("tester." .. name, text, expert.group.PROTOCOL, expert.severity.ERROR)
end
local x = {
    version = fault("version.invalid", "the version is not 1"),
    message_type = fault("message_type.invalid", "no message has this type"),
    not_due = fault("message_type.not_due", "another message is due here"),
    test_type = fault("test_type.invalid", "no test has this number"),
    test_port = fault("test_port.invalid", "0 is no port"),
    surplus = fault("surplus.invalid", "nothing more is due from this side"),
    undecodable = fault("surplus.undecodable", "bytes behind what is no message"),
}
tester.experts = x

tester.prefs.port = Pref.uint("TCP port", DEFAULT_PORT, "The port that the server listens on")

local tcp_stream = Field.new("tcp.stream")

-- How far each side of each connection has come: the number of its messages so far, or BROKEN.
local BROKEN = -1
local progress = {}
-- The same at the start of a message, by where it starts: packets are drawn again and in any order after the first time.
local remembered = {}

function tester.init()
    progress = {}
    remembered = {}
end

-- How many messages this side had sent before the one at `place`.
local function messages_before(place, side)
    if remembered[place] == nil then
        remembered[place] = progress[side] or 0
    end
    return remembered[place]
end

local function flag(tree, item, info, text)
    item:add_proto_expert_info(info, text)
    local note = tree:add(f.invalid, true)
    note:set_generated()
end

-- Draws a message of `kind` where one of type `due` is due. Returns its name for the list of packets, whether it is
-- valid, and whether what stands behind it can be read: it can where the type was the right one.
local function draw(tvb, tree, kind, due)
    local message = MESSAGES[kind]
    local valid = true
    local function invalid(item, info, text)
        valid = false
        flag(tree, item, info, text)
    end

    local version = tvb(0, 1):uint()
    local item = tree:add(f.version, tvb(0, 1))
    if version ~= 1 then
        invalid(item, x.version, string.format("version %d: only version 1 is spoken", version))
    end
    local type_byte = tvb(1, 1):uint()
    item = tree:add(f.message_type, tvb(1, 1))
    if MESSAGES[type_byte] == nil then
        invalid(item, x.message_type, string.format("message type %d: 1 to 4 are known", type_byte))
    elseif kind ~= due then
        invalid(item, x.not_due, string.format("a %s where a %s is due", message.name, MESSAGES[due].name))
    end
    if MESSAGES[type_byte] == nil then
        return string.format("message of type %d", type_byte), false, false
    end

    local value = ""
    if kind == 1 then
        local test = tvb(2, 1):uint()
        item = tree:add(f.test_type, tvb(2, 1))
        if TEST_TYPES[test] == nil then
            invalid(item, x.test_type, string.format("test type %d: 1 to 4 are known", test))
        end
        value = " " .. (TEST_TYPES[test] or string.format("test type %d", test))
    elseif kind == 2 then
        local port = tvb(2, 2):uint()
        item = tree:add(f.test_port, tvb(2, 2))
        if port == 0 then
            invalid(item, x.test_port, "test port 0: nobody can connect to it")
        end
        value = string.format(", port %d", port)
    elseif kind == 4 then
        tree:add(f.udp_packets_received, tvb(2, 8))
        value = ", " .. tostring(tvb(2, 8):uint64()) .. " datagrams"
    end
    return message.name .. value, valid, kind == due
end

-- Draws what is no message, to the end of the segment, and returns its name for the list of packets.
local function draw_rest(tvb, offset, tree, info)
    local length = tvb:reported_len() - offset
    local count = length == 1 and "1 byte" or string.format("%d bytes", length)
    local words = count .. (info == x.surplus and " too many" or " behind what is no message")
    local branch = tree:add(tester, tvb(offset), "Network Tester, " .. words .. " [invalid]")
    flag(branch, branch:add(f.surplus, tvb(offset)), info, words)
    return words .. " [invalid]"
end

-- Whether the client speaks: to the port of the preference, or to the one that Decode As was told. Where neither
-- tells (both ports are that one), the type of the first message does.
local function is_from_client(tvb, pinfo)
    local port = tester.prefs.port
    if pinfo.dst_port ~= port and pinfo.src_port ~= port then
        port = pinfo.match_uint
    end
    if pinfo.dst_port == pinfo.src_port then
        local kind = tvb:captured_len() > 1 and tvb(1, 1):uint()
        return kind ~= 2 and kind ~= 4
    end
    return pinfo.dst_port == port
end

function tester.dissector(tvb, pinfo, tree)
    local from_client = is_from_client(tvb, pinfo)
    local role = from_client and "client" or "server"
    local side = tostring(tcp_stream()) .. role
    pinfo.cols.protocol = "TESTER"

    local told = {}
    local offset = 0
    while offset < tvb:captured_len() do
        local place = string.format("%d:%d", pinfo.number, tvb:offset() + offset)
        local count = messages_before(place, side)
        if count == BROKEN or count >= #DUE[role] then
            table.insert(told, draw_rest(tvb, offset, tree, count == BROKEN and x.undecodable or x.surplus))
            break
        end
        local due = DUE[role][count + 1]
        local left = tvb:captured_len() - offset
        -- The type is the second byte; a message of no known type is taken for as long as the one that is due.
        local kind = left > 1 and MESSAGES[tvb(offset + 1, 1):uint()] and tvb(offset + 1, 1):uint() or due
        local size = MESSAGES[kind].size
        if left < size then
            if tvb:captured_len() < tvb:reported_len() then
                -- The capture was cut here: nothing more will come.
                table.insert(told, draw_rest(tvb, offset, tree, x.undecodable))
                break
            end
            -- Called again with these bytes and the next segment's.
            pinfo.desegment_offset = offset
            pinfo.desegment_len = left < 2 and 1 or size - left
            remembered[place] = nil
            break
        end
        local branch = tree:add(tester, tvb(offset, size))
        local words, valid, legible = draw(tvb(offset, size):tvb(), branch, kind, due)
        branch:set_text("Network Tester, " .. words .. (valid and "" or " [invalid]"))
        table.insert(told, words .. (valid and "" or " [invalid]"))
        if not pinfo.visited then
            progress[side] = legible and count + 1 or BROKEN
        end
        offset = offset + size
    end
    if #told > 0 then
        pinfo.cols.info = (from_client and "client: " or "server: ") .. table.concat(told, " + ")
    end
    return tvb:captured_len()
end

-- The port of the preference, and any other by Decode As.
local tcp_port = DissectorTable.get("tcp.port")
local registered = DEFAULT_PORT
tcp_port:add(registered, tester)
tcp_port:add_for_decode_as(tester)

function tester.prefs_changed()
    if tester.prefs.port ~= registered then
        tcp_port:remove(registered, tester)
        registered = tester.prefs.port
        tcp_port:add(registered, tester)
    end
end
