"""CRIU's image files, byte by byte, and with Debian's crit; and a dump to make some."""
import contextlib
import json
import os
import shutil
import struct
import subprocess
import tempfile

CRIT = ["/usr/bin/python3", "/usr/bin/crit"]
HEAD = 8  # bytes of magic numbers


def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


def entries(data):
    """The bytes of each entry behind its size."""
    at, found = HEAD, []
    while at < len(data):
        size, = struct.unpack_from("=I", data, at)
        assert at + 4 + size <= len(data), f"cut off at {at}"
        found.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return found


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def fields(entry):
    """[(number, value)] in their order; a value is a number or bytes."""
    at, found = 0, []
    while at < len(entry):
        key, at = varint(entry, at)
        value, at = varint(entry, at)
        if key & 7 == 2:
            size, value = value, entry[at:at + value]
            at += size
        else:
            assert key & 7 == 0
        found.append((key >> 3, value))
    return found


def messages(data):
    """The netlink messages behind the magic number: [(type, flags, seq, pid, bytes behind)]."""
    at, found = 4, []
    while at < len(data):
        size, kind, flags, seq, pid = struct.unpack_from("=IHHII", data, at)
        assert size >= 16 and at + size <= len(data)
        found.append((kind, flags, seq, pid, data[at + 16:at + size]))
        at += size + 3 & ~3
    return found


def decode(path):
    done = subprocess.run([*CRIT, "decode", "-i", path], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def recoded(path):
    """What crit makes of a file by decoding and encoding it."""
    text = subprocess.run([*CRIT, "decode", "-i", path], capture_output=True, timeout=60)
    assert text.returncode == 0, text.stderr
    with tempfile.NamedTemporaryFile() as f:
        done = subprocess.run([*CRIT, "encode", "-o", f.name], input=text.stdout,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return read(f.name)


@contextlib.contextmanager
def directory(user=None):
    """An empty directory of @user (of root, without), for images."""
    path = tempfile.mkdtemp(prefix="netcr-images-")
    try:
        if user:
            os.chown(path, user.uid, user.gid)
        yield path
    finally:
        shutil.rmtree(path)


def dump(worker, target, images, *args, user=None, check=True, **kwargs):
    """netcr-worker dump of @target (namespaces.Netns) by @user, or by root."""
    argv = [worker, "dump", "-D", images, "--pid", str(target.pid), *args]
    done = subprocess.run(user.argv(*argv) if user else argv, capture_output=True, text=True,
                          timeout=60, **kwargs)
    assert not check or done.returncode == 0, done.stderr
    return done


def restore(broker, worker, host, user, target, images, *args):
    """netcr-worker restore by @user, with all macvlans on par0 of @host."""
    return host.run(broker, "spawn", "--allow-parent", "par0", "--allow-mode", "bridge",
                    "--allow-mode", "private", "--allow-mode", "vepa", "--allow-mode",
                    "passthru", "--", worker, "restore", "-D", images, "--pid", target.pid,
                    "--external", "macvlan[*]:par0", *args, env=user.sudo_env())
