"""What CRIU 4.2 loses or gets wrong with network namespaces, by the numbers under which it was found
out: netcr does it right, or says what it cannot do. Those that are tested elsewhere are listed."""
import ast
import os

import pytest

import criu_images
from images import CONF6, put
from kinds_helpers import alone, kept, made  # noqa: F401
from restore_helpers import all_sysctls, assert_same, snapshot, sysctl

ELSEWHERE = {
    # RTM_NEWLINK without NLM_F_EXCL: the host's macvlan of that index is moved into the container
    1: "test_restore_host.test_host_link_with_the_index_of_the_image",
    # the index is looked up in the sender's namespace
    2: "test_restore_host.test_index_of_the_parent",
    # macvlan flags without their presence bit
    3: "test_dump_roundtrip.test_macvlan_flags_with_their_presence",
    # macvlan flags as four bytes where the kernel wants two
    4: "test_restore_images.test_macvlan_flags",
    # the addresses of source mode; queue length, alias, group and the like: no field, so named
    5: "test_dump_links.test_what_is_lost_is_named",
    6: "test_dump_links.test_what_is_lost_is_named",
    # macvtap ends the dump; netcr leaves it out if it is told to
    7: "test_dump_refused.test_kind_that_the_images_cannot_hold",
    # a macvlan on a parent inside
    8: "test_kinds_made.test_macvlan_on_a_veth",
    # options of bridges: no field, so named
    9: "test_dump_kinds.test_options_of_a_bridge",
    # a veth to the outside that nobody names
    12: "test_kinds_refused.test_veth",
    # owner and group of a tun, which are ids of the host in the images
    13: "test_kinds_made.test_tun_of_a_subordinate_id",
    # CRIU's own lock in the rules it saves
    15: "test_ruleset_restore.test_the_lock_of_nft",
}
NO_TEST = {
    10: "neighbours and queueing disciplines are not in the images",
    11: "of CRIU's helper that is root: netcr-worker makes a veth only where it has the right itself",
    16: "sysctls of the namespace other than CRIU's are not in the images",
    17: "sysctls of links that are newer than CRIU's lists are not in the images",
}
HERE = {14, 18, 19, 20, 21, 22}


def names_in(name):
    with open(os.path.join(os.path.dirname(__file__), f"{name}.py"), encoding="utf-8") as f:
        return {node.name for node in ast.parse(f.read()).body
                if isinstance(node, ast.FunctionDef)}


def test_each_has_its_place():
    assert sorted([*ELSEWHERE, *NO_TEST, *HERE]) == list(range(1, 23))
    for number, where in ELSEWHERE.items():
        module, name = where.split(".")
        assert name in names_in(module), number
    names = names_in("test_criu_defects")
    assert all(any(n.startswith(f"test_{number}_") for n in names) for number in HERE)


def test_14_range_of_groups_that_are_not_mapped(alone, worker, container, user1):
    """Set from outside, CRIU maps them to -1, and its restore fails."""
    first, second = container(user1), container(user1)
    first.run("sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")
    with criu_images.directory(user1) as path:
        criu_images.dump(worker, first, path, user=user1)
        assert b"-1" not in criu_images.read(path, "netns-10.img")
        before = sysctl(second, "ipv4/ping_group_range")
        alone(second, path)
        assert sysctl(second, "ipv4/ping_group_range") == before


@pytest.mark.parametrize("key", ["macvlan[eth0]", "macvlan[eth0]:", "macvlan[]:par0", "macvlan"])
def test_18_external_without_a_value(alone, kept, made, container, user1, key):
    """CRIU is killed by SIGSEGV."""
    result = alone(container(user1), kept(made), "--external", key, status=64)
    assert key in result.said


@pytest.mark.parametrize("n", [0, 1, 25])
@pytest.mark.parametrize("field", ["def_conf4", "def_conf6"])
def test_19_default_is_shorter_than_the_links(alone, kept, made, container, user1, field, n):
    """CRIU reads beyond its end. What the default does not say is written to the link."""
    link = made.add("bridge", "br0", 20)
    put(link.conf6, CONF6, use_tempaddr=2)
    link.conf4[25].iarg = 1
    del getattr(made.images.netns, field)[n:]
    box = container(user1)
    alone(box, kept(made))
    assert sysctl(box, "ipv6/conf/br0/use_tempaddr") == "2"
    assert sysctl(box, "ipv4/conf/br0/src_valid_mark") == "1"


def test_20_no_image_of_the_namespace(alone, kept, made, container, user1):
    """CRIU dereferences NULL."""
    made.add("bridge", "br0", 20)
    path = kept(made)
    os.unlink(f"{path}/netns-10.img")
    box = container(user1)
    before = snapshot(box)
    assert "no netns-ID.img" in alone(box, path, status=65).said
    assert_same(box, before)


def test_21_a_default_of_ipv6_that_the_kernel_refuses(alone, kept, made, container, user1):
    """CRIU forgets the error over what comes after it."""
    put(made.images.netns.def_conf6, CONF6, hop_limit=1000)
    box = container(user1)
    before = all_sysctls(box)
    assert "net/ipv6/conf/default/hop_limit" in alone(box, kept(made), status=1).said
    assert all_sysctls(box) == before


@pytest.mark.parametrize("field", ["ipv4_sysctl", "unix_conf"])
def test_22_no_entry_for_a_single_sysctl(alone, kept, made, container, user1, field):
    """CRIU reads the first of none."""
    del getattr(made.images.netns, field)[:]
    box = container(user1)
    before = all_sysctls(box)
    alone(box, kept(made))
    now = all_sysctls(box)
    for name in ("ipv4/ping_group_range", "unix/max_dgram_qlen"):
        path = f"/proc/sys/net/{name}"
        if ("unix" in name) == ("unix" in field):
            assert now[path] == before[path]
