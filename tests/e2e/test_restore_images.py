"""What CRIU wrote, restored by an ordinary user: everything is as `crit decode` says."""
import pytest

import images
from images import CONF4, CONF6, put
from restore_helpers import (assert_restored, assert_same, data, differences, inside, lasting,  # noqa: F401
                             macvlan_flags, read_text, restore, settable, snapshot, sysctl, written, x1)

SETS = ["macvlan-uns", "macvlan-x1", "macvlan-x10", "macvlan-x100", "macvlan-x500"]


@pytest.mark.parametrize("name", SETS)
def test_what_criu_wrote(restore, container, user1, data, own_host, name):
    box = container(user1)
    before = lasting(own_host)
    result = restore(box, f"{data}/{name}")
    assert_restored(box, f"{data}/{name}", own_host)
    assert "read back and right" in result.out
    assert "warning" not in result.said
    assert differences(before, lasting(own_host)) == {}


def other_addresses(source):
    """The same images with other MAC addresses: two that are up on one parent must differ."""
    im = images.Images.read(source)
    for link in im.links:
        if link.HasField("address"):
            link.address = bytes([link.address[0] ^ 4]) + link.address[1:]
    return im


@pytest.mark.parametrize("name", ["macvlan-uns", "macvlan-x100"])
def test_two_users_at_once(restore, container, user1, user2, data, written, own_host, name):
    boxes = container(user1), container(user2)
    sets = f"{data}/{name}", written(other_addresses(f"{data}/{name}"))
    runs = [restore.start(box, path) for box, path in zip(boxes, sets)]
    for run in runs:
        run.go()
    for run in runs:
        result = run.result()
        assert result.status == 0, result
    for box, path in zip(boxes, sets):
        assert_restored(box, path, own_host)


def test_two_containers_of_one_user_at_once(restore, container, user1, data, written, own_host):
    boxes = container(user1), container(user1)
    sets = f"{data}/macvlan-x10", written(other_addresses(f"{data}/macvlan-x10"))
    runs = [restore.start(box, path).go() for box, path in zip(boxes, sets)]
    assert [run.result().status for run in runs] == [0, 0]
    for box, path in zip(boxes, sets):
        assert_restored(box, path, own_host)


# --- how the target is named


def test_container_with_subordinate_ids(restore, container, user1, data, own_host):
    box = container(user1, subids=True)
    restore(box, f"{data}/macvlan-x10")
    assert_restored(box, f"{data}/macvlan-x10", own_host)


@pytest.mark.parametrize("userns", [False, True])
def test_target_by_paths(restore, container, user1, data, own_host, userns):
    box = container(user1)
    target = ["--netns", box.path] + ["--userns", f"/proc/{box.pid}/ns/user"] * userns
    restore(box, f"{data}/macvlan-x10", target=target)
    assert_restored(box, f"{data}/macvlan-x10", own_host)


def test_target_is_where_it_runs(restore, container, user1, data, own_host):
    box = container(user1)
    enter = ["nsenter", "-t", box.pid, "-U", "-n", "--preserve-credentials", "--"]
    restore(box, f"{data}/macvlan-x10", target=(), prefix=enter)
    assert_restored(box, f"{data}/macvlan-x10", own_host)


def test_netns_of_another_process_in_the_same_userns(restore, container, user1, data, own_host):
    """As in a pod: the network namespace is not that of the process with the user namespace."""
    box = container(user1, then=("unshare", "-n"))
    restore(box, f"{data}/macvlan-uns")
    assert_restored(box, f"{data}/macvlan-uns", own_host)


# --- values that CRIU's own tests did not have


def restored(restore, container, user1, written, own_host, im, *more, **kwargs):
    box = container(user1)
    path = written(im)
    result = restore(box, path, *more, **kwargs)
    assert_restored(box, path, own_host)
    return box, result


@pytest.fixture
def make(restore, container, user1, written, own_host):
    """Restore the images and compare everything. Returns the container and what was said."""
    return lambda im, *more, **kwargs: restored(restore, container, user1, written, own_host, im,
                                                *more, **kwargs)


@pytest.mark.parametrize("mode", ["private", "vepa", "bridge"])
def test_modes(make, x1, mode):
    x1["mv1"].macvlan.mode = images.MODES[mode]
    box, _ = make(x1)
    assert box.links()["mv1"]["linkinfo"]["info_data"]["mode"] == mode


@pytest.mark.parametrize("mode", ["passthru", "source"])
def test_modes_to_be_allowed(make, x1, own_host, mode):
    x1["mv1"].macvlan.mode = images.MODES[mode]
    x1["mv1"].macvlan.flags = 1
    box, _ = make(x1, modes=[mode])
    link = box.links()["mv1"]
    assert link["linkinfo"]["info_data"]["mode"] == mode
    if mode == "passthru":
        assert link["address"] == own_host.links()["par0"]["address"]


@pytest.mark.parametrize("mode", ["passthru", "source"])
def test_modes_not_allowed(restore, container, user1, written, x1, mode):
    x1["mv1"].macvlan.mode = images.MODES[mode]
    box = container(user1)
    result = restore(box, written(x1), status=77)
    assert "mv1" in result.said and "refuses" in result.said
    assert list(box.links()) == ["lo"]


@pytest.mark.parametrize("flags", [0, 1, 2, 3, None])
def test_macvlan_flags(make, x1, flags):
    if flags is None:
        x1["mv1"].macvlan.ClearField("flags")
    else:
        x1["mv1"].macvlan.flags = flags
    box, _ = make(x1)
    assert macvlan_flags(box)["mv1"] == (flags or 0)


def test_nopromisc_spares_the_parent(make, x1, own_host):
    """A lost flag would make the parent promiscuous as soon as a passthru macvlan is up."""
    x1["mv1"].macvlan.mode, x1["mv1"].macvlan.flags = images.MODES["passthru"], 1
    make(x1, modes=["passthru"])
    assert own_host.links()["par0"]["promiscuity"] == 0


@pytest.mark.parametrize("flags", ["", "UP", "MULTICAST", "NOARP", "PROMISC", "ALLMULTI", "DEBUG",
                                   "UP MULTICAST PROMISC ALLMULTI NOARP", "DYNAMIC NOTRAILERS UP"])
def test_interface_flags(make, x1, flags):
    wanted = sum(images.FLAGS[f] for f in flags.split())
    x1["mv1"].flags = wanted | 0x10002  # with volatile ones
    box, _ = make(x1)
    assert settable(box.links()["mv1"]) == wanted


@pytest.mark.parametrize("mtu", [1280, 1499, 1500])
def test_mtu(make, x1, mtu):
    x1["mv1"].mtu = mtu
    put(x1["mv1"].conf6, CONF6, mtu=mtu)
    box, _ = make(x1)
    assert sysctl(box, "ipv6/conf/mv1/mtu") == str(mtu)


@pytest.mark.parametrize("mtu", [68, 576, 1279])
def test_mtu_too_small_for_ipv6(make, x1, mtu):
    """Then the kernel gives the link no IPv6, and CRIU found no sysctls of it."""
    x1["mv1"].mtu = mtu
    for name in CONF6:
        put(x1["mv1"].conf6, CONF6, **{name: None})
    box, result = make(x1)
    assert sysctl(box, "ipv6/conf/mv1/mtu") is None
    assert "warning" not in result.said


def test_sysctls_that_this_kernel_does_not_have(restore, container, user1, written, x1):
    x1["mv1"].mtu = 576
    box = container(user1)
    result = restore(box, written(x1))
    assert "sysctls of the images are not in this kernel" in result.said
    assert box.links()["mv1"]["mtu"] == 576


def test_ipv6_mtu_below_the_links(make, x1):
    put(x1["mv1"].conf6, CONF6, mtu=1400)
    box, _ = make(x1)
    assert sysctl(box, "ipv6/conf/mv1/mtu") == "1400"
    assert box.links()["mv1"]["mtu"] == 1500


@pytest.mark.parametrize("redirects", [0, 1])
def test_forwarding_and_redirects_of_a_link(make, x1, redirects):
    for conf, names in ((x1["mv1"].conf4, CONF4), (x1["mv1"].conf6, CONF6)):
        put(conf, names, forwarding=1, accept_redirects=redirects)
    box, _ = make(x1)
    for family in ("ipv4", "ipv6"):
        assert sysctl(box, f"{family}/conf/mv1/forwarding") == "1"
        assert sysctl(box, f"{family}/conf/mv1/accept_redirects") == str(redirects)


@pytest.mark.parametrize("redirects", [0, 1])
def test_forwarding_and_redirects_of_all(make, x1, redirects):
    """Writing `all` changes redirects there, and forwarding everywhere else."""
    ns = x1.netns
    put(ns.all_conf4, CONF4, forwarding=1, accept_redirects=redirects)
    put(ns.all_conf6, CONF6, forwarding=1, accept_redirects=redirects)
    put(ns.def_conf4, CONF4, forwarding=0)
    put(ns.def_conf6, CONF6, forwarding=0)
    put(x1["lo"].conf4, CONF4, forwarding=0)
    put(x1["mv1"].conf4, CONF4, forwarding=1)
    put(x1["mv1"].conf6, CONF6, forwarding=0)
    box, _ = make(x1)
    assert sysctl(box, "ipv4/conf/all/accept_redirects") == str(redirects)
    assert sysctl(box, "ipv4/conf/lo/forwarding") == "0"
    assert sysctl(box, "ipv4/conf/mv1/forwarding") == "1"


SECRET = "2001:0db8:0001:0203:0405:0607:0809:0a0b"


def test_stable_secret(make, x1):
    put(x1["mv1"].conf6, CONF6, stable_secret=SECRET + "\n")
    box, _ = make(x1)
    assert sysctl(box, "ipv6/conf/mv1/stable_secret") == SECRET


def test_stable_secret_of_default_is_inherited(make, x1):
    put(x1.netns.def_conf6, CONF6, stable_secret=SECRET + "\n")
    box, _ = make(x1)
    assert sysctl(box, "ipv6/conf/default/stable_secret") == SECRET


def test_defaults_are_inherited_and_right(make, x1):
    """What equals the default of the images is not written, but in force."""
    wanted = {"rp_filter": 2, "arp_ignore": 1, "log_martians": 1, "medium_id": -1,
              "igmpv2_unsolicited_report_interval": 1234, "tag": -7}
    for conf in (x1.netns.def_conf4, x1["mv1"].conf4):
        put(conf, CONF4, **wanted)
    for conf in (x1.netns.def_conf6, x1["mv1"].conf6):
        put(conf, CONF6, hop_limit=33, accept_ra=0, router_solicitations=5)
    box, _ = make(x1)
    with inside(box):
        for name, value in wanted.items():
            assert read_text(f"/proc/sys/net/ipv4/conf/mv1/{name}") == str(value)
        assert read_text("/proc/sys/net/ipv6/conf/mv1/hop_limit") == "33"


def test_links_differ_from_changed_defaults(make, x1):
    put(x1.netns.def_conf4, CONF4, rp_filter=2, arp_notify=1)
    put(x1.netns.def_conf6, CONF6, hop_limit=33)
    box, _ = make(x1)
    assert sysctl(box, "ipv4/conf/mv1/rp_filter") == "0"
    assert sysctl(box, "ipv6/conf/mv1/hop_limit") == "64"


def test_every_sysctl_of_a_link(make, x1):
    """Each one that takes another number gets it, of the link, of default, of all and of lo."""
    odd = {"disable_ipv6", "mtu", "stable_secret", "forwarding", "accept_dad", "hop_limit"}
    lists = ((x1["mv1"], "conf4", CONF4), (x1["lo"], "conf4", CONF4), (x1["mv1"], "conf6", CONF6),
             (x1["lo"], "conf6", CONF6), (x1.netns, "def_conf4", CONF4),
             (x1.netns, "all_conf4", CONF4), (x1.netns, "def_conf6", CONF6),
             (x1.netns, "all_conf6", CONF6))
    for owner, key, names in lists:
        conf = getattr(owner, key)
        for name in names:
            value = images.get(conf, names, name)
            if name not in odd and value is not None:
                put(conf, names, **{name: 1 - value if value in (0, 1) else value})
    make(x1)


@pytest.mark.parametrize("where", ["link", "netns"])
def test_sysctls_in_their_old_form(make, x1, where):
    """Numbers in the place of entries; -1 is for those that were not there."""
    def old(conf):
        return [entry.iarg if entry.HasField("iarg") else -1 for entry in conf]
    put(x1["mv1"].conf4, CONF4, rp_filter=2, arp_ignore=3, medium_id=None)
    put(x1.netns.def_conf4, CONF4, rp_filter=1, arp_notify=1)
    put(x1.netns.all_conf4, CONF4, log_martians=1)
    if where == "link":
        x1["mv1"].conf.extend(old(x1["mv1"].conf4))
        x1["mv1"].ClearField("conf4")
    else:
        for key in ("all", "def"):
            getattr(x1.netns, f"{key}_conf").extend(old(getattr(x1.netns, f"{key}_conf4")))
            x1.netns.ClearField(f"{key}_conf4")
    box, _ = make(x1)
    assert sysctl(box, "ipv4/conf/mv1/rp_filter") == "2"
    assert sysctl(box, "ipv4/conf/mv1/arp_ignore") == "3"
    assert sysctl(box, "ipv4/conf/mv1/medium_id") == "0"
    assert sysctl(box, "ipv4/conf/default/rp_filter") == "1"
    assert sysctl(box, "ipv4/conf/default/arp_notify") == "1"
    assert sysctl(box, "ipv4/conf/all/log_martians") == "1"


def test_new_form_goes_before_the_old_one(make, x1):
    x1["mv1"].conf.extend([1] * 30)
    box, _ = make(x1)
    assert sysctl(box, "ipv4/conf/mv1/proxy_arp") == "0"


def test_ticks_were_shorter(restore, container, user1, written, x1):
    """Where the images are from, with 1000 of them a second; with fewer the kernel rounds up."""
    wanted = {("default", "mldv1"): 10001, ("default", "mldv2"): 10002, ("mv1", "mldv1"): 20003,
              ("mv1", "mldv2"): 10002}
    for (where, version), value in wanted.items():
        put(x1.netns.def_conf6 if where == "default" else x1["mv1"].conf6, CONF6,
            **{f"{version}_unsolicited_report_interval": value})
    box = container(user1)
    restore(box, written(x1))
    for (where, version), value in wanted.items():
        now = sysctl(box, f"ipv6/conf/{where}/{version}_unsolicited_report_interval")
        assert 0 <= int(now) - value < 10, (where, version)


def test_sysctl_without_a_value_is_left_alone(make, x1):
    put(x1["mv1"].conf4, CONF4, rp_filter=None)
    put(x1.netns.def_conf4, CONF4, arp_ignore=None)
    put(x1["mv1"].conf4, CONF4, arp_ignore=2)
    box, _ = make(x1)
    assert sysctl(box, "ipv4/conf/mv1/arp_ignore") == "2"
    assert sysctl(box, "ipv4/conf/default/arp_ignore") == "0"


def test_lists_that_are_longer_than_known(make, x1):
    for conf in (x1["mv1"].conf4, x1["mv1"].conf6, x1.netns.def_conf4):
        conf.add(type=images.CTL_32, iarg=5)
    _, result = make(x1)
    for text in ("record 2: conf4 has 31", "conf6 has 43", "def_conf4 has 31"):
        assert text in result.said


def test_shorter_lists(make, x1):
    del x1["mv1"].conf4[20:]
    del x1["mv1"].conf6[5:]
    del x1.netns.def_conf4[3:]
    del x1.netns.def_conf6[:]
    del x1.netns.all_conf4[:]
    make(x1)


def test_I9_unknown_fields_are_warned_of(make, x1):
    """From a newer CRIU."""
    entry = x1["mv1"].SerializeToString() + b"\x9a\x06\x03abc" + b"\xa0\x06\x07"
    x1.links[1] = images.schema().NetDevice.FromString(entry)
    assert x1.links[1].SerializeToString() == entry
    _, result = make(x1)
    assert "record 2: 2 fields that this version does not know" in result.said


def test_unix_and_ping_group_range(make, x1):
    x1.netns.unix_conf[0].iarg = 77
    del x1.netns.ipv4_sysctl[:]
    x1.netns.ipv4_sysctl.add(type=images.CTL_STR, sarg="0\t0\n")
    box, _ = make(x1)
    assert sysctl(box, "unix/max_dgram_qlen") == "77"
    # crit does not know this one, and from outside it reads as the user's group.
    assert box.run_inside("cat", "/proc/sys/net/ipv4/ping_group_range").stdout.split() == ["0"] * 2


@pytest.mark.parametrize("mtu,flags", [(65536, ""), (65536, "UP"), (1400, "UP"),
                                       (1500, "UP PROMISC")])
def test_loopback(make, x1, mtu, flags):
    wanted = sum(images.FLAGS[f] for f in flags.split())
    x1["lo"].mtu, x1["lo"].flags = mtu, wanted | 8
    put(x1["lo"].conf6, CONF6, mtu=mtu)
    box, _ = make(x1)
    assert settable(box.links()["lo"]) == wanted
    assert box.links()["lo"]["mtu"] == mtu


def test_no_macvlan_needs_no_broker(restore, container, user1, written, x1, worker):
    x1.links.pop()
    x1["lo"].flags |= 1
    box = container(user1)
    done = box.run(*user1.argv(worker, "restore", "-D", written(x1), "--pid", str(box.pid)))
    assert "0 links made" in done.stdout
    assert "UP" in box.links()["lo"]["flags"]


def test_nsids(make, x1):
    """Of the namespace itself and of the host, as seen from inside."""
    x1.netns.nsids.add(target_ns_id=10, netnsid_value=7)
    x1.netns.nsids.add(target_ns_id=2, netnsid_value=42)
    box, _ = make(x1)
    ids = [line.split()[1] for line in box.ip("netns", "list-id").splitlines()]
    assert sorted(ids) == ["42", "7"]
    assert box.links()["mv1"]["link_netnsid"] == 42


def test_nsids_are_there_already(make, restore, written, x1):
    x1.netns.nsids.add(target_ns_id=10, netnsid_value=7)
    x1.netns.nsids.add(target_ns_id=2, netnsid_value=42)
    box, _ = make(x1)
    box.ip("link", "del", "mv1")
    restore(box, written(x1))
    assert box.links()["mv1"]["link_netnsid"] == 42


def test_nsids_are_taken(make, restore, written, x1):
    """The ids are given to another namespace each: the kernel moves none."""
    x1.netns.nsids.add(target_ns_id=10, netnsid_value=7)
    x1.netns.nsids.add(target_ns_id=2, netnsid_value=42)
    box, _ = make(x1)
    box.ip("link", "del", "mv1")
    before = snapshot(box)
    x1.netns.nsids[0].netnsid_value, x1.netns.nsids[1].netnsid_value = 42, 7
    result = restore(box, written(x1), status=1)
    assert "nsid 42" in result.said and "EEXIST" in result.said
    assert_same(box, before)


def test_two_parents(restore, container, user1, written, own_host, x1):
    own_host.batch("link add par1 type bridge", "link set par1 up")
    x1.like(4)
    path = written(x1)
    box = container(user1)
    restore(box, path, "--external", "macvlan[mv1]:par1", "--external", "macvlan[mv3]:par1",
            allow=("par0", "par1"))
    assert_restored(box, path, own_host, parents={"mv1": "par1", "mv3": "par1"})


@pytest.mark.parametrize("number", [127, 128, 129, 300])
def test_more_than_one_request_holds(make, x1, number):
    box, result = make(x1.like(number))
    assert len(box.links()) == number + 1
    made = [line for line in result.audit if line["op"] == "link-create"]
    assert len(made) == -(-number // 128)


def test_order_of_links_in_the_file_does_not_matter(make, x1):
    x1.like(5)
    x1.links.reverse()
    make(x1)


def test_names_and_indexes_at_the_edge(make, x1):
    x1.like(4)
    for link, name, index in zip(x1.links[1:], ["a" * 15, "x.1@y", "-", "par0"],
                                 [2, 2**31 - 1, 3, 40000]):
        link.name, link.ifindex = name, index
    make(x1)
