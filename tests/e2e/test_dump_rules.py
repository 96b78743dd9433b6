"""nftables, iptables and ip6tables images: what is in them, and when there are none."""
import os
import subprocess

import pytest

import criu_images as images
import namespaces
from kinds_helpers import alone  # noqa: F401
from test_ruleset_restore import EVERYTHING, LEGACY, legacy_rules, rules, tools_of, without

NFT = "/usr/sbin/nft"
LEGACY_TOOL = "/usr/sbin/xtables-legacy-multi"
NAMES = ("nftables-10.img", "iptables-10.img", "ip6tables-10.img")


@pytest.fixture
def mapped(procs, user1):
    """A container whose netns was made by its root, so that it may see its own iptables."""
    return namespaces.Container(procs, user1, then=("unshare", "-n"))


def texts(path):
    return [images.read(path, name).decode() for name in NAMES]


def dump_without(names, worker, box, path, *args):
    return subprocess.run(
        [*without(*names), *box.user.argv(worker, "dump", "-D", path, "--pid", str(box.pid),
                                          *args)],
        capture_output=True, text=True, timeout=60, check=False)


def test_nothing(worker, mapped, user1):
    """All three files are there, as with CRIU."""
    with images.directory(user1) as path:
        done = images.dump(worker, mapped, path, user=user1)
        assert (texts(path), done.stderr) == (["", "", ""], "")
        assert not tools_of(mapped)


@pytest.mark.parametrize("as_root", [False, True])
def test_everything(alone, worker, container, user1, as_root):
    """dump, restore in a new namespace, dump again: the same bytes."""
    first, second = container(user1), container(user1)
    first.run("nft", "-f", "-", input=EVERYTHING)
    user = None if as_root else user1
    with images.directory(user) as one, images.directory(user1) as two:
        images.dump(worker, first, one, user=user)
        assert texts(one) == [rules(first), "", ""]
        assert os.stat(f"{one}/nftables-10.img").st_mode & 0o7777 == 0o600
        for name in os.listdir(one):
            os.chown(f"{one}/{name}", user1.uid, user1.gid)
        os.chmod(one, 0o755)
        alone(second, one)
        images.dump(worker, second, two, user=user1)
        assert texts(two) == texts(one)


@pytest.mark.parametrize("name", ["netns-nft-uns", "netns-nf-ns"])
def test_images_of_criu_come_back(alone, worker, container, user1, stage, name):
    """Without CRIU's lock, which is the rest of the images."""
    box, old = container(user1), f"{stage}/data/{name}"
    alone(box, old)
    with images.directory(user1) as path:
        images.dump(worker, box, path, user=user1)
        text, *others = texts(path)
        assert others == ["", ""]
        was = images.read(old, NAMES[0]).decode()
        if name == "netns-nft-uns":
            assert text == was[:was.index("table ip filter")]
        else:
            assert "meta l4proto icmp counter packets 0 bytes 0 drop" in text
            assert "CRIU" not in text and set(text.splitlines()) < set(was.splitlines())


def test_iptables(alone, worker, mapped, procs, user1):
    mapped.run("iptables-legacy-restore", input=LEGACY)
    mapped.run("ip6tables-legacy", "-A", "INPUT", "-p", "udp", "-j", "DROP")
    other = namespaces.Container(procs, user1, then=("unshare", "-n"))
    with images.directory(user1) as path:
        images.dump(worker, mapped, path, user=user1)
        nft, four, six = texts(path)
        assert nft == "" and "--comment" in four and "-p udp -j DROP" in six
        alone(other, path)
        assert "-p udp -j DROP" in legacy_rules(other, "ip6tables-legacy-save")


def test_iptables_that_cannot_be_seen(worker, container, user1):
    with images.directory(user1) as path:
        done = images.dump(worker, container(user1), path, user=user1)
        assert texts(path) == ["", "", ""]
        assert "whether iptables has tables" in done.stderr
        assert "whether ip6tables has tables" in done.stderr


def test_without_nft(worker, mapped, user1):
    """It is not needed where the kernel says that there are no tables."""
    with images.directory(user1) as path:
        done = dump_without([NFT], worker, mapped, path)
        assert (done.returncode, done.stderr) == (0, "")
        assert texts(path) == ["", "", ""]


@pytest.mark.parametrize("hidden, table, said", [
    (NFT, "nft add table ip6 mine", "nftables has 1 tables in the target, and there is no nft"),
    (LEGACY_TOOL, "iptables-legacy -A INPUT -j ACCEPT", "there is no iptables-legacy-save"),
])
def test_missing_tool(worker, mapped, user1, hidden, table, said):
    mapped.run(*table.split())
    with images.directory(user1) as path:
        done = dump_without([hidden], worker, mapped, path)
        assert done.returncode == 71 and said in done.stderr
        assert os.listdir(path) == []


def test_external_namespace_needs_no_tool(worker, mapped, user1):
    mapped.run("nft", "add", "table", "ip6", "mine")
    with images.directory(user1) as path:
        done = dump_without([NFT], worker, mapped, path, "--external",
                            f"net[{mapped.inode()}]:pod")
        assert done.returncode == 0, done.stderr
        assert not set(NAMES) & set(os.listdir(path))


def test_more_than_a_restore_takes(worker, mapped, user1):
    comment = "x" * 120
    chains = [f'chain c{i} {{ counter comment "{comment}"; }}' for i in range(30000)]
    mapped.run("nft", "-f", "-", input="\n".join(["table ip mine {", *chains, "}"]))
    with images.directory(user1) as path:
        done = images.dump(worker, mapped, path, user=user1)
        size = os.stat(f"{path}/nftables-10.img").st_size
        assert size > 4 * 1024 * 1024
        assert f"nftables-10.img has {size} bytes of rules: a restore takes" in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_file_that_is_there(worker, mapped, user1, name):
    with images.directory(user1) as path:
        with open(f"{path}/{name}", "w") as f:
            f.write("old")
        done = images.dump(worker, mapped, path, user=user1, check=False)
        assert done.returncode == 1
        assert f"{name} is in the image directory already" in done.stderr
        assert os.listdir(path) == [name]
