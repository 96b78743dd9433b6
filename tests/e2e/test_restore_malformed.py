"""Images that nobody should believe: status 65, the file and the record are named, and nothing
is made or changed."""
import json
import os
import struct
import subprocess

import pytest

import images
import namespaces
from images import CONF6, netdev_file, netns_file, put, record, words
from restore_helpers import LIMIT, Restore, assert_same, differences, lasting, snapshot

NETDEV, NETNS = "netdev-10.img", "netns-10.img"


@pytest.fixture(scope="module")
def place(run_procs, host, broker, worker, user1):
    """A container that no test of this module changes, as each of them proves."""
    restore = Restore(run_procs, broker, worker, host)
    restore.box = namespaces.Container(run_procs, user1)
    restore.before = snapshot(restore.box), lasting(host)
    return restore


@pytest.fixture
def good(stage):
    return images.Images.read(f"{stage}/data/macvlan-x1")


@pytest.fixture
def directory(stage, request):
    path = f"{stage}/bad-{abs(hash(request.node.name))}"
    os.mkdir(path)
    os.chmod(path, 0o755)
    return path


def without_broker(place, directory, *more, measure=False):
    argv = place.box.user.argv(place.worker, "restore", "-D", directory, "--pid",
                               str(place.box.pid), "--external", "macvlan[*]:par0", *more)
    return argv if measure else subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT, cwd="/", check=False)


def refused(place, directory, *texts, status=65):
    """Nothing is made, and everything in @texts is said, as text and as JSON."""
    result = place(place.box, directory, status=status)
    for text in texts:
        assert text in result.said, result
    assert len(result.said.splitlines()) == 1
    assert result.out == ""
    assert [line["op"] for line in result.audit] == []
    done = without_broker(place, directory, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (status, "")
    assert (report["schema"], report["status"]) == (1, status)
    assert f"netcr-worker: {report['error']}" == result.said
    assert_same(place.box, place.before[0])
    assert differences(place.before[1], lasting(place.host)) == {}
    return result


@pytest.fixture
def bad(place, directory, good):
    """bad(files, text...) with files in the place of good ones; None: it is not there."""
    def check(files, *texts, **kwargs):
        files = {k: v for k, v in (good.files() | files).items() if v is not None}
        images.write_files(directory, files)
        return refused(place, directory, *texts, **kwargs)
    return check


def test_the_good_ones_are_good(place, good, directory):
    good.write(directory)
    result = place(place.box, directory, "--dry-run")
    assert "make macvlan mv1" in result.out


# --- files


@pytest.mark.parametrize("name", [NETDEV, NETNS])
@pytest.mark.parametrize("what", ["missing", "empty", "4 bytes", "common magic", "own magic",
                                  "byte order", "magic of the other"])
def test_I1_no_image(bad, good, name, what):
    data = good.files()[name]
    if what == "missing":
        # Without netns-ID.img there is nothing to say which namespaces there are.
        bad({name: None}, "no netns-ID.img" if name == NETNS else f"{name}: cannot open it")
        return
    other = good.files()[NETNS if name == NETDEV else NETDEV]
    bad({name: {"empty": b"", "4 bytes": data[:4], "common magic": b"\x1a" + data[1:],
                "own magic": data[:4] + b"\0" + data[5:],
                "byte order": data[3::-1] + data[7:3:-1] + data[8:],
                "magic of the other": other}[what]},
        f"{name}: ", "byte order" if what == "byte order" else "magic")


@pytest.mark.parametrize("name,texts", [
    ("inventory.img", ["inventory.img: "]), (NETNS, [f"{NETNS}: record 1"])])
@pytest.mark.parametrize("length", [1, 3, 5, 6, 7, 9, 11, 13, 20, 40])
def test_I1_I2_cut_off(bad, good, name, texts, length):
    data = good.files()[name]
    bad({name: data[:length]}, *(texts if length > 8 else [f"{name}: "]))


def places_of_records(data):
    """[(start of the size, end)] of each entry."""
    at, found = 8, []
    while at < len(data):
        size = struct.unpack_from("=I", data, at)[0]
        found.append((at, at + 4 + size))
        at += 4 + size
    return found


def test_I2_cut_off_in_a_record(bad, good):
    """In the size, at its end, and in the entry: record and offset are named."""
    data = good.files()[NETDEV]
    for number, (start, end) in enumerate(places_of_records(data), 1):
        for at, what in ((start + 1, "size"), (start + 3, "size"), (start + 4, "entry"),
                         (start + 5, "entry"), (start + 100, "entry"), (end - 1, "entry")):
            bad({NETDEV: data[:at]}, f"{NETDEV}: record {number}: cut off", what, f"offset {at}")


def test_I2_cut_off_anywhere(place, good, directory):
    """At each byte of the first two records, but between them, where nothing is missing."""
    data = good.files()[NETDEV]
    good.write(directory)
    records = places_of_records(data)[:2]
    whole = [8] + [end for _, end in records]
    at = records[-1][1] - 1
    while at > 8:
        os.truncate(f"{directory}/{NETDEV}", at)
        if at not in whole:
            done = without_broker(place, directory)
            assert done.returncode == 65, f"{at}: {done.stderr}"
            assert f"{NETDEV}: record {1 + (at > whole[1])}: cut off" in done.stderr
        # Every byte where the format changes, every 13th within entries.
        near = any(abs(at - edge) < 8 for edge in whole)
        at -= 1 if near else 13
    assert_same(place.box, place.before[0])


@pytest.mark.parametrize("size", [0, 1, 256 * 1024 + 1, 2**31 - 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("name", [NETDEV, NETNS])
def test_I2_size(bad, good, name, size):
    """Also where there is as much behind it."""
    text = "has more than its one entry" if (name, size) == (NETNS, 0) else "record 1: "
    if size > 256 * 1024:
        text += f"its size is {size} bytes, more than 262144"
    bad({name: good.files()[name][:8] + words(size) + bytes(300 * 1024)}, f"{name}: {text}")


def test_I2_something_behind_the_one_entry(bad, good):
    bad({NETNS: good.files()[NETNS] + b"\0"}, f"{NETNS}: has more than its one entry")
    bad({NETNS: netns_file(good.netns, good.netns)}, f"{NETNS}: has more than its one entry")


@pytest.mark.parametrize("entry", [b"\xff", b"\x08", b"\x0a\xff\xff\xff\xff\x0f", b"\0", b"\x0b",
                                   b"\x08\x07", b"\x08" + b"\xff" * 11, b"\xff" * 99])
def test_I2_entry_that_is_no_message(bad, good, entry):
    bad({NETDEV: netdev_file(good["lo"], entry)}, f"{NETDEV}: record 2: ")


MEASURE = """import os, sys
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ), 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)"""


@pytest.fixture
def within_memory(place):
    """within_memory(directory, MiB): refused, and no more was ever in use. Of the process's
    maximum, that of whoever started it is a part: so this is a small one."""
    def run(directory, limit):
        argv = without_broker(place, directory, measure=True)
        done = subprocess.run(["/usr/bin/python3", "-I", "-S", "-c", MEASURE, *argv], check=True,
                              capture_output=True, text=True, timeout=LIMIT, cwd="/")
        status, kilobytes = map(int, done.stdout.split())
        assert status == 65, done.stderr
        assert kilobytes < limit * 1024
        assert_same(place.box, place.before[0])
        return done.stderr
    return run


@pytest.mark.no_sanitizer
def test_I3_a_million_records(good, directory, within_memory):
    good.write(directory)
    small = record(images.schema().NetDevice(type=7, ifindex=5, mtu=1500, flags=0, name="x"))
    with open(f"{directory}/{NETDEV}", "ab") as f:
        for _ in range(1000):
            f.write(small * 1000)
    assert f"{NETDEV}: more than 8192 records" in within_memory(directory, 64)


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("fat", ["sysctls", "unknown fields", "old sysctls"])
def test_I3_fat_records(good, directory, within_memory, fat):
    """Each of them within the limit of one, and all of them too much."""
    link = good["mv1"].SerializeToString()
    more = {"sysctls": b"\x4a\x02\x08\x06", "unknown fields": b"\xf8\x7f\x01",
            "old sysctls": b"\x40\x01"}[fat]
    one = record(link + more * ((200 << 10) // len(more)))
    good.write(directory)
    with open(f"{directory}/{NETDEV}", "ab") as f:
        for _ in range(1000):
            f.write(one)
    assert f"{NETDEV}: record 43: it ends beyond" in within_memory(directory, 256)


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("name", [NETDEV, NETNS])
def test_I3_sparse_file_of_2_GiB(good, directory, within_memory, name):
    good.write(directory)
    os.truncate(f"{directory}/{name}", 2 << 30)
    assert f"{name}: " in within_memory(directory, 64)


@pytest.mark.parametrize("what", ["symlink", "symlink to a good one", "FIFO", "directory",
                                  "socket", "device"])
@pytest.mark.parametrize("name", [NETDEV, NETNS, "inventory.img"])
def test_I8_not_a_regular_file(place, good, directory, name, what):
    good.write(directory)
    path = f"{directory}/{name}"
    if what == "symlink to a good one":
        os.rename(path, path + ".good")
        os.symlink(path + ".good", path)
    else:
        os.unlink(path)
        if what == "symlink":
            os.symlink("/dev/zero", path)
        elif what == "FIFO":
            os.mkfifo(path, 0o666)
        elif what == "directory":
            os.mkdir(path, 0o755)
        elif what == "device":
            os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
        else:
            os.mknod(path, 0o666 | 0o140000)
    refused(place, directory, f"{name}: ")


def test_I8_not_readable(place, good, directory):
    good.write(directory)
    os.chmod(f"{directory}/{NETDEV}", 0o600)
    refused(place, directory, f"{NETDEV}: cannot open it: Permission denied")


def test_I8_no_directory(place, directory):
    refused(place, f"{directory}/none", "cannot open the image directory")


# --- records


def test_unknown_kind(bad, good):
    good["mv1"].ClearField("type")
    entry = b"\x08\x63" + good["mv1"].SerializePartialToString()
    bad({NETDEV: netdev_file(good["lo"], entry)}, f"{NETDEV}: record 2: link mv1", "99")


@pytest.mark.parametrize("kind, text", [
    ("veth", "does not say which its other end is"), ("tun", "has no tun part"),
    ("sit", "has no sit part")])
def test_I4_kinds_without_their_parts(bad, good, kind, text):
    """More about the kinds is in test_kinds_refused.py."""
    good.links.append(images.schema().NetDevice(type=images.KINDS[kind], ifindex=7, mtu=1500,
                                                flags=1, name="other0"))
    bad(good.files(), f"{NETDEV}: record 3: {kind} other0 {text}")


def change(good, **fields):
    for key, value in fields.items():
        target = good["mv1"]
        if value is None:
            target.ClearField(key)
        elif key in ("mode", "macvlan_flags"):
            setattr(target.macvlan, key.removeprefix("macvlan_"), value)
        else:
            setattr(target, key, value)
    return good.files()


@pytest.mark.parametrize("fields", [
    {"macvlan": None}, {"mode": 0}, {"mode": 3}, {"mode": 32}, {"mode": 2**32 - 1},
    {"macvlan_flags": 4}, {"macvlan_flags": 2**32 - 1}, {"macvlan_flags": 0x10001},
    {"address": None}, {"address": b""}, {"address": b"\x02\0\0\0\1"},
    {"address": b"\x02\0\0\0\0\0\1"}, {"address": b"\x01\0\x5e\0\0\1"}, {"address": b"\xff" * 6},
    {"address": bytes(6)}, {"address": bytes(33)}, {"mtu": 0}, {"mtu": 67}, {"mtu": 70000},
    {"mtu": 2**32 - 1}, {"ifindex": 0}, {"ifindex": 2**31}, {"ifindex": 2**32 - 1}], ids=str)
def test_I4_values(bad, good, fields):
    bad(change(good, **fields), f"{NETDEV}: record 2: ", "mv1")


@pytest.mark.parametrize("field", ["type", "ifindex", "mtu", "flags", "name", "mode"])
def test_I4_required_field_is_missing(bad, good, field):
    (good["mv1"].macvlan if field == "mode" else good["mv1"]).ClearField(field)
    bad(good.files(), f"{NETDEV}: record 2: ")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../all", "a:b", "a b", "mv%d", "a\x01",
                                  "a\x7f", "a\nb", "x" * 16, "x" * 4096, "all", "default", "lo",
                                  "é", "\x1b[2J", "a\0b"], ids=repr)
def test_I7_names(bad, good, name):
    good.links[1].name = name
    result = bad(good.files(), f"{NETDEV}: record 2: ")
    assert result.said.isprintable()


def test_I7_fields_twice(bad, good):
    """Of which the last one would count, and the first one be what a reader sees."""
    entry = good["mv1"].SerializeToString() + b"\x2a\x05other"
    bad({NETDEV: netdev_file(good["lo"], entry)}, f"{NETDEV}: record 2: ", "twice")


def test_I7_name_of_raw_bytes(bad, good):
    entry = good["mv1"].SerializeToString().replace(b"\x2a\x03mv1", b"\x2a\x03\xff\xfe\x80")
    result = bad({NETDEV: netdev_file(good["lo"], entry)}, f"{NETDEV}: record 2: ")
    assert result.said.isprintable()


@pytest.mark.parametrize("name,index", [("lo2", 1), ("lo", 2), ("eth0", 1)])
def test_I7_loopback_that_is_none(bad, good, name, index):
    good.links[0].name, good.links[0].ifindex = name, index
    bad(good.files(), f"{NETDEV}: record 1: ", "loopback")


@pytest.mark.parametrize("same", ["index", "name", "address", "loopback", "index of lo"])
def test_I6_twice(bad, good, same):
    good.like(3)
    first, last = good["mv0"], good["mv2"]
    if same == "index":
        last.ifindex = first.ifindex
    elif same == "name":
        last.name = first.name
    elif same == "address":
        last.address = first.address
    elif same == "loopback":
        good.links[3].CopyFrom(good["lo"])
    else:
        first.ifindex = 1
    bad(good.files(), f"{NETDEV}: record ", {"index": "index 2000", "name": "name mv0",
                                            "address": "address of mv0",
                                            "loopback": "lo", "index of lo": "index 1"}[same])


def test_I6_same_address_while_down_is_fine(place, good, directory):
    good.like(2)
    good["mv1"].address = good["mv0"].address
    good["mv1"].flags &= ~1
    good.write(directory)
    place(place.box, directory, "--dry-run")


@pytest.mark.parametrize("text", ["x" * 128, "x" * 5000, "a\x01b", "a\x7f", "1\n2\n", "é",
                                  "1\n\n", "\x1b[2J"], ids=repr)
@pytest.mark.parametrize("where", ["link", "netns"])
def test_I7_sysctl_texts(bad, good, text, where):
    if where == "link":
        put(good["mv1"].conf6, CONF6, stable_secret=text)
        bad(good.files(), f"{NETDEV}: record 2: conf6: stable_secret")
    else:
        good.netns.ClearField("ipv4_sysctl")
        good.netns.ipv4_sysctl.add(type=images.CTL_STR, sarg=text)
        bad(good.files(), f"{NETNS}: record 1: ipv4_sysctl: ping_group_range")


@pytest.mark.parametrize("kind", [0, 1, 4, 7, 2**31 - 1])
def test_I7_type_of_a_sysctl(bad, good, kind):
    entry = b"\x4a" + struct.pack("=BB", len(varint(kind)) + 1, 8) + varint(kind)
    good["mv1"].ClearField("conf4")
    link = good["mv1"].SerializeToString() + entry
    bad({NETDEV: netdev_file(good["lo"], link)}, f"{NETDEV}: record 2: ")


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


@pytest.mark.parametrize("key", ["unix_conf", "ipv4_sysctl"])
def test_lists_that_have_one_entry(bad, good, key):
    while len(getattr(good.netns, key)) < 2:
        getattr(good.netns, key).add(type=images.CTL_32, iarg=10)
    bad(good.files(), f"{NETNS}: record 1: {key}")


@pytest.mark.parametrize("pairs,text", [
    ([(2, 5), (10, 5)], "nsid 5"), ([(2, 5), (2, 6)], "namespace 2"), ([(2, 5), (2, 5)], "nsid 5"),
    ([(2, -1)], "nsid -1 is negative"), ([(10, -2147483648)], "negative"),
    ([(0, 5)], "namespace 0"),
    ([(2, i) for i in range(1025)], "1025 nsids")], ids=str)
def test_I10_nsids(bad, good, pairs, text):
    for target, nsid in pairs:
        good.netns.nsids.add(target_ns_id=target, netnsid_value=nsid)
    bad(good.files(), f"{NETNS}: record 1: ", text)


def test_I10_nsid_of_a_namespace_that_is_not_given(bad, good):
    good.netns.nsids.add(target_ns_id=77, netnsid_value=5)
    bad(good.files(), f"{NETNS}: record 1: ", "namespace 77", "--netns 77=PATH", status=64)


def test_I10_nsid_of_the_host_without_an_inventory(bad, good):
    """Then nothing says which id is the host's."""
    good.netns.nsids.add(target_ns_id=2, netnsid_value=5)
    bad(good.files() | {"inventory.img": None}, f"{NETNS}: record 1: ", "namespace 2", status=64)
    good.netns.nsids[0].target_ns_id = 0
    bad(good.files() | {"inventory.img": None}, f"{NETNS}: record 1: ", "namespace 0")


def test_external_namespace(bad, good):
    good.netns.ext_key = "net\x1b[2J[4026531840]"
    result = bad(good.files() | {NETDEV: None}, f"{NETNS}: ", "external")
    assert result.said.isprintable()


def test_master(bad, good):
    good["mv1"].master = 5
    bad(good.files(), f"{NETDEV}: record 2: link mv1 has the link with index 5 as its master")


# --- which namespace


def test_two_namespaces_by_the_root_tasks(place, good, directory):
    """The images of more than one: that of the root task, or the one that is named."""
    good.write(directory)
    files = good.files()
    good["mv1"].name = "other"
    images.write_files(directory, {"netdev-11.img": netdev_file(*good.links),
                                   "netns-11.img": files[NETNS]})
    assert "mv1" in place(place.box, directory, "--dry-run").out
    assert "other" in place(place.box, directory, "--dry-run", "--ns-id", "11").out
    for ids in (None, b"", files["ids-1.img"][:20], words(0, 0)):
        if ids is None:
            os.unlink(f"{directory}/ids-1.img")
        else:
            images.write_files(directory, {"ids-1.img": ids})
        refused(place, directory, "ids-1.img: ")


def test_namespace_without_images(place, good, directory):
    good.write(directory)
    result = place(place.box, directory, "--ns-id", "12", status=65)
    assert "netns-12.img: cannot open it" in result.said


def test_too_many_namespaces(place, good, directory):
    good.write(directory)
    images.write_files(directory, {f"netns-{i}.img": b"" for i in range(100, 1200)})
    refused(place, directory, "more than 1024")


def test_names_that_are_no_images(place, good, directory):
    """Only netns-ID.img counts, with an ID as it is written."""
    good.write(directory)
    images.write_files(directory, {name: b"" for name in (
        "netns-.img", "netns-x.img", "netns-010.img", "netns-11.img.bak", "netns-0.img",
        "netns-4294967296.img", "netns--1.img", "netns-99999999999999999999999.img")})
    place(place.box, directory, "--dry-run")


@pytest.mark.parametrize("what", ["empty", "magic", "record", "ids"])
def test_inventory(bad, good, what):
    data = good.rest["inventory.img"]
    bad({"inventory.img": {"empty": b"", "magic": b"\0" + data[1:], "record": data[:-1],
                           "ids": data[:4] + record(b"\x08\x02\x1a\x02\x30")}[what]},
        "inventory.img: ")


def test_everything_random(place, good, directory):
    """Bytes turned over, one at a time in a fixed order: a restore is planned, or refused as a
    bad image, and the process does not die of it."""
    data = bytearray(good.files()[NETDEV])
    good.write(directory)
    state, seen = 12345, set()
    for _ in range(150):
        state = (state * 1103515245 + 12345) & 0x7fffffff
        at, value = (state >> 8) % len(data), state & 255
        changed = bytes(data[:at]) + bytes([data[at] ^ (value or 1)]) + bytes(data[at + 1:])
        images.write_files(directory, {NETDEV: changed})
        done = without_broker(place, directory, "--dry-run")
        assert done.returncode in (0, 65), f"{at} {value}: {done.returncode} {done.stderr}"
        assert "Sanitizer" not in done.stderr
        seen.add(done.returncode)
    assert seen == {0, 65}
