"""The host's links are nobody's business: whatever the image says, they stay as they are.

A restore that sends the image's index with NLM_F_CREATE alone, from the host's namespace, takes a
host link that has this index, reconfigures it and moves it into the container."""
import pytest

from restore_helpers import (assert_restored, assert_same, data, differences, lasting, restore,  # noqa: F401
                             snapshot, written, x1)


def check(restore, box, path, host):
    """On kernels before 6.15 the worker makes a detour for it; the indexes are exact on all."""
    before = lasting(host)
    result = restore(box, path, status=None)
    assert differences(before, lasting(host)) == {}
    assert result.status == 0, result
    assert_restored(box, path, host)


@pytest.mark.parametrize("kind", ["macvlan", "veth", "bridge", "macvlan that is up"])
def test_host_link_with_the_index_of_the_image(restore, container, user1, data, own_host, kind):
    """mv1 has index 1001, as has a link of the host."""
    if kind.startswith("macvlan"):
        own_host.ip("link", "add", "mine", "link", "par0", "index", "1001", "type", "macvlan",
                    "mode", "bridge")
    elif kind == "veth":
        own_host.ip("link", "add", "mine", "index", "1001", "type", "veth", "peer", "mine2")
    else:
        own_host.ip("link", "add", "mine", "index", "1001", "type", kind)
    if kind.endswith("up"):
        own_host.batch("address add 192.0.2.99/24 dev mine", "link set mine up")
    check(restore, container(user1), f"{data}/macvlan-x1", own_host)


@pytest.mark.parametrize("kind", ["macvlan", "veth"])
def test_host_link_with_the_name_of_the_image(restore, container, user1, data, own_host, kind):
    more = ("link", "par0", "type", "macvlan") if kind == "macvlan" else ("type", "veth")
    own_host.ip("link", "add", "mv1", *more)
    before = lasting(own_host)
    box = container(user1)
    restore(box, f"{data}/macvlan-x1")
    assert differences(before, lasting(own_host)) == {}
    assert_restored(box, f"{data}/macvlan-x1", own_host)


def test_index_of_the_parent(restore, container, user1, written, x1, own_host):
    """As on any first container: its eth0 has index 2, and so has the host's."""
    x1["mv1"].ifindex = own_host.links()["par0"]["ifindex"]
    check(restore, container(user1), written(x1), own_host)


def test_index_and_name_of_the_parent(restore, container, user1, written, x1, own_host):
    x1["mv1"].ifindex = own_host.links()["par0"]["ifindex"]
    x1["mv1"].name = "par0"
    check(restore, container(user1), written(x1), own_host)


def test_many_host_links_with_the_indexes_of_the_image(restore, container, user1, data, own_host):
    own_host.batch(*[f"link add h{i} link par0 index {i} type macvlan" for i in range(1001, 1011)])
    check(restore, container(user1), f"{data}/macvlan-x10", own_host)


@pytest.mark.parametrize("what", ["name", "index"])
def test_link_of_the_container_is_in_the_way(restore, container, user1, data, own_host, what):
    """It is not replaced, and not moved: the restore says which it is, and changes nothing."""
    box = container(user1)
    if what == "name":
        box.ip("link", "add", "mv1", "index", "77", "type", "bridge")
    else:
        box.ip("link", "add", "other", "index", "1001", "type", "bridge")
    before = snapshot(box), lasting(own_host)
    result = restore(box, f"{data}/macvlan-x1", status=1)
    assert "mv1" in result.said
    assert ("with index 77" if what == "name" else "link other") in result.said
    assert "nothing was done" in result.said
    assert_same(box, before[0])
    assert differences(before[1], lasting(own_host)) == {}
    assert "link-create" not in [line["op"] for line in result.audit]
