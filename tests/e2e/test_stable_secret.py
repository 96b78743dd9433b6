"""A restored link has just the stable_secret of its image, also where that is none. The kernel lets
nobody unset one, and a new link inherits that of "default"."""
import pytest

import criu_images as images

SECRETS = {"default": "2001:db8::d", "mv2": "2001:db8::2", "mv3": "2001:db8::d"}
CONF = "/proc/sys/net/ipv6/conf"


@pytest.fixture
def restored(broker, worker, host, user1, container):
    def make(path):
        box = container(user1)
        images.restore(broker, worker, host, user1, box, path)
        return box
    return make


def secret(box, where):
    """None: it is not set, which reads as an error."""
    done = box.run("cat", f"{CONF}/{where}/stable_secret", check=False)
    if done.returncode:
        assert "Input/output error" in done.stderr
        return None
    return done.stdout.strip()


def secrets(box):
    return {where: secret(box, where)
            for where in ("default", "lo", *(f"mv{i}" for i in range(1, 11)))}


def set_secret(box, where, value):
    box.run_inside("sh", "-c", f"echo {value} >{CONF}/{where}/stable_secret")


def without_links(box):
    """Their addresses are taken while they are up."""
    box.batch(*[f"link set mv{i} down" for i in range(1, 11)])


def test_links_without_one_beside_a_default_that_has_one(restored, worker, user1, stage):
    """In the source, the default got its secret when the links were there."""
    first = restored(f"{stage}/data/macvlan-x10")
    for where, value in SECRETS.items():
        set_secret(first, where, value)
    has = secrets(first)
    assert has["mv1"] is None and has["lo"] is None and has["mv2"] != has["mv3"]
    with images.directory(user1) as one, images.directory(user1) as two:
        images.dump(worker, first, one, user=user1)
        without_links(first)
        second = restored(one)
        assert secrets(second) == has
        images.dump(worker, second, two, user=user1)
        for name in ("netdev-10.img", "netns-10.img"):
            assert images.read(one, name) == images.read(two, name), name


def test_links_that_all_have_that_of_the_default(restored, worker, user1, stage, host):
    first = restored(f"{stage}/data/macvlan-x10")
    for where in ("default", *(f"mv{i}" for i in range(1, 11))):
        set_secret(first, where, "2001:db8::d")
    has = secrets(first)
    with images.directory(user1) as one:
        images.dump(worker, first, one, user=user1)
        without_links(first)
        assert secrets(restored(one)) == has


def failing(broker, worker, host, user1, box, path):
    done = host.run(broker, "spawn", "--allow-parent", "par0", "--", worker, "restore", "-D", path,
                    "--pid", box.pid, "--external", "macvlan[*]:par0", env=user1.sudo_env(),
                    check=False)
    assert done.returncode == 1
    assert "the kernel lets nobody unset it" in done.stderr
    assert "everything is as it was before" in done.stderr
    return done.stderr


@pytest.mark.parametrize("where, named", [("lo", "lo has no stable_secret"),
                                          ("default", "mv1 has no stable_secret")])
def test_target_that_had_one_before(broker, worker, host, user1, container, stage, where, named):
    """It would stay, or be inherited: all is undone, with the reason."""
    box = container(user1)
    set_secret(box, where, "2001:db8::7")
    said = failing(broker, worker, host, user1, box, f"{stage}/data/macvlan-x1")
    assert named in said
    assert list(box.links()) == ["lo"]
    assert secret(box, where) == "2001:0db8:0000:0000:0000:0000:0000:0007"


def test_target_whose_default_had_another(restored, broker, worker, host, user1, container, stage):
    """The links have their own, so what they inherit does not matter."""
    first = restored(f"{stage}/data/macvlan-x10")
    for where in ("default", *(f"mv{i}" for i in range(1, 11))):
        set_secret(first, where, "2001:db8::d")
    has = secrets(first)
    with images.directory(user1) as one:
        images.dump(worker, first, one, user=user1)
        without_links(first)
        box = container(user1)
        set_secret(box, "default", "2001:db8::7")
        images.restore(broker, worker, host, user1, box, one)
        assert secrets(box) == has
