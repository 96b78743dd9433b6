"""A worker that does as it is told, however wrong. Runs as the ordinary user.

netcr-broker runs it as its command: descriptor 3 is the session; or it connects where it is told to. Descriptor 0 is a socket to the
test, which sends orders: a JSON list [name, argument...] behind a length of four bytes, with
descriptors by SCM_RIGHTS. The answer is {"ok": value} or {"errno": number, "text": ...}. Bytes
are hex, descriptors are this process's numbers. Nothing but the standard library is used, and
the interpreter runs with -I -S: it starts some hundred times.
"""
import array
import ctypes
import json
import os
import select
import signal
import socket
import struct
import sys

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
RECV_MAX = 1 << 20

libc = ctypes.CDLL(None, use_errno=True)
control = socket.socket(fileno=0)
sessions = {}


def session(fd=3):
    """The socket object of the session's descriptor."""
    if fd not in sessions:
        sessions[fd] = socket.socket(fileno=fd)
    return sessions[fd]


def connect(path):
    sessions[3] = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sessions[3].connect(path)
    assert sessions[3].fileno() == 3


def send(data, fds=(), flags=0):
    """One datagram to the broker. Never waits for room."""
    cmsgs = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    session().sendmsg([bytes.fromhex(data)], cmsgs, socket.MSG_DONTWAIT | flags)


def send_cmsgs(data, cmsgs):
    """One datagram with any control messages: [level, type, hex]."""
    session().sendmsg([bytes.fromhex(data)], [(lv, ty, bytes.fromhex(h)) for lv, ty, h in cmsgs],
                      socket.MSG_DONTWAIT)


def send_big(size, sndbuf=None):
    """One datagram of @size bytes."""
    if sndbuf:
        session().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
    session().sendmsg([bytes(size)], [], socket.MSG_DONTWAIT)


def flood(frames, seconds):
    """Send datagrams and read nothing. Returns how many went out until the other side hung up
    (EPIPE) or took no more for @seconds."""
    for i, frame in enumerate(frames):
        while True:
            try:
                session().sendmsg([bytes.fromhex(frame)], [], socket.MSG_DONTWAIT)
                break
            except BlockingIOError:
                if not select.select([], [session()], [], seconds)[1]:
                    return i
            except (BrokenPipeError, ConnectionResetError):
                return i
    return len(frames)


def recv(seconds=60):
    """What the broker sends: {"data", "fds"}, {"end": reason} or {"timeout": true}."""
    if not select.select([session()], [], [], seconds)[0]:
        return {"timeout": True}
    try:
        data, ancillary, flags, _ = session().recvmsg(RECV_MAX, 4096)
    except ConnectionResetError:
        return {"end": "reset"}
    if not data:
        return {"end": "eof"}
    return {"data": data.hex(), "fds": len(ancillary), "flags": flags}


def ask(frames):
    """Send each and return the answers, some of which are under way at a time: one order in the place of
    many."""
    ahead, answers = 8, []
    for i, frame in enumerate(frames):
        send(frame)
        if i >= ahead:
            answers.append(recv())
    return answers + [recv() for _ in frames[:ahead]]


def hang_up(how=None):
    """Close the session, or shut one direction down."""
    if how is None:
        session().close()
    else:
        session().shutdown(getattr(socket, how))


def enter(pid):
    for name, kind in (("user", CLONE_NEWUSER), ("net", CLONE_NEWNET)):
        fd = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
        if libc.setns(fd, kind) < 0:
            raise OSError(ctypes.get_errno(), f"setns {name}")
        os.close(fd)


def netlink(pid, protocol=0, bound=True):
    """A netlink socket that was opened in the namespaces of @pid, by a child that joined them.
    Returns its descriptor."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            enter(pid)
            s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
            if bound:
                s.bind((0, 0))
            socket.send_fds(theirs, [b"x"], [s.fileno()])
        finally:
            os._exit(0)
    theirs.close()
    data, fds, _, _ = socket.recv_fds(ours, 1, 1)
    os.waitpid(child, 0)
    ours.close()
    if not data:
        raise PermissionError(1, "the namespaces could not be joined")
    return fds[0]


def open_path(path, flags=os.O_RDONLY):
    return os.open(path, flags)


def close(*fds):
    for fd in fds:
        os.close(fd)


def evaluate(source):
    """Any expression, in this module's names."""
    return eval(source, globals())  # pylint: disable=eval-used


def received(*fds):
    """Descriptors that came with the order: the test's way to hand some over."""
    return list(fds)


def about():
    """What this process was given."""
    links = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            links[fd] = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:
            pass  # the one that listdir() had open
    with open("/proc/self/status") as f:
        status = dict((k, v.strip()) for k, v in (line.split(":", 1) for line in f))
    return {"fds": links, "status": status, "env": dict(os.environ), "cwd": os.getcwd(),
            "ids": [os.getresuid(), os.getresgid(), os.getgroups()]}


ORDERS = {f.__name__: f for f in (connect, send, send_cmsgs, send_big, flood, recv, ask, hang_up, netlink,
                                  open_path, close, evaluate, received, about)}


def serve_one():
    data, fds, _, _ = socket.recv_fds(control, 4, 16)
    if len(data) < 4:
        return False
    left = struct.unpack("=I", data)[0]
    text = b""
    while len(text) < left:
        text += control.recv(left - len(text))
    name, *args = json.loads(text)
    try:
        answer = {"ok": ORDERS[name](*args, *fds)}
    except OSError as e:
        answer = {"errno": e.errno, "text": str(e)}
    text = json.dumps(answer).encode()
    control.sendall(struct.pack("=I", len(text)) + text)
    return True


def main():
    # What the starter ignores the broker hands on, and here children are waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    control.sendall(struct.pack("=I", 2) + b"{}")
    while serve_one():
        pass
    return int(sys.argv[1]) if len(sys.argv) > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
