# ---------------------------------------------------------------------------------------------------------------------
# The player: how the steps above are carried out. To try other bytes or times change the steps, not this.

GRACE = 0.05        # what "not before" forgives, in seconds
PACE = 0.001        # between two reads of a stream: one that is read at full speed leaves no time to see anything else
PAUSE = 0.05        # between two segments of one send, so that they arrive as two
LATE = 0.1          # a machine that wakes the script so much too late, in seconds, makes what it sees unsure
HUMAN = 600         # how long to wait for a client that a person starts, in seconds

# The messages: the length in bytes of each field, by message type.
HEAD = [("version", 1), ("message_type", 1)]
MESSAGES = {
    1: ("Request", HEAD + [("test_type", 1)]),
    2: ("Reply", HEAD + [("test_port", 2)]),
    3: ("Done", HEAD),
    4: ("Results", HEAD + [("udp_packets_received", 8)]),
}

BEGAN = time.monotonic()


class Differs(Exception):
    """What came is not what was due; the lines say how."""


def say(text):
    # One write, so that the lines of two threads do not mix.
    sys.stdout.write("%8.3f s  %s\n" % (time.monotonic() - BEGAN, text))
    sys.stdout.flush()


def spaced(data, most=24):
    cells = [cell if isinstance(cell, str) else "%02x" % cell for cell in data]
    return " ".join(cells[:most]) + (" ... (%d bytes)" % len(cells) if len(cells) > most else "")


def in_words(data):
    """The messages in some bytes with their fields, as far as they are any."""
    words = []
    if len(data) > 10 and data[0] != 1:
        return ""               # bytes of another protocol
    while len(data) >= 2 and data[1] in MESSAGES:
        name, layout = MESSAGES[data[1]]
        size = sum(width for _, width in layout)
        if len(data) < size:
            break
        values, at = [], 0
        for field, width in layout:
            values.append("%s=%d" % (field, int.from_bytes(data[at:at + width], "big")))
            at += width
        words.append("%s (%s)" % (name, ", ".join(values)))
        data = data[size:]
    if data and words:
        words.append(count(len(data)) + " more")
    return " + ".join(words)


def told(data):
    words = in_words(data)
    return spaced(data) + ("   " + words if words else "")


def count(number):
    return "1 byte" if number == 1 else "%d bytes" % number


def field_at(due, at):
    """The name of the field that byte `at` of a message belongs to."""
    for field, width in MESSAGES[due[1]][1] if len(due) > 1 and due[1] in MESSAGES else []:
        if at < width:
            return " (%s)" % field
        at -= width
    return ""


def columns(due, came, wrong):
    """The two rows of bytes under their field names, and a caret under byte `wrong`."""
    kind = due[1] if len(due) > 1 and due[1] in MESSAGES else None
    layout = list(MESSAGES[kind][1]) if kind else []
    named = sum(width for _, width in layout)
    longest = max(len(due), min(len(came), len(due) + 8))
    layout += [("", 1)] * (longest - named)
    rows, at, place = ["", "", ""], 0, 0
    for field, width in layout:
        cells = [spaced(row[at:at + width]) for row in (due, came)]
        if at <= wrong < at + width:
            place = len(rows[0]) + 3 * (wrong - at)
        room = max(len(field), width * 3 - 1) + (2 if field else 1)
        rows = [row + cell.ljust(room) for row, cell in zip(rows, [field] + cells)]
        at += width
    heads = ["          ", "expected  ", "came      "]
    lines = [head + row.rstrip() for head, row in zip(heads, rows) if row.strip()]
    return lines + [" " * (10 + place) + "^^"]


def read_send(text):
    """The bytes of a `send`, segment by segment."""
    segments, random_bytes = [b""], random.Random(SEED)
    for token in text.split():
        value, _, times = token.partition("*")
        if token == "|":
            segments.append(b"")
        elif value == "random":
            segments[-1] += bytes(random_bytes.getrandbits(8) for _ in range(int(times)))
        elif value == "PORT":                   # both bytes of our own data port
            segments[-1] += data_port.number.to_bytes(2, "big")
        elif value in ("HI", "LO"):             # one of them
            segments[-1] += data_port.number.to_bytes(2, "big")[value == "LO":][:1]
        elif value[:2] == "NN":                 # how many datagrams came, or so many percent of them
            percent = int(value[3:] or 100)
            segments[-1] += (data_port.datagrams * percent // 100).to_bytes(8, "big")
        else:
            segments[-1] += bytes.fromhex(value) * int(times or 1)
    return segments


def read_expect(text):
    """The bytes of an `expect`; `??` is any byte, `PP` one of the announced port, `NN` one of the count."""
    due = []
    for token in text.split():
        value, _, times = token.partition("*")
        due += [value if value in ("??", "PP", "NN") else int(value, 16)] * int(times or 1)
    return due


class Link:
    """One connection: what waits to be sent, what came, how it ended."""

    def __init__(self, name, sock, connecting):
        self.name, self.sock, self.connecting = name, sock, connecting
        self.pending, self.came = [], b""
        self.anchor = self.arrived = self.free = time.monotonic()
        self.ended = None
        sock.setblocking(False)

    def turn(self):
        """Does what can be done without waiting."""
        if self.connecting:
            self.finish_connect()
        now = time.monotonic()
        while self.pending and not self.connecting and now >= self.free:
            self.write(now)
        if not self.connecting and self.ended is None:
            self.read()

    def finish_connect(self):
        try:
            self.sock.getpeername()
        except OSError:
            error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self.connecting, self.ended = False, "cannot connect: %s" % os.strerror(error)
                say("[%s] %s" % (self.name, self.ended))
            return
        self.connecting, self.anchor = False, time.monotonic()

    def write(self, now):
        segment = self.pending.pop(0)
        try:
            done = self.sock.send(segment)
        except BlockingIOError:
            self.pending.insert(0, segment)
            self.free = now + 0.001
            return
        except OSError:
            self.pending = []       # the read tells how it ended
            return
        self.anchor = time.monotonic()
        say("[%s] sent  %s" % (self.name, told(segment[:done])))
        if done < len(segment):
            self.pending.insert(0, segment[done:])
        self.free = now + PAUSE if self.pending else now

    def read(self):
        while True:
            try:
                data = self.sock.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                self.ended = "reset"
            else:
                if data:
                    if not self.came:
                        self.arrived = time.monotonic()
                    self.came += data
                    say("[%s] came  %s" % (self.name, told(data)))
                    continue
                self.ended = "end-of-file"
            self.arrived = time.monotonic() if not self.came else self.arrived
            say("[%s] your program closed the connection (%s)" % (self.name, self.ended))
            return


class DataPort:
    """Where a client may send its test's data: it is taken, or for the round-trip tests returned."""

    def __init__(self):
        self.datagrams, self.echo = 0, False
        self.tcp, self.udp = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp.bind(("", 0))
        self.number = self.tcp.getsockname()[1]
        self.udp.bind(("", self.number))
        self.tcp.listen(8)
        for work in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def serve_udp(self):
        while True:
            data, peer = self.udp.recvfrom(65536)
            self.datagrams += 1
            if self.echo:
                self.udp.sendto(data, peer)

    def serve_tcp(self):
        while True:
            sock, _ = self.tcp.accept()
            threading.Thread(target=self.take, args=(sock,), daemon=True).start()

    def take(self, sock):
        try:
            data = sock.recv(1 << 16)
            while data:
                if self.echo:
                    sock.sendall(data)
                else:
                    time.sleep(PACE)
                data = sock.recv(1 << 16)
        except OSError:
            pass


class Program:
    """Your program, where this script starts it; its output is shown and kept."""

    def __init__(self, command):
        self.output, self.threads = {"stdout": "", "stderr": ""}, []
        self.showing, self.shown = threading.Lock(), False
        # Terminals instead of pipes, or many programs would hold their lines back.
        pairs = {"stdout": pty.openpty(), "stderr": pty.openpty()}
        say("starting  " + " ".join(map(shlex.quote, command)))
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pairs["stdout"][1],
                                            stderr=pairs["stderr"][1], start_new_session=True,
                                            env=dict(os.environ, TERM="dumb", NO_COLOR="1"))
        except OSError as error:
            say("cannot start %s: %s" % (command[0], error.strerror or error))
            sys.exit(2)
        for stream, (ours, theirs) in pairs.items():
            os.close(theirs)
            thread = threading.Thread(target=self.listen, args=(stream, ours), daemon=True)
            thread.start()
            self.threads.append(thread)

    def listen(self, stream, fd):
        line, data = "", b" "
        while data:
            try:
                data = os.read(fd, 4096)
            except OSError:         # how Linux tells the end of a terminal
                data = b""
            text = data.decode(errors="replace").replace("\r\n", "\n")
            self.output[stream] += text
            *lines, line = (line + text).split("\n")
            for whole in lines if data else lines + [line] * bool(line):
                with self.showing:
                    if not self.shown:
                        say("  | " + whole)

    def stop_showing(self):
        """Waits for the last lines; from then on nothing prints but the main thread.

        A process that was left behind may hold the terminal for ever, and the interpreter must not end while a thread
        is still within standard output."""
        deadline = time.monotonic() + PATIENCE
        for thread in self.threads:
            thread.join(max(0, deadline - time.monotonic()))
        with self.showing:
            self.shown = True

    def ended(self):
        status = self.process.poll()
        if status is not None:
            for thread in self.threads:
                thread.join(1)
        return status

    def text(self, stream=None):
        return self.output[stream] if stream else "".join(self.output.values())

    def end(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except OSError:
            pass
        self.process.wait()
        self.stop_showing()


def listening(port, tables=("tcp", "tcp6")):
    """Whether something listens, as the system's own table says; None where there is none to read."""
    known = None
    for table in tables:
        try:
            with open("/proc/net/" + table) as lines:
                rows = [line.split() for line in lines][1:]
        except OSError:
            continue
        known = known or False
        for row in rows:
            # A TCP socket that listens is in state 0A; a UDP socket has only to be there.
            if int(row[1].split(":")[1], 16) == port and ("udp" in table or row[3] == "0A"):
                return True
    return known


def plain(address):
    """An address of version 4 as such, also where it came to a socket of version 6."""
    return address[7:] if address.startswith("::ffff:") else address


def dropped_datagrams():
    """How many datagrams the kernel has thrown away for want of buffer, where it says so."""
    total = 0
    for table in ("snmp", "snmp6"):
        try:
            with open("/proc/net/" + table) as lines:
                rows = [line.split() for line in lines]
        except OSError:
            continue
        heads = [row for row in rows if row[0] == "Udp:"]
        if len(heads) == 2:
            total += int(dict(zip(*heads)).get("RcvbufErrors", 0))
        total += sum(int(row[1]) for row in rows if row[0] == "Udp6RcvbufErrors")
    return total


def own_address():
    """An address of this machine that is not loopback. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            sys.exit("this case needs an address that is not loopback, and this machine has none")
        return probe.getsockname()[0]


class Player:
    def __init__(self, command):
        self.links, self.names, self.accepted = {}, {}, []
        self.command, self.program, self.left_out = command, None, []
        self.port, self.listener = None, None
        self.data, self.sent_datagrams = None, 0
        self.late = 0       # by how much the machine woke the script too late, at most
        if LISTEN:
            self.listener = open_listener()

    # -- waiting

    def turn(self, timeout):
        """Waits for something to happen, not longer than `timeout`."""
        links = [link for link in self.links.values() if link.ended is None]
        reads = [link.sock for link in links if not link.connecting]
        writes = [link.sock for link in links if link.connecting]
        if self.listener:
            reads.append(self.listener)
        busy = any(link.pending for link in links) or self.program
        timeout = max(0, min(timeout, 0.01 if busy else timeout))
        began = time.monotonic()
        select.select(reads, writes, [], timeout)
        self.late = max(self.late, time.monotonic() - began - timeout)
        for link in links:
            link.turn()
        while self.listener:
            try:
                sock, peer = self.listener.accept()
            except BlockingIOError:
                break
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            say("your program connects from %s port %d" % (plain(peer[0]), peer[1]))
            self.accepted.append(sock)

    def wait(self, look, until):
        """Until `look` gives something (returned) or the time is over (None)."""
        while True:
            found = look()
            if found is not None:
                return found
            now = time.monotonic()
            if now >= until():
                return None
            self.turn(until() - now)

    def link(self, step):
        name = step.get("on", "control")
        name = self.names.get(name, name)
        if name not in self.links:
            raise Differs("there is no connection called %s" % name)
        return self.links[name]

    # -- the steps, each by its name

    def connect(self, step):
        name = step["connect"]
        self.data, self.sent_datagrams, self.dropped_before = None, 0, dropped_datagrams()
        family = socket.AF_INET6 if step.get("to") == "ipv6" else socket.AF_INET
        host = {"ipv6": "::1", "external": None}.get(step.get("to"), HOST)
        if name in self.links:
            self.links[name].sock.close()
        sock = socket.socket(family)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = self.links[name] = Link(name, sock, True)
        say("[%s] connecting to %s port %d" % (name, host or own_address(), PORT))
        sock.connect_ex((host or own_address(), PORT))
        link.turn()

    def accept(self, step):
        within = step["accept"] if self.program else HUMAN
        began = time.monotonic()

        def look():
            if not self.accepted and self.program and self.program.ended() is not None:
                raise Differs("your program ended without connecting")
            return self.accepted or None
        if not self.wait(look, lambda: began + within):
            raise Differs("your program did not connect within %g s" % within)
        sock = self.accepted.pop(0)
        here = plain(sock.getsockname()[0])
        if step.get("at") == "external" and here == "127.0.0.1":
            raise Differs("your program connected to %s, not to what --target says" % here)
        name = step.get("on", "control")
        self.links[name] = Link(name, sock, False)

    def send(self, step):
        link = self.link(step)
        segments = read_send(step["send"])
        link.pending += segments
        began = time.monotonic()
        done = lambda: True if link.connecting or link.ended or not link.pending else None
        link.turn()
        self.wait(done, lambda: began + PATIENCE + PAUSE * len(segments))

    def expect(self, step):
        due, within = read_expect(step["expect"]), step["within"]
        if "NN" in due:
            first = due.index("NN")
            due[first:first + 8] = self.sent_datagrams.to_bytes(8, "big")
        names = step.get("on", "control")
        names = [names] if isinstance(names, str) else names
        links = [self.links[name] for name in (self.names.get(name, name) for name in names)]
        began, counts = time.monotonic(), "NN" in read_expect(step["expect"])

        def look():
            link = next((link for link in links if link.came), links[0] if len(links) == 1 else None)
            if link is None:
                return None
            if counts and len(link.came) >= len(due):
                self.forgive_drops(due, first, int.from_bytes(link.came[first:first + 8], "big"))
            for at, (wanted, byte) in enumerate(zip(due, link.came)):
                if wanted not in ("??", "PP") and wanted != byte:
                    raise Differs("byte %d%s is %02x instead of %02x" % (at, field_at(due, at), byte, wanted),
                                  columns(due, link.came, at))
            if len(link.came) > len(due):
                raise Differs(count(len(link.came) - len(due)) + " too many",
                              columns(due, link.came, len(due)))
            if len(link.came) == len(due):
                return link
            if link.ended:
                raise Differs("the connection ended (%s) after %d of %s"
                              % (link.ended, len(link.came), count(len(due))), columns(due, link.came, len(link.came)))
            return None
        latest = lambda: max([began] + [link.anchor for link in links]) + within
        link = self.wait(look, latest)
        if link and ROLE != "server":       # a second write of the same message may still be on its way
            self.turn(GRACE)
            link = look()
        if not link:
            link = links[0]
            raise Differs("%s within %g s" % ("only %d of %d bytes" % (len(link.came), len(due)) if link.came
                                              else "nothing", within), columns(due, link.came, len(link.came)))
        after = link.arrived - link.anchor
        if after + GRACE < step.get("not_before", 0):
            raise Differs("it came after %.3f s, and is not due before %g s" % (after, step["not_before"]))
        ports = [byte for wanted, byte in zip(due, link.came) if wanted == "PP"]
        if ports:
            self.port = ports[0] * 256 + ports[1]
        if ROLE != "server" and link.came[:2] == b"\1\1":
            data_port.echo = link.came[2] in (2, 4)     # a round-trip test wants its bytes back
        if "as_name" in step:
            self.names[step["as_name"]] = link.name
        link.came = b""

    def closed(self, step):
        link, within = self.link(step), step["closed"]
        began, earliest = time.monotonic(), step.get("not_before", 0)

        def look():
            if link.came:
                raise Differs("%s came where only a close is due" % told(link.came))
            return link.ended
        # "At" a time counts from the last byte sent; "promptly" from now as well.
        latest = lambda: (link.anchor if earliest else max(link.anchor, began)) + within
        if not self.wait(look, latest):
            raise Differs("the connection is still open after %g s" % within)
        after = link.arrived - link.anchor
        if after + GRACE < earliest:
            raise Differs("it was closed after %.3f s, and is not due before %g s" % (after, earliest))
        if link.ended.startswith("cannot"):
            raise Differs(link.ended)
        link.sock.close()

    def silent(self, step):
        link, end = self.link(step), time.monotonic() + step["silent"]

        def look():
            if link.came:
                raise Differs("%s came where nothing is due yet" % told(link.came))
            if link.ended:
                raise Differs("the connection ended (%s) where it is to stay open" % link.ended)
        self.wait(look, lambda: end)

    def leave(self, step, how):
        link, began = self.link(step), time.monotonic()
        self.wait(lambda: None if (link.connecting or link.pending) and not link.ended else True,
                  lambda: began + PATIENCE)
        say("[%s] %s" % (link.name, how))
        return link

    def shutdown(self, step):
        try:
            self.leave(step, "closing the sending side").sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self, step):
        link = self.leave(step, "closing the connection")
        link.sock.close()
        link.ended = link.ended or "closed here"

    def reset(self, step):
        link = self.leave(step, "resetting the connection")
        link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.sock.close()
        link.ended = link.ended or "reset here"

    def unconnected(self, step):
        self.turn(0)
        if self.accepted:
            raise Differs("your program has connected")

    def announced(self, step):
        if not self.port:
            raise Differs("the announced test port is 0")
        swapped = self.port % 256 * 256 + self.port // 256
        is_open = lambda port: listening(port) or listening(port, ("udp", "udp6"))
        if is_open(swapped) and not is_open(self.port):
            raise Differs("port %d is announced, but %d is open: its two bytes are swapped" % (self.port, swapped))

    def data_socket(self, step):
        """A socket to the announced port, from another address than ours for a stranger."""
        if self.data is None or step.get("stranger"):
            kind = socket.SOCK_STREAM if step["over"] == "tcp" else socket.SOCK_DGRAM
            self.data = socket.socket(socket.AF_INET, kind)
            if step.get("stranger"):
                self.data.bind(("127.0.0.2", 0))
            try:
                self.data.connect((HOST, self.port))
            except OSError as error:
                raise Differs("cannot connect to the test port %d: %s" % (self.port, error.strerror))
        self.data.settimeout(PATIENCE)
        return self.data

    def send_data(self, step):
        sock, times, message = self.data_socket(step), step["send_data"], bytes(step["size"])
        say("sending %d messages of %s to port %d over %s" % (times, count(len(message)), self.port, step["over"]))
        for _ in range(times):
            try:
                sock.sendall(message)
            except OSError as error:
                raise Differs("the test port takes no more: %s" % error)
            time.sleep(step["pace"])
        if step.get("stranger"):
            sock.settimeout(0.25)
            try:
                if sock.recv(65536):
                    raise Differs("data of a stranger is answered")
            except OSError:
                pass                # nothing comes, as it should be
            self.data = None
        elif step["over"] == "udp":
            self.sent_datagrams += times

    def round_trips(self, step):
        sock, size = self.data_socket(step), step["size"]
        say("%d round trips of %s with port %d over %s" % (step["round_trips"], count(size), self.port, step["over"]))
        for number in range(1, step["round_trips"] + 1):
            try:
                sock.sendall(bytes(size))
                came = sock.recv(65536)
                while step["over"] == "tcp" and came and len(came) < size:
                    came += sock.recv(65536)
            except OSError as error:
                raise Differs("round trip %d is not answered: %s" % (number, error))
            if len(came) != size:
                raise Differs("round trip %d brings %s back, not %s" % (number, count(len(came)), count(size)))
            self.sent_datagrams += step["over"] == "udp"

    def forgive_drops(self, due, first, told):
        """Datagrams that the kernel threw away never came to your program."""
        lost = self.sent_datagrams - told
        if 0 < lost <= dropped_datagrams() - self.dropped_before:
            say("the kernel has thrown away %d datagrams" % lost)
            due[first:first + 8] = told.to_bytes(8, "big")

    def is_open(self, over):
        return listening(self.port, (over, over + "6"))

    def port_open(self, step):
        if self.is_open(step["over"]) is False:
            raise Differs("port %d is announced, and nothing is open there over %s" % (self.port, step["over"]))

    def port_free(self, step):
        began = time.monotonic()
        if not self.wait(lambda: None if self.is_open(step["over"]) else True, lambda: began + step["port_free"]):
            raise Differs("port %d is still open over %s" % (self.port, step["over"]))

    def serve(self, step):
        began = time.monotonic()

        def look():
            while self.accepted:
                name = "served-%d" % (len(self.links) + 1)
                self.links[name] = Link(name, self.accepted.pop(0), False)
                self.links[name].said = 0
            for link in self.links.values():
                if len(link.came) >= 3 and link.said == 0:
                    link.pending, link.said = read_send("01 02 PORT"), 1
                if len(link.came) >= 5 and link.said == 1:
                    link.pending, link.said = read_send("01 04 00*8"), 2
                link.turn()
                if link.said == 2 and not link.pending and not link.ended:
                    link.sock.close()
                    link.ended = "closed here"
            return True if self.program and self.program.ended() is not None else None
        self.wait(look, lambda: began + step["serve"])

    # -- what only whoever started the program can do or see

    def start(self, step):
        self.program = Program(self.command + [arg.replace("{external}", own_address()) if "{external}" in arg
                                               else arg for arg in ARGS])
        if ROLE == "server":
            began = time.monotonic()

            def look():
                if self.program.ended() is not None:
                    raise Differs("your program ended and does not listen on port %d" % PORT)
                return listening(PORT) or None
            # Without a table to read a second has to do: to try the port would be a client of its own.
            limit = STARTUP if listening(PORT) is not None else 1
            if not self.wait(look, lambda: began + limit) and limit == STARTUP:
                raise Differs("your program does not listen on port %d within %g s" % (PORT, STARTUP))

    def restart(self, step):
        if self.program:
            self.program.end()
            self.start(step)
        elif ROLE == "server":
            input("Stop your server, start it again, and press Enter. ")
        else:
            say("now start your client once more")

    def signal(self, step):
        time.sleep(0.3)         # it may still be at work on what it was sent
        say("sending SIG%s, as Ctrl-C does" % step["signal"] if step["signal"] == "INT"
            else "sending SIG%s" % step["signal"])
        os.killpg(self.program.process.pid, getattr(signal, "SIG" + step["signal"]))

    def exits(self, step):
        began = time.monotonic()
        status = self.wait(self.program.ended, lambda: began + step["exits"])
        if status is None:
            raise Differs("your program still runs after %g s" % step["exits"])
        say("your program ended with status %d" % status)
        wanted = step.get("status")
        if wanted and (status < 0 or (status == 0) != (wanted == "zero")):
            raise Differs("your program ended with status %d, a %s one is due" % (status, wanted))

    def runs(self, step):
        end = time.monotonic() + step["runs"]
        status = self.wait(self.program.ended, lambda: end)
        if status is not None:
            raise Differs("your program ended too soon, with status %d" % status)

    def found(self, step, text):
        pattern = step.get("regex") or re.escape(text)
        flags = re.MULTILINE if step.get("regex") else re.IGNORECASE
        return list(re.finditer(pattern, self.program.text(step.get("stream")), flags))

    def prints(self, step):
        began, times = time.monotonic(), step.get("times")

        def look():
            count = len(self.found(step, step["prints"]))
            if times is not None and count > times:
                raise Differs("%r stands %d times in the output, not %d times" % (step["prints"], count, times))
            return True if (count == times if times else count) else None
        if not self.wait(look, lambda: began + step["within"]):
            raise Differs("%r does not stand in the output within %g s" % (step["prints"], step["within"]))

    def unprinted(self, step):
        if self.found(step, step["unprinted"]):
            raise Differs("%r stands in the output, where it is not due (yet)" % step["unprinted"])

    def complains(self, step):
        began = time.monotonic()

        def look():
            lines = [line.strip().lower() for line in self.program.text().splitlines()]
            return True if any(line and "data thread" not in line for line in lines) else None
        if not self.wait(look, lambda: began + PATIENCE):
            raise Differs("your program says nothing of what is wrong")

    def no_trace(self, step):
        for pattern in TRACES:
            trace = re.search(pattern, self.program.text())
            if trace:
                raise Differs("a stack trace stands in the output: %s" % trace.group(0).strip())
        status = self.program.ended()
        if status is not None and -status not in (0, signal.SIGINT, signal.SIGTERM) and status < 0:
            raise Differs("your program was killed by signal %d" % -status)

    def data_thread_ended(self, step):
        began = time.monotonic()
        count = lambda word: len(re.findall("data thread " + word, self.program.text(), re.IGNORECASE))
        if not self.wait(lambda: count("closing") >= count("opening") or None,
                         lambda: began + step["data_thread_ended"]):
            raise Differs("\"Data thread closing\" stands in the output less often than \"Data thread opening\"")

    PROCESS = ("signal", "exits", "prints", "unprinted", "complains", "no_trace", "data_thread_ended")

    # What comes too early may have come in time, and been seen too late.
    NOT_YET = ("silent", "unprinted")

    # -- all of them

    def play(self):
        for number, step in enumerate([dict(start=True)] * bool(self.command) + STEPS, not self.command):
            kind = next(iter(step))
            if kind in self.PROCESS and not self.program:
                self.left_out.append("%s: only seen where this script starts your program (-- COMMAND)" % kind)
                continue
            if kind == "restart" and ROLE == "server" and not self.program and not sys.stdin.isatty():
                self.left_out.append("restart: nobody is there to start your server again")
                continue
            try:
                getattr(self, kind)(step)
            except Differs as fault:
                where = "step %d, %r" % (number, kind) if number else "its start"
                unsure = kind in self.NOT_YET and self.late > LATE
                print("\n%s in %s: %s" % ("NOT SURE" if unsure else "NOT AS EXPECTED", where, fault.args[0]))
                if unsure:
                    print("    This machine is busy: it woke the script %.1f s too late. Play it again." % self.late)
                for line in fault.args[1] if len(fault.args) > 1 else []:
                    print("    " + line)
                if step.get("why"):
                    print("    " + step["why"])
                return 3 if unsure else 1
        print("\nAS EXPECTED: all that was tried (%d steps)" % (len(STEPS) - len(self.left_out)))
        return 0


def open_listener():
    try:
        listener = socket.socket(socket.AF_INET6)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        address = "::"
    except OSError:
        listener, address = socket.socket(), ""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, PORT))
    except OSError as error:
        sys.exit("port %d of this machine: %s" % (PORT, error.strerror))
    listener.listen(16)
    listener.setblocking(False)
    return listener


def main():
    global data_port
    arguments = sys.argv[1:]
    if arguments and arguments[0] != "--" or arguments == ["--"]:
        print(__doc__)
        return 0 if arguments[0] in ("-h", "--help") else 2
    command = arguments[1:]
    call = " ".join(["./tester"] + [shlex.quote(arg) for arg in ARGS])
    if ROLE == "command" and not command:
        print("This is about how your program is called: name it, and it is started as in\n    python3 %s -- ./tester"
              % shlex.quote(sys.argv[0]))
        return 2
    if ROLE == "server" and not command and listening(PORT) is False:
        print("Nothing listens on port %d. Start your server first:\n    %s" % (PORT, call))
        return 2
    data_port = DataPort()
    player = Player(command)
    if ROLE == "client" and not command:
        print("Listening on port %d. Now start your client:\n    %s"
              % (PORT, call.replace("{external}", own_address()) if "{external}" in call else call), flush=True)
    try:
        status = player.play()
    except KeyboardInterrupt:
        status = 130
    finally:
        if player.program:
            player.program.end()
    for line in LEFT_OUT + sorted(set(player.left_out)):
        print("Left out: " + line)
    return status


if __name__ == "__main__":
    sys.exit(main())
