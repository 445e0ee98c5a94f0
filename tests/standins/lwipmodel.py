"""lwIP's TCP sending side and MicroPython's socket on it, as an RP2 has them (v1.28.0).

A write that would wait for memory is not waited for: it is counted (`blocked`), and its bytes are
lost as they are on a board. Lines are those of MicroPython's extmod/modlwip.c (modlwip), and of
src/core/tcp_out.c (tcp_out), mem.c (mem) and include/lwip/opt.h (opt) of the lwIP that it pins.
"""

import sys
from errno import ECONNRESET, EINVAL, ENOMEM

TCP_MSS = 800
TCP_SND_BUF = 0  # install() sets it
TCP_SND_QUEUELEN = 32  # opt:1391
MEMP_NUM_TCP_SEG = 32
_HEADER = 8  # struct mem, aligned (mem:350)
_PBUF = 16  # struct pbuf, aligned
_TRANSPORT = 76  # Ethernet, IPv6 and TCP heads (opt:1597, pbuf.h PBUF_TRANSPORT), aligned
_AT_REST = 328  # what the network holds once it is up; 336 bytes with its header
_RAM = 0x20000000
_MSS, _SND_BUF = 90, 140  # where they stand in a struct tcp_pcb of the RPI_PICO_W firmware


class MemError(Exception):
    """ERR_MEM."""


class Heap:
    """mem_malloc(): the first piece that is large enough (mem:770)."""

    def __init__(self):
        self.pieces = {}  # start -> end of what is taken
        self.size = _AT_REST + _HEADER  # install() adds what is free then
        self.malloc(_AT_REST)

    def malloc(self, size):
        size = max(12, (size + 3) & ~3) + _HEADER  # MIN_SIZE, mem:330
        at = 0
        for start in sorted(self.pieces):
            if start - at >= size:
                break
            at = self.pieces[start]
        if at + size > self.size:
            raise MemError
        self.pieces[at] = at + size
        return at

    def free(self, at):
        del self.pieces[at]

    def used(self):
        return sum([self.pieces[start] - start for start in self.pieces])


heap = Heap()
segments = [0]  # of MEMP_NUM_TCP_SEG
blocked = []  # what was written where it didn't fit
sockets = []


def _pbuf(layer, size):
    return heap.malloc(_PBUF + layer + ((size + 3) & ~3))


class _Segment:
    def __init__(self, data, pbuf):
        if segments[0] >= MEMP_NUM_TCP_SEG:
            heap.free(pbuf)
            raise MemError
        segments[0] += 1
        self.data = bytearray(data)
        self.pbufs = [pbuf]

    def free(self):
        segments[0] -= 1
        for pbuf in self.pbufs:
            heap.free(pbuf)


class Socket:
    """A connection from accept(); mss and window: what its peer announced."""

    def __init__(self, mss=TCP_MSS, window=64240):
        self.mss = min(mss, TCP_MSS)
        self.window = window  # what the peer would still take
        self.snd_wnd_max = window
        self.snd_buf = TCP_SND_BUF
        self.nodelay = False
        self.unsent = []
        self.unacked = []
        self.oversize = 0
        self.received = bytearray()  # what the peer has
        self.reset = False
        self.closed = False
        sockets.append(self)

    def queuelen(self):
        return sum([len(segment.pbufs) for segment in self.unsent + self.unacked])

    def setsockopt(self, level, option, value):
        assert option == 0x40, "Warning: lwip.setsockopt() not implemented"  # modlwip:1537
        self.nodelay = bool(value)

    def write(self, buffer, *part):
        """lwip_tcp_send() of a non-blocking socket (modlwip:763)."""
        if self.reset:
            raise OSError(ECONNRESET)
        start, size = part if len(part) == 2 else (0, part[0] if part else len(buffer))
        if not self.snd_buf:
            return None
        size = min(size, self.snd_buf)
        data = bytes(memoryview(buffer)[start : start + size])
        try:
            self._tcp_write(data)
        except MemError:
            # 200 times 50 ms, and then err is that of tcp_output(): ERR_OK.
            blocked.append(size)
            return size
        if not self.unacked or self.nodelay or len(self.unsent) > 1 or self._full(self.unsent):
            self._output()
        return size

    def _mss_local(self):
        return min(self.mss, self.snd_wnd_max // 2) or self.mss  # tcp_out:404

    def _full(self, unsent):
        return bool(unsent) and len(unsent[0].data) >= self.mss

    def _prealloc(self, layer, length, most, first):
        """tcp_pbuf_prealloc() (tcp_out:228): (pbuf, what it has beyond length)."""
        size = length
        if length < most and not self.nodelay and (not first or self.unsent or self.unacked):
            size = min(most, (length + TCP_MSS + 3) & ~3)
        return _pbuf(layer, size), size - length

    def _tcp_write(self, data):
        if self.queuelen() >= TCP_SND_QUEUELEN:  # tcp_write_checks()
            raise MemError
        mss = self._mss_local()
        at = 0
        oversize = used = 0
        concat = None
        queue = []
        queuelen = self.queuelen()
        try:
            if self.unsent:
                last = self.unsent[-1]
                space = max(0, mss - len(last.data))
                oversize = self.oversize
                if oversize:  # phase 1
                    used = min(space, oversize, len(data))
                    at = used
                    oversize -= used
                    space -= used
                if at < len(data) and space:  # phase 2
                    size = min(space, len(data) - at)
                    concat, oversize = self._prealloc(0, size, space, True)
                    queuelen += 1
                    at += size
                    concat = concat, size
            while at < len(data):  # phase 3
                size = min(mss, len(data) - at)
                pbuf, oversize = self._prealloc(_TRANSPORT, size, mss, not queue)
                queuelen += 1
                if queuelen > TCP_SND_QUEUELEN:
                    heap.free(pbuf)
                    raise MemError
                queue.append(_Segment(data[at : at + size], pbuf))
                at += size
        except MemError:
            if concat:
                heap.free(concat[0])
            for segment in queue:
                segment.free()
            raise
        if used:
            self.unsent[-1].data.extend(data[:used])
        if concat:
            self.unsent[-1].data.extend(data[used : used + concat[1]])
            self.unsent[-1].pbufs.append(concat[0])
        self.oversize = oversize
        self.unsent.extend(queue)
        self.snd_buf -= len(data)

    def _output(self):
        """tcp_output(): what the peer's window allows."""
        while self.unsent and self.window:
            segment = self.unsent[0]
            if len(segment.data) > self.window:
                break  # no splitting: a model need not be kinder
            self.unsent.pop(0)
            self.window -= len(segment.data)
            self.unacked.append(segment)
            self.oversize = 0

    def acknowledge(self, count=100):
        """The peer acknowledges its oldest segments and reads them; its window opens again."""
        for _ in range(min(count, len(self.unacked))):
            segment = self.unacked.pop(0)
            self.received.extend(segment.data)
            self.snd_buf += len(segment.data)
            self.window += len(segment.data)
            segment.free()
        self._output()

    def close(self):
        self.closed = True


class _Udp:
    def sendto(self, data, address):
        """lwip_raw_udp_send() (modlwip:635): memory first, then udp_sendto() refuses IPv6."""
        assert ":" in address[0]
        try:
            heap.free(_pbuf(_TRANSPORT, len(data)))
        except MemError:
            raise OSError(ENOMEM)
        raise OSError(EINVAL)


class _New(Socket):
    """tcp_new(): an INITIAL_MSS of 536, no window known."""

    def __init__(self):
        super().__init__(536, 0)

    def close(self):
        sockets.remove(self)


class _Module:
    AF_INET = SOCK_STREAM = 1
    SOCK_DGRAM = 2
    IPPROTO_TCP = 6
    TCP_NODELAY = 0x40

    @staticmethod
    def socket(family=1, kind=1):
        return _Udp() if kind == 2 else _New()


class _Uctypes:
    @staticmethod
    def bytearray_at(address, size):
        return bytes(size)


class _Memory:
    def __init__(self, width):
        self._width = width

    def __getitem__(self, address):
        for number, sock in enumerate(sockets):
            pcb = _RAM + 1024 * number
            if self._width == 32 and address == id(sock) + 4:
                return 0 if sock.reset else pcb
            if pcb <= address < pcb + 1024:
                return {
                    _MSS: sock.mss,
                    80: TCP_SND_BUF,  # rcv_wnd, rcv_ann_wnd, ssthresh
                    82: TCP_SND_BUF,
                    114: TCP_SND_BUF,
                    _SND_BUF - 2: sock.snd_wnd_max,
                    _SND_BUF: sock.snd_buf,
                    _SND_BUF + 2: sock.queuelen(),
                }.get(address - pcb, 0)
        raise ValueError("no such memory: %x" % address)


class _Machine:
    mem16 = _Memory(16)
    mem32 = _Memory(32)


def install(root, lwip_heap, send_buffer):
    """Run hal/lwip.py of the tree at root on this; return its names.

    lwip_heap, send_buffer: bytes, as outpost.sim.boards has them.
    """
    global TCP_SND_BUF
    TCP_SND_BUF = send_buffer
    heap.size += lwip_heap
    sys.modules["socket"] = _Module
    sys.modules["uctypes"] = _Uctypes
    sys.modules["machine"] = _Machine
    names = {"__name__": "lwip"}
    with open(root + "/hal/lwip.py") as file:
        exec(file.read(), names)
    return names
