"""When a restore fails, everything is as it was, the message names the link, and the exit status
says so."""
import os
import signal
import struct
import time

import pytest

import images
import namespaces
from images import CONF4, CONF6, put
from namespaces import wait_until
from nlmsg import RTM_NEWNSID, attr, u32
from restore_helpers import (PLAN_GROUP, assert_restored, assert_same, data, gone_later,  # noqa: F401
                             differences, lasting, relay, restore, snapshot, sysctl, written, x1)

NUMBER = 12
PLACES = [0, 5, NUMBER - 1]
SYS_PPOLL = 271
NETNSA_NSID, NETNSA_FD = 1, 3


@pytest.fixture
def many(x1):
    """Links mv0.., and changed values of all that is not a link: an undo has work to do."""
    im = x1.like(NUMBER)
    for conf in (im.netns.all_conf4, im.netns.def_conf4, im["lo"].conf4):
        put(conf, CONF4, rp_filter=2, arp_ignore=1, forwarding=1)
    for conf in (im.netns.all_conf6, im.netns.def_conf6):
        put(conf, CONF6, hop_limit=99, forwarding=1)
    im.netns.unix_conf[0].iarg = 99
    im["lo"].flags |= 1
    im["lo"].mtu = 1400
    put(im["lo"].conf6, CONF6, mtu=1400)
    return im


def fails(restore, box, path, host, status, *more, **kwargs):
    """Restore, see it fail, and nothing changed on either side."""
    before = snapshot(box), lasting(host)
    result = restore(box, path, *more, status=status, **kwargs)
    assert_same(box, before[0])
    assert differences(before[1], lasting(host)) == {}
    return result


def test_the_images_of_these_tests_are_fine(restore, container, user1, written, many, own_host):
    """But for what each of the tests does to them."""
    box, path = container(user1), written(many)
    restore(box, path)
    assert_restored(box, path, own_host)
    assert sysctl(box, "unix/max_dgram_qlen") == "99"


@pytest.mark.parametrize("k", PLACES)
def test_K5_name_is_taken(restore, container, user1, written, many, own_host, k):
    """By the time the plan is made: refused before anything is done."""
    box = container(user1)
    box.ip("link", "add", f"mv{k}", "type", "bridge")
    result = fails(restore, box, written(many), own_host, 1)
    assert f"mv{k}:" in result.said and "nothing was done" in result.said


@pytest.mark.parametrize("what", ["name", "index"])
@pytest.mark.parametrize("k", PLACES)
def test_K5_taken_after_the_plan(relay, container, user1, written, many, k, what):
    """Somebody in the container is faster."""
    box, path = container(user1), written(many)
    before = snapshot(box)[1]
    run = relay(box, path)
    for request in run:
        if request.WhichOneof("op") == "link_create":
            where = {"name": (f"mv{k}",), "index": ("other", "index", str(2000 + k))}[what]
            box.ip("link", "add", *where, "type", "bridge")
    result = run.result()
    assert result.status == 1, result
    assert f"record {k + 2}: cannot make macvlan mv{k} on par0: E" in result.said
    assert "everything is as it was" in result.said
    links, after = snapshot(box)
    assert list(links) == ["lo", where[0]]
    assert {k: v for k, v in before.items() if after[k] != v} == {}


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("k", PLACES)
def test_K5_address_is_taken(restore, container, user1, written, many, own_host, k, up):
    """A macvlan of the host has it, on the same parent. It matters only while both are up."""
    own_host.ip("link", "add", "mine", "link", "par0", "address",
                many[f"mv{k}"].address.hex(":"), "type", "macvlan", "mode", "bridge")
    own_host.ip("link", "set", "mine", "up")
    if not up:
        many[f"mv{k}"].flags &= ~1
        box, path = container(user1), written(many)
        restore(box, path)
        assert_restored(box, path, own_host)
        return
    result = fails(restore, container(user1), written(many), own_host, 1)
    assert f"cannot bring macvlan mv{k} up" in result.said and "EADDRINUSE" in result.said
    assert "everything is as it was" in result.said


@pytest.mark.parametrize("early", [True, False])
def test_K5_address_is_taken_for_a_while(restore, container, user1, written, many, own_host, early):
    """Also where the link has to be up before the others, for the sake of its own MTU of IPv6."""
    if early:
        put(many["mv5"].conf6, CONF6, mtu=1400)
    own_host.batch(f"link add old link par0 address {many['mv5'].address.hex(':')} up type macvlan "
                   "mode bridge")
    box, path = container(user1), written(many)
    with gone_later(own_host, "old", box):
        restore(box, path)
    assert_restored(box, path, own_host)


@pytest.mark.parametrize("k", PLACES)
def test_K5_mtu_above_the_parents(restore, container, user1, written, many, own_host, k):
    many[f"mv{k}"].mtu = 1501
    result = fails(restore, container(user1), written(many), own_host, 1)
    assert f"cannot make macvlan mv{k} on par0: EINVAL" in result.said
    assert "MTU" in result.said


def two_parents(host):
    host.batch("link add par1 type bridge", "link set par1 up")


@pytest.mark.parametrize("k", PLACES)
def test_parent_is_not_allowed(restore, container, user1, written, many, own_host, k):
    two_parents(own_host)
    result = fails(restore, container(user1), written(many), own_host, 77,
                   "--external", f"macvlan[mv{k}]:par1")
    assert "mv" in result.said and "refuses" in result.said
    assert result.audit[-1]["verdict"] == "denied"


def test_parent_never_was(restore, container, user1, written, many, own_host):
    """Not told apart from one that is not allowed."""
    result = fails(restore, container(user1), written(many), own_host, 77,
                   external="macvlan[*]:par7")
    assert "refuses" in result.said


@pytest.mark.parametrize("k", PLACES)
def test_K6_one_of_two_parents_is_gone(restore, container, user1, written, many, own_host, k):
    """Deleted between the start of the session and the restore."""
    two_parents(own_host)
    box, path = container(user1), written(many)
    before = snapshot(box)
    run = restore.start(box, path, "--external", f"macvlan[mv{k}]:par1", allow=("par0", "par1"))
    own_host.ip("link", "del", "par1")
    result = run.go().result()
    assert result.status == 1, result
    assert f"cannot make macvlan mv{k} on par1: ENODEV" in result.said
    assert_same(box, before)


def at_second_create(run, function):
    """Relay, and call @function when one link-create was answered and another one is asked."""
    creates = 0
    for request in run:
        creates += request.WhichOneof("op") == "link_create"
        if creates == 2:
            function()
            creates += 1
    assert creates >= 3, run.result()
    return run.result()


def test_K6_parent_goes_in_the_middle(relay, container, user1, written, x1, own_host):
    """The macvlans that were made go with it."""
    box, path = container(user1), written(x1.like(130))
    before = snapshot(box)
    result = at_second_create(relay(box, path), lambda: own_host.ip("link", "del", "par0"))
    assert result.status == 1, result
    assert "record 130: cannot make macvlan mv128 on par0: ENODEV" in result.said
    assert_same(box, before)


@pytest.mark.parametrize("what", ["renamed", "down", "other MTU"])
def test_K6_parent_changes_in_the_middle(relay, container, user1, written, x1, own_host, what):
    box, path = container(user1), written(x1.like(130))
    before = snapshot(box)
    lines = {"renamed": ["link set par0 down", "link set par0 name par9", "link set par9 up"],
             "down": ["link set par0 down"], "other MTU": ["link set par0 mtu 1400"]}[what]
    result = at_second_create(relay(box, path), lambda: own_host.batch(*lines))
    if what == "down":
        assert result.status == 0, result
        assert_restored(box, path, own_host)
        return
    assert result.status == 1, result
    error = "ENODEV" if what == "renamed" else "EINVAL"
    assert f"mv128 on par0: {error}" in result.said
    assert_same(box, before)


def test_sysctl_that_the_kernel_does_not_take(restore, container, user1, written, many, own_host):
    """hop_limit is 1..255."""
    put(many["mv5"].conf6, CONF6, hop_limit=300)
    result = fails(restore, container(user1), written(many), own_host, 1)
    assert "net/ipv6/conf/mv5/hop_limit" in result.said


def test_sysctl_of_the_namespace_that_the_kernel_does_not_take(restore, container, user1, written,
                                                               many, own_host):
    """A group that the container does not have."""
    del many.netns.ipv4_sysctl[:]
    many.netns.ipv4_sysctl.add(type=images.CTL_STR, sarg="0\t5000\n")
    result = fails(restore, container(user1), written(many), own_host, 1)
    assert "net/ipv4/ping_group_range" in result.said


def test_what_cannot_be_undone_is_named(restore, container, user1, written, many, own_host):
    """The kernel has no way to unset a stable_secret: exit status 2, not a false 1."""
    secret = "2001:0db8:0001:0203:0405:0607:0809:0a0b\n"
    put(many.netns.def_conf6, CONF6, stable_secret=secret)
    # It is written before the links only where each that is made is to have one.
    for link in [link for link in many.links if link.name != "lo"]:
        put(link.conf6, CONF6, stable_secret=secret)
    put(many["mv5"].conf6, CONF6, hop_limit=300)
    box = container(user1)
    before = snapshot(box)
    result = restore(box, written(many), status=2)
    assert "sysctl net/ipv6/conf/default/stable_secret is left changed" in result.said
    assert "hop_limit" in result.said
    links, sysctls = snapshot(box)
    # The kernel sets the mode of every link by it, that of lo included.
    assert set(differences(before[0], links)) <= {"lo.inet6_addr_gen_mode"}
    assert {k.partition("conf/")[2] for k, v in sysctls.items() if before[1][k] != v} <= {
        "default/stable_secret", "lo/addr_gen_mode"}


def test_failure_as_json(restore, container, user1, written, many, own_host):
    many["mv5"].mtu = 1501
    result = fails(restore, container(user1), written(many), own_host, 1, "--json")
    assert (result.json["schema"], result.json["status"]) == (1, 1)
    assert "mv5" in result.json["error"]
    assert result.said == ""


# --- signals, and processes that end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_stop(relay, container, user1, written, x1, number):
    """In the middle: undone, and status 1."""
    x1.netns.unix_conf[0].iarg = 99
    box, path = container(user1), written(x1.like(130))
    before = snapshot(box)
    run = relay(box, path)
    result = at_second_create(run, lambda: run.worker.proc.send_signal(number))
    assert result.status == 1, result
    assert f"interrupted by {number.name}" in result.said
    assert_same(box, before)


# The ops of a restore of 130 links, in their order, after the request or after the answer.
STEPS = [(op, answered) for op in ("hello", "target_bind", "nsid_alloc", "link_create 1",
                                   "link_create 2") for answered in (False, True)]


def kill_at(run, step, pid):
    """Relay up to @step, and kill a process there."""
    creates = 0
    for request in run:
        op = request.WhichOneof("op")
        if op == "link_create":
            creates += 1
            op = f"link_create {creates}"
        if op != step[0]:
            continue
        if step[1]:
            run.forward()
            assert run.answer().error == 0
        os.kill(pid, signal.SIGKILL)
        run.hang_up()
        return
    raise AssertionError(f"it never came to {step}: {run.result()}")


def assert_whole(box, im):
    """Each link there is is as the image says, or in the group of unfinished ones."""
    for name, link in box.links().items():
        if name == "lo" or link["group"] == str(PLAN_GROUP):
            continue
        entry = im[name]
        assert (link["ifindex"], link["mtu"]) == (entry.ifindex, entry.mtu)
        assert link["address"] == entry.address.hex(":")


@pytest.fixture
def two_requests(x1):
    """Of link-create; an nsid, and sysctls of the namespace and of links."""
    x1.netns.nsids.add(target_ns_id=2, netnsid_value=5)
    x1.netns.unix_conf[0].iarg = 99
    put(x1.netns.def_conf4, CONF4, rp_filter=2)
    return x1.like(130)


@pytest.mark.parametrize("step", STEPS, ids=lambda s: f"{s[0]} {'answered' if s[1] else 'asked'}")
def test_K1_broker_is_killed(relay, restore, container, user1, written, two_requests, own_host,
                             step):
    """What was made is undone by the worker alone; the message says what it was at."""
    box, path = container(user1), written(two_requests)
    before = snapshot(box)
    run = relay(box, path)
    kill_at(run, step, run.session)
    result = run.result()
    making = step[0].startswith("link") or step[0].startswith("nsid")
    assert result.status == (1 if making else 69), result
    assert "the broker has ended the session" in result.said
    assert ("everything is as it was" in result.said) == making
    assert_same(box, before)
    restore(box, path)
    assert_restored(box, path, own_host)


@pytest.mark.parametrize("step", STEPS, ids=lambda s: f"{s[0]} {'answered' if s[1] else 'asked'}")
def test_K2_worker_is_killed(relay, restore, container, user1, written, two_requests, own_host,
                             step):
    """What it left is known by its group, and taken away by the next restore."""
    box, path = container(user1), written(two_requests)
    run = relay(box, path)
    kill_at(run, step, run.worker.proc.pid)
    assert run.result().status == -signal.SIGKILL
    assert {link["group"] for name, link in box.links().items() if name != "lo"} <= {
        str(PLAN_GROUP)}
    left = len(box.links()) > 1
    result = restore(box, path)
    assert ("an interrupted restore had left were deleted" in result.said) == left
    assert_restored(box, path, own_host)


# Milliseconds after the start of the worker; a restore of 500 takes some 150.
DELAYS = [0, 5, 10, 15, 20, 30, 45, 60, 80, 110, 150, 200, 250]


@pytest.mark.parametrize("who", ["session", "worker"])
@pytest.mark.parametrize("delay", DELAYS)
def test_K1_K2_killed_at_any_time(restore, container, user1, data, own_host, delay, who):
    box, path = container(user1), f"{data}/macvlan-x500"
    before = snapshot(box)
    run = restore.start(box, path).go()
    time.sleep(delay / 1000)
    run.to_session(signal.SIGKILL) if who == "session" else run.to_worker(signal.SIGKILL)
    result = run.result()
    if result.status == 0:
        assert_restored(box, path, own_host, every=50)
        return
    if who == "session":
        assert result.status in (1, 69), result
        assert_same(box, before)
    else:
        assert result.status == -signal.SIGKILL, result
        assert_whole(box, images.Images.read(path))
    links = box.links()
    if {link["group"] for link in links.values()} == {"default"} and len(links) > 1:
        # Released: it was done, but for its last words.
        assert_restored(box, path, own_host, every=50)
        return
    restore(box, path)
    assert_restored(box, path, own_host, every=50)


def test_K3_broker_is_stopped_and_killed(restore, container, user1, data):
    box = container(user1)
    before = snapshot(box)
    run = restore.start(box, f"{data}/macvlan-x10").to_session(signal.SIGSTOP).go()
    wait_until(lambda: run.waits_in(SYS_PPOLL), "the worker waits for an answer")
    run.to_session(signal.SIGKILL)
    result = run.result()
    assert result.status == 69, result
    assert_same(box, before)


def test_K3_broker_is_stopped_for_a_while(restore, container, user1, data, own_host):
    box = container(user1)
    run = restore.start(box, f"{data}/macvlan-x10").to_session(signal.SIGSTOP).go()
    wait_until(lambda: run.waits_in(SYS_PPOLL), "the worker waits for an answer")
    time.sleep(0.3)
    run.to_session(signal.SIGCONT)
    assert run.result().status == 0
    assert_restored(box, f"{data}/macvlan-x10", own_host)


def test_K3_worker_is_stopped_for_a_while(restore, container, user1, data, own_host):
    """And another one is served meanwhile."""
    box, other = container(user1), container(user1)
    run = restore.start(box, f"{data}/macvlan-x500").go()
    wait_until(run.is_worker, "the worker runs")
    run.to_worker(signal.SIGSTOP)
    restore(other, f"{data}/macvlan-uns")
    run.to_worker(signal.SIGCONT)
    assert run.result().status == 0
    assert_restored(box, f"{data}/macvlan-x500", own_host)


def test_K7_the_containers_processes_die(relay, restore, container, user1, written, two_requests,
                                         own_host):
    """The namespace lives on by the worker's own descriptors, and goes with them."""
    box, path = container(user1), written(two_requests)
    before = lasting(own_host)
    result = at_second_create(relay(box, path), box.close)
    assert result.status == 0, result
    wait_until(lambda: differences(before, lasting(own_host)) == {}, "nothing is left on the host")
    other = container(user1)
    wait_until(lambda: restore(other, path, status=None).status == 0, "the addresses are free")
    assert_restored(other, path, own_host)


def test_K7_there_is_no_such_process_by_then(restore, container, user1, data):
    box = container(user1)
    run = restore.start(box, f"{data}/macvlan-x1")
    box.close()
    result = run.go().result()
    assert result.status == 71, result
    assert str(box.pid) in result.said


def test_K8_nsid_of_a_namespace_that_is_dying(restore, container, procs, user1, written, x1,
                                              own_host):
    """The id is taken until the kernel has cleaned up, and tried again for a while."""
    x1.netns.nsids.add(target_ns_id=2, netnsid_value=5)
    box, other = container(user1), namespaces.Netns(procs)
    fd = other.open()
    with box.netlink() as sock:
        attrs = attr(NETNSA_NSID, u32(5)) + attr(NETNSA_FD, u32(fd))
        sock.send(struct.pack("=IHHIIB3x", 20 + len(attrs), RTM_NEWNSID, 5, 1, 0, 0) + attrs)
        assert struct.unpack_from("=i", sock.recv(4096), 16)[0] == 0
    os.close(fd)
    assert "nsid 5" in box.ip("netns", "list-id")
    other.close()
    path = written(x1)
    restore(box, path)
    assert_restored(box, path, own_host)
    assert box.links()["mv1"]["link_netnsid"] == 5


def test_K10_two_restores_into_one_namespace(relay, restore, container, user1, written, x1,
                                             own_host):
    """The second one says so at once, and changes nothing; the first one does not notice."""
    box, path = container(user1), written(x1.like(130))
    seen = []

    def second():
        before = snapshot(box)
        seen.append(restore(box, path, status=1))
        assert_same(box, before)
    result = at_second_create(relay(box, path), second)
    assert "another restore into this network namespace is going on" in seen[0].said
    assert result.status == 0, result
    assert_restored(box, path, own_host)


def test_K10_at_the_same_time(restore, container, user1, data, own_host):
    box = container(user1)
    runs = [restore.start(box, f"{data}/macvlan-x100") for _ in range(3)]
    for run in runs:
        run.go()
    results = [run.result() for run in runs]
    assert sorted(r.status for r in results) == [0, 1, 1], results
    assert_restored(box, f"{data}/macvlan-x100", own_host)


@pytest.mark.parametrize("who", ["worker", "session"])
def test_K10_next_restore_right_after_a_killed_one(restore, container, user1, data, own_host, who):
    """Without a pause: what the dead one's session is at still may be in the way of the next
    one, which says so then; it never makes a mixture, and the one after it succeeds."""
    box, path = container(user1), f"{data}/macvlan-x500"
    run = restore.start(box, path).go()
    time.sleep(0.04)
    if who == "worker":
        run.to_worker(signal.SIGKILL)
        run.proc.wait()
    else:
        run.to_session(signal.SIGKILL)
        run.proc.wait()

    def again():
        result = restore(box, path, status=None)
        assert result.status in (0, 1) or "is left" in result.said, result
        return result.status == 0
    wait_until(again, "one succeeds")
    assert_restored(box, path, own_host)


def test_group_of_unfinished_links_is_somebody_elses(restore, container, user1, data):
    """A link of a kind that is never made is not deleted for having the same number."""
    box = container(user1)
    box.ip("link", "add", "mine", "group", str(PLAN_GROUP), "type", "ifb")
    before = snapshot(box)
    result = restore(box, f"{data}/macvlan-x1", status=1)
    assert "link mine" in result.said
    assert_same(box, before)
