"""Rules out of a namespace, as an ordinary user, and back in: by the program of the unit tests
that prints what a dump writes."""
import os
import shutil
import subprocess

import pytest

import namespaces
from conftest import build_dir
from namespaces import QUIET
from test_ruleset_restore import EVERYTHING, LEGACY, legacy_rules, rules, tools_of
from test_ruleset_restore import images, mapped, restore, without  # noqa: F401

NFT, IPTABLES, IP6TABLES = "0", "1", "2"


@pytest.fixture
def dump(stage):
    """dump(box, part): its rules, as bytes, or with check=False the finished process."""
    path = os.path.join(stage, "dump_ruleset")
    shutil.copyfile(os.path.join(build_dir(), "tests", "unit", "ruleset", "dump_ruleset"), path)
    os.chmod(path, 0o755)

    def run(box, part, check=True, prefix=()):
        done = subprocess.run(
            [*prefix, *box.user.argv("nsenter", f"--target={box.pid}", "--user", "--net",
                                     "--preserve-credentials", "--", path, part)],
            capture_output=True, timeout=120, check=False, env=dict(os.environ, **QUIET))
        assert not check or done.returncode == 0, done.stderr
        return done.stdout if check else done
    return run


def test_nothing(dump, container, user1):
    box = container(user1)
    assert [dump(box, part) for part in (NFT, IPTABLES, IP6TABLES)] == [b"", b"", b""]
    assert not tools_of(box)


def test_everything_and_back(dump, restore, container, user1, images):
    """dump, restore in a new namespace, dump again: the same bytes."""
    first, second = container(user1), container(user1)
    first.run("nft", "-f", "-", input=EVERYTHING)
    image = dump(first, NFT)
    assert image.decode() == rules(first)
    done = restore(second, images(nftables=image))
    assert done.returncode == 0, done.stderr
    assert dump(second, NFT) == image


def test_the_lock_is_left_in(dump, container, user1, stage):
    """As CRIU does: who restores takes it out."""
    box = container(user1)
    with open(f"{stage}/data/netns-nft-uns/nftables-10.img", "rb") as f:
        image = f.read()
    box.run("nft", "-f", "-", input=image.decode())
    assert dump(box, NFT) == image


def test_iptables(dump, restore, mapped, procs, user1, images):
    mapped.run("iptables-legacy-restore", input=LEGACY)
    mapped.run("ip6tables-legacy", "-A", "INPUT", "-p", "udp", "-j", "DROP")
    four, six = dump(mapped, IPTABLES), dump(mapped, IP6TABLES)
    assert b"-A CRIU -j DROP" in four and b"-p udp -j DROP" in six
    assert dump(mapped, NFT) == b""
    other = namespaces.Container(procs, user1, then=("unshare", "-n"))
    done = restore(other, images(iptables=four, ip6tables=six, nftables=""))
    assert done.returncode == 0, done.stderr
    assert "CRIU" not in legacy_rules(other) and "--comment" in legacy_rules(other)
    assert "-p udp -j DROP" in legacy_rules(other, "ip6tables-legacy-save")


def test_iptables_makes_no_table(dump, mapped):
    """To ask the old iptables for one would."""
    assert dump(mapped, IPTABLES) == b""
    with open(f"/proc/{mapped.pid}/net/ip_tables_names") as f:
        assert f.read() == ""


def test_iptables_that_cannot_be_seen(dump, container, user1):
    """The netns was made before its user namespace had a root: said, and taken for none."""
    done = dump(container(user1), IPTABLES, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"whether iptables has tables" in done.stderr


@pytest.mark.parametrize("part,hidden,said", [
    (NFT, "/usr/sbin/nft", b"there is no nft"),
    (IPTABLES, "/usr/sbin/xtables-legacy-multi", b"there is no iptables-legacy-save"),
])
def test_missing_tool(dump, mapped, part, hidden, said):
    mapped.run("iptables-legacy", "-A", "INPUT", "-p", "udp", "-j", "DROP")
    done = dump(mapped, part, check=False, prefix=without(hidden))
    assert (done.returncode, done.stdout) == (71, b"") and said in done.stderr
