"""Links that reach outside where there is no right, or where they cannot be: refused before
anything is made, on both sides."""
import pytest

from kinds_helpers import kept  # noqa: F401
from namespaces import Container
from outside_helpers import Inner, Place, made, nested, place  # noqa: F401


@pytest.fixture
def refused(kept, made):
    """refused(place, status, external..., texts=...)"""
    def check(place, status, *externals, texts=(), **kwargs):
        before = place.state()
        result = place.restore(kept(made), *externals, status=status, **kwargs)
        for text in texts:
            assert text in result.said, result
        assert len(result.said.splitlines()) == 1, result
        assert place.state() == before
        return result
    return check


# --- no right


def test_host_is_outside(refused, procs, worker, user1, own_host):
    """An ordinary user has no say in the host's network namespace."""
    place = Place(worker, own_host, Container(procs, user1), user1.argv(),
                  own_host.argv(*user1.argv()))
    for in_outside in (False, True):
        refused(place, 77, "veth[eth0]:out0@br0", texts=["outside network namespace"],
                in_outside=in_outside)
        refused(place, 77, "netdev[eth0]:par0", in_outside=in_outside)


def test_outside_of_another_user(refused, procs, worker, user1, user2):
    theirs = Container(procs, user2)
    place = Place(worker, theirs, Container(procs, user1), user1.argv(), ["false"])
    refused(place, 77, "veth[eth0]:out0@br0", texts=["outside network namespace"])


def test_outside_is_beside_the_container(refused, procs, worker, user1):
    """Both are this user's own, but who may change the one may not change the other."""
    one, other = Container(procs, user1), Container(procs, user1)
    refused(Place(worker, one, other, user1.argv(), ["false"]), 77, "veth[eth0]:out0@br0",
            texts=["or above it"])


def test_outside_is_below_the_container(refused, procs, worker, user1):
    box = Container(procs, user1)
    below = Inner(procs, box, True)
    refused(Place(worker, below, box, user1.argv(), ["false"]), 77, "veth[eth0]:out0@br0",
            texts=["or above it"])


@pytest.mark.parametrize("in_outside", [False, True])
def test_root_without_the_capability(refused, procs, worker, user1, own_host, in_outside):
    """It is the capability that counts, and not the uid."""
    drop = ["setpriv", "--bounding-set=-net_admin,-sys_admin"]
    place = Place(worker, own_host, Container(procs, user1), drop, own_host.argv(*drop))
    refused(place, 77, "veth[eth0]:out0@br0", texts=["CAP_NET_ADMIN"], in_outside=in_outside)


# --- the command line


@pytest.mark.parametrize("externals, text", [
    (["veth[*]:out0"], "by its name"), (["veth[eth0]:"], "not of the form"),
    (["veth[eth0]:@br0"], "two with @"), (["veth[eth0]:out0@"], "two with @"),
    (["veth[eth0]:out0@br0@br1"], "two with @"), (["veth[eth0]:out%d"], "two with @"),
    (["veth[eth0]:" + 16 * "x"], "two with @"), (["veth[eth0]:a/b"], "two with @"),
    (["veth[eth0]:lo"], "two with @"), (["netdev[eth0]:lo"], "name of a device"),
    (["netdev[eth0]:a@b/"], "name of a device"), (["netdev[*]:pre0"], "by its name"),
    (["veth[eth0]:out0", "netdev[eth0]:pre0"], "same link"),
    (["veth[eth0]:out0", "veth[eth1]:out0"], "same link"),
    ([f"veth[e{i}]:o{i}" for i in range(65)], "more than 64"), ([], "goes with --external")],
    ids=str)
def test_command_line(refused, nested, externals, text):
    refused(nested, 64, *externals, texts=[text])


@pytest.mark.parametrize("path, status, text", [
    ("/nonexistent", 71, "No such file"), ("/proc/self/ns/user", 64, "not a network namespace"),
    ("/dev/null", 64, "not a network namespace"), ("/proc/1/ns/net", 77, "Permission denied")])
def test_outside_is_no_such_thing(refused, nested, path, status, text):
    refused(nested, status, "veth[eth0]:out0", texts=[text], where=path)


def test_target_is_outside(refused, nested):
    refused(nested, 64, "veth[eth0]:out0", texts=["the target's own"], where=nested.box.path)


def test_key_that_nothing_asks_for(nested, kept, made):
    said = nested.restore(kept(made), "veth[eth0]:out0", "veth[eth9]:out9@nobridge").err
    assert "veth[eth9]:out9@nobridge: no link of the images asks for it" in said
    assert "out9" not in nested.outside.links()


# --- what is there, or not


@pytest.mark.parametrize("kind", ["bridge", "ifb"])
def test_outer_name_is_taken(refused, place, kind):
    place.outside.ip("link", "add", "out0", "type", kind)
    refused(place, 1, "veth[eth0]:out0@br0",
            texts=["veth eth0: out0 outside is there already", "nothing was done"])


def test_outer_name_is_that_of_a_veth_into_the_container(refused, place):
    """Not one that a restore left: its inner end is not in the group."""
    place.outside.ip("link", "add", "out0", "type", "veth", "peer", "name", "mine", "netns",
                     str(place.box.pid))
    refused(place, 1, "veth[eth0]:out0@br0", texts=["is there already"])


def test_bridge_is_missing(refused, place):
    refused(place, 1, "veth[eth0]:out0@br9",
            texts=["br9 outside is not there, and is to be its bridge"])


def test_bridge_is_none(refused, place):
    place.outside.ip("link", "add", "other", "type", "ifb")
    refused(place, 1, "veth[eth0]:out0@other", texts=["other outside is no bridge"])


@pytest.mark.parametrize("how", ["name", "index"])
def test_taken_inside(refused, place, how):
    if how == "name":
        place.box.ip("link", "add", "eth0", "type", "ifb")
    else:
        place.box.ip("link", "add", "mine", "index", "77", "type", "ifb")
    refused(place, 1, "veth[eth0]:out0@br0", texts=["veth eth0", "nothing was done"])
    place.outside.ip("link", "add", "pre0", "type", "ifb")
    refused(place, 1, "netdev[eth0]:pre0", texts=["veth eth0", "nothing was done"])


def test_device_is_missing(refused, place, made):
    refused(place, 1, "netdev[eth0]:pre0", texts=["pre0 outside is not there"])


def test_device_has_a_master(refused, place):
    place.outside.batch("link add pre0 type veth peer name post0", "link set pre0 master br0")
    refused(place, 1, "netdev[eth0]:pre0", texts=["pre0 outside has a master"])


@pytest.mark.parametrize("address", ["198.51.100.1/24", "2001:db8::1/64"])
def test_device_has_an_address(refused, place, address):
    place.outside.batch("link add pre0 type veth peer name post0", f"addr add {address} dev pre0")
    refused(place, 1, "netdev[eth0]:pre0", texts=["pre0 outside has an address"])


def test_device_that_cannot_be_moved(refused, place, made):
    """Only the kernel knows which; it is asked, and nothing comes of it."""
    made.images.links.remove(made.eth0)
    made.extlink("ext0", 60)
    place.outside.ip("link", "add", "pre0", "type", "bridge")
    refused(place, 1, "netdev[ext0]:pre0",
            texts=["netdev-10.img: record 2: cannot bring pre0 in from outside as ext0 with "
                   "index 60: EINVAL", "as it was before"])


def test_extlink_without_a_device_or_key(refused, place, made):
    """The error says what can be done about it (defect 12 of CRIU, for its veths)."""
    made.images.links.remove(made.eth0)
    made.extlink("ext0", 60)
    refused(place, 64, texts=["--outside-netns"])
    refused(place, 1, "veth[other]:out0", texts=["--external 'netdev[ext0]:DEVICE'"])
