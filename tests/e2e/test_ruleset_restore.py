"""Rules of nftables, iptables and ip6tables: restored as an ordinary user, undone, refused."""
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import time

import pytest

import namespaces
from conftest import TESTS
from namespaces import DEADLINE, QUIET, wait_until

# Everything that a list can have on a kernel that needs no devices for it.
EVERYTHING = """\
table inet everything {
	comment "a } brace, a { brace, a # and an include"
	counter hits {
		comment "named"
		packets 5 bytes 420
	}

	quota much {
		over 25 mbytes used 10 mbytes
	}

	limit slow {
		rate 10/second
	}

	ct helper ftp-std {
		type "ftp" protocol tcp
		l3proto inet
	}

	set ports {
		type inet_service
		flags interval
		elements = { 22, 80-90,
			     443 }
	}

	set seen {
		type ipv4_addr
		size 1000
		flags dynamic,timeout
		timeout 1d
	}

	map verdicts {
		type ipv4_addr : verdict
		elements = { 10.0.0.1 : accept, 10.0.0.2 : jump other }
	}

	map pairs {
		type ipv4_addr . inet_service : mark
		elements = { 10.0.0.1 . 22 : 0x00000007 }
	}

	chain other {
		meta skuid 0 log prefix "a \\\\ {" drop
	}

	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		tcp dport @ports counter packets 1 bytes 2 accept comment "ssh; web"
		tcp dport vmap { 25 : accept, 26 : drop }
		ip saddr vmap @verdicts
		counter name "hits" quota name "much"
		iifname "a*" meta mark set 0x00000001
	}

	chain output {
		type filter hook output priority filter + 10; policy accept;
		ip daddr 10.0.0.0/8 update @seen { ip daddr timeout 1m limit rate 10/second } counter packets 0 bytes 0
	}
}
table ip nat {
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.0.0.0/24 masquerade
	}
}
table arp a {
	flags dormant
}
table bridge b {
	chain c {
	}
}
"""

LEGACY = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:mine - [0:0]
-A INPUT -j CRIU
-A INPUT -p icmp -m comment --comment "a \\"quoted\\" -M" -j DROP
-A INPUT -j mine
-A OUTPUT -j CRIU
-A CRIU -m mark --mark 0xc114 -j ACCEPT
-A CRIU -j DROP
COMMIT
""".replace(":mine", ":CRIU - [0:0]\n:mine")


@pytest.fixture
def images(stage):
    """images(name, nft=…, …): a copy of an image set of tests/data with other rules."""
    path = os.path.join(stage, "ruleset-images")

    def make(name="netns-nft-uns", **rules):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(os.path.join(stage, "data", name), path)
        os.chmod(path, 0o755)
        for part, text in rules.items():
            image = os.path.join(path, f"{part}-10.img")
            with open(image, "wb") as f:
                f.write(text if isinstance(text, bytes) else text.encode())
            os.chmod(image, 0o644)
        return path
    yield make
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def restore(worker):
    """restore(box, directory, …): netcr-worker as the container's user."""
    def run(box, directory, *args):
        return subprocess.run(
            box.user.argv("env", "PATH=/nowhere", worker, "restore", "-D", directory, "--pid",
                          str(box.pid), *args),
            capture_output=True, text=True, timeout=120, check=False,
            env=dict(os.environ, **QUIET))
    return run


def rules(box):
    return box.run("nft", "list", "ruleset").stdout


def legacy_rules(box, program="iptables-legacy-save"):
    text = box.run(program, check=False).stdout
    return "".join(line + "\n" for line in text.splitlines() if not line.startswith("#"))


def tools_of(box):
    """The helper and what it runs, by the namespace they are in."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            inside = os.stat(f"/proc/{pid}/ns/net").st_ino == box.inode()
        except OSError:
            continue
        if inside and namespaces.comm(pid) in ("netcr-tools", "sleep"):
            found.append(int(pid))
    return found


@pytest.fixture
def mapped(procs, user1):
    """A container whose netns was made by its root, so that it may see its own iptables."""
    return namespaces.Container(procs, user1, then=("unshare", "-n"))


# --- what CRIU dumped


@pytest.mark.parametrize("name", ["netns-nft-uns", "netns-nf-ns"])
def test_images_of_criu(restore, container, user1, stage, name):
    """All that the image has but for CRIU's lock."""
    box = container(user1)
    done = restore(box, f"{stage}/data/{name}")
    assert done.returncode == 0, done.stderr
    with open(f"{TESTS}/data/{name}/nftables-10.img") as f:
        image = f.read()
    if name == "netns-nft-uns":
        assert rules(box) == image[:image.index("table ip filter")]
    else:
        icmp = "meta l4proto icmp counter packets 0 bytes 0 drop"
        assert icmp in image
        assert [line.strip() for line in rules(box).splitlines()] == [
            "table ip filter {", "chain INPUT {",
            "type filter hook input priority filter; policy accept;", icmp, "}", "}"]
    assert not tools_of(box)


def test_the_lock_alone_needs_no_nft(restore, container, user1, images, stage):
    """Its rules go, so nothing is run: the set has no rules then."""
    box = container(user1)
    with open(f"{TESTS}/data/macvlan-uns/nftables-10.img") as f:
        directory = images(nftables=f.read())
    done = restore(box, directory, "--dry-run")
    assert done.returncode == 0 and "nft" not in done.stdout
    box.run("nft", "add", "table", "ip", "mine")
    assert restore(box, directory).returncode == 0
    assert rules(box) == "table ip mine {\n}\n"


def test_dry_run(restore, container, user1, stage):
    box = container(user1)
    done = restore(box, f"{stage}/data/netns-nft-uns", "--dry-run")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.search(r"load 1 tables of rules from nftables-10.img by nft", lines[-2])
    assert rules(box) == "" and not tools_of(box)


def test_the_lock_of_nft(restore, container, user1, images):
    """A table of its own, as newer CRIU makes it."""
    box = container(user1)
    lock = """table inet CRIU-1b4e28ba-2fa1-11d2-883f-0016d3cca427 {
	chain output {
		type filter hook output priority filter; policy drop;
		meta mark 0x0000c114 accept
	}
}
"""
    done = restore(box, images(nftables=EVERYTHING.replace("table ip nat", lock + "table ip nat")))
    assert done.returncode == 0, done.stderr
    assert "CRIU" not in rules(box) and "masquerade" in rules(box)


def test_the_lock_of_the_run_that_the_inventory_names(restore, container, user1, images):
    """Only then is a name taken that could be anybody's."""
    box = container(user1)
    text = "table inet CRIU-my_run {\n}\ntable ip mine {\n}\n"
    directory = images(nftables=text)
    assert restore(box, directory).returncode == 0
    assert rules(box) == text
    path = os.path.join(directory, "inventory.img")
    with open(path, "rb") as f:
        old = f.read()  # magic, size, entry
    entry = old[8:] + b"\x6a\x06my_run"
    with open(path, "wb") as f:
        f.write(old[:4] + struct.pack("=I", len(entry)) + entry)
    done = restore(box, directory)
    assert done.returncode == 0, done.stderr
    assert rules(box) == "table ip mine {\n}\n"


# --- both ways


def test_everything(restore, container, user1, images):
    """What nft lists, restored, is listed again in the same words."""
    first, second = container(user1), container(user1)
    first.run("nft", "-f", "-", input=EVERYTHING)
    listed = rules(first)
    for word in ("vmap", "quota much", "limit slow", "helper", "elements", "dormant", "policy drop"):
        assert word in listed
    done = restore(second, images(nftables=listed))
    assert done.returncode == 0, done.stderr
    assert rules(second) == listed
    assert "in other words" not in done.stderr


def test_nft_that_loads_nothing(worker, container, user1, stage):
    """What it took is read back."""
    box = container(user1)
    script = os.path.join(stage, "idle-nft")
    with open(script, "w") as f:
        f.write("#!/bin/sh\nexit 0\n")
    os.chmod(script, 0o755)
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'mount --bind {script} /usr/sbin/nft; exec "$@"', "sh",
         *user1.argv(worker, "restore", "-D", f"{stage}/data/netns-nft-uns", "--pid",
                     str(box.pid))], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert re.search(r"nftables-10.img: the target has 0 tables, 0 chains, 0 rules and 0 other "
                     r"objects in place of [1-9]", done.stderr)
    assert "everything is as it was before" in done.stderr


def test_what_show_says(worker, user1, images, container):
    """Counts are those of what nft lists; the lock is not in it."""
    box = container(user1)
    box.run("nft", "-f", "-", input=EVERYTHING)
    listed = rules(box)
    path = images(nftables=listed, iptables="*filter\n:INPUT DROP [0:0]\n:own - [0:0]\n"
                  "-A INPUT -j own\nCOMMIT\n")
    done = subprocess.run([worker, "show", "-D", path, "--json"], capture_output=True, text=True,
                          timeout=60, check=True)
    found = json.loads(done.stdout)["namespaces"][0]["rulesets"]
    assert set(found) == {"nftables", "iptables"}
    nft = json.loads(box.run("nft", "-j", "list", "ruleset").stdout)["nftables"]
    kinds = [kind for item in nft for kind in item]
    assert found["nftables"]["text"] == listed
    assert found["nftables"]["bytes"] == len(listed.encode())
    for one, many in (("table", "tables"), ("chain", "chains"), ("rule", "rules")):
        assert found["nftables"][many] == kinds.count(one), many
    assert found["nftables"]["others"] == len(
        [k for k in kinds if k not in ("table", "chain", "rule", "metainfo", "element")])
    assert (found["iptables"]["tables"], found["iptables"]["chains"],
            found["iptables"]["rules"]) == (1, 2, 1)
    shown = subprocess.run([worker, "show", "-D", path], capture_output=True, text=True,
                           timeout=60, check=True).stdout
    assert f"nftables {kinds.count('table')} tables, {kinds.count('chain')} chains, " in shown
    assert "iptables 1 tables, 2 chains, 1 rules, 0 other objects" in shown


def many(n):
    return "table ip big {\n\tchain c {\n" + "".join(
        f"\t\tip saddr 10.{i >> 16}.{i >> 8 & 255}.{i & 255} counter packets 0 bytes 0 accept\n"
        for i in range(n)) + "\t}\n}\n"


def test_many_rules(restore, container, user1, images):
    box = container(user1)
    done = restore(box, images(nftables=many(500)))
    assert done.returncode == 0, done.stderr
    assert rules(box) == many(500)


def test_more_rules_than_the_user_may_load(restore, container, user1, images):
    """The kernel limits what one without privilege sends at once, and the message says by what."""
    box = container(user1)
    done = restore(box, images(nftables=many(20000)))
    assert done.returncode == 1, done.stderr
    assert "net.core.wmem_max" in done.stderr and "as it was before" in done.stderr
    assert rules(box) == ""


def test_many_rules_as_root(worker, procs, images):
    """Where there is no user namespace, and no such limit."""
    ns = namespaces.Netns(procs)
    done = subprocess.run([worker, "restore", "-D", images(nftables=many(20000)), "--netns",
                           ns.path], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert rules(ns) == many(20000)


def test_replaces_what_is_there(restore, container, user1, stage):
    box = container(user1)
    box.run("nft", "add", "table", "ip", "mine")
    assert restore(box, f"{stage}/data/netns-nft-uns").returncode == 0
    assert "mine" not in rules(box) and "zdtm" in rules(box)


@pytest.mark.parametrize("family", ["iptables", "ip6tables"])
def test_legacy(restore, mapped, images, family):
    text = LEGACY if family == "iptables" else LEGACY.replace("-p icmp ", "-p ipv6-icmp ")
    done = restore(mapped, images(**{family: text}))
    assert done.returncode == 0, done.stderr
    kept = [line + "\n" for line in text.splitlines() if "CRIU" not in line]
    assert legacy_rules(mapped, f"{family}-legacy-save") == "".join(kept)
    assert "zdtm" in rules(mapped)


def test_legacy_that_loads_nothing(worker, mapped, images, stage):
    """What it took is read back."""
    script = os.path.join(stage, "idle-iptables")
    with open(script, "w") as f:
        f.write("#!/bin/sh\nexit 0\n")
    os.chmod(script, 0o755)
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c",
         f'mount --bind {script} /usr/sbin/xtables-legacy-multi; exec "$@"', "sh",
         *mapped.user.argv(worker, "restore", "-D", images(iptables=LEGACY), "--pid",
                           str(mapped.pid))], capture_output=True, text=True, timeout=60,
        check=False)
    assert done.returncode == 1, done.stderr
    assert re.search(r"iptables-10.img: the target has 0 (rules|chains of its own) in table filter "
                     r"in place of [1-9]", done.stderr)
    assert "everything is as it was before" in done.stderr


def test_legacy_in_other_words(restore, mapped, images):
    """A mask that iptables-save always prints: loaded and said."""
    text = LEGACY.replace("COMMIT", "-A mine -s 10.9.8.7 -j DROP\nCOMMIT")
    done = restore(mapped, images(iptables=text))
    assert done.returncode == 0, done.stderr
    assert ("iptables-10.img: iptables-save lists the rules in other words than the image has: "
            "compare them by `iptables-save`") in done.stderr
    assert "10.9.8.7/32" in legacy_rules(mapped)
    assert "in other words" not in restore(mapped, images(iptables=LEGACY)).stderr


def test_legacy_that_cannot_be_seen(restore, container, user1, images):
    """The namespace is older than the id map of its user namespace."""
    done = restore(container(user1), images(iptables=LEGACY))
    assert done.returncode == 0, done.stderr
    assert "its rules were loaded, and not compared" in done.stderr


# --- the way back


def test_bad_rule(restore, container, user1, images):
    """It passes our tokenizer, and nft says what is wrong with it."""
    box = container(user1)
    box.run("nft", "add", "table", "ip", "mine")
    done = restore(box, images(
        nftables="table ip a {\n\tchain c {\n\t\ttcp dport nonsense accept\n\t}\n}\n"))
    assert done.returncode == 1
    assert "nftables-10.img: nft cannot load its rules" in done.stderr
    assert "Error" in done.stderr and "nonsense" in done.stderr
    assert "everything is as it was before" in done.stderr
    assert rules(box) == "table ip mine {\n}\n" and not tools_of(box)


def test_undone_after_a_later_step(restore, mapped, images):
    """The rules of nft are there already when those of iptables fail."""
    mapped.run("nft", "-f", "-", input=EVERYTHING)
    before = rules(mapped)
    done = restore(mapped, images(iptables=LEGACY.replace("-p icmp", "-p icmp -m nonsense")))
    assert done.returncode == 1, done.stderr
    assert "nonsense" in done.stderr and "everything is as it was before" in done.stderr
    assert rules(mapped) == before
    assert "mine" not in legacy_rules(mapped)


def test_legacy_is_undone(restore, mapped, images):
    """A first table is loaded, a second fails: the first is emptied, or what it was."""
    bad = LEGACY + "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j NONSENSE\nCOMMIT\n"
    done = restore(mapped, images(iptables=bad))
    assert done.returncode == 1, done.stderr
    assert "DROP" not in legacy_rules(mapped)
    mapped.run("iptables-legacy", "-A", "OUTPUT", "-p", "udp", "-j", "DROP")
    before = legacy_rules(mapped)
    done = restore(mapped, images(iptables=bad))
    assert done.returncode == 1, done.stderr
    assert legacy_rules(mapped) == before


def test_hostile_rules_of_the_target(restore, container, user1, stage):
    """Its root chose a comment that nft prints as it is, and would read as something else when it
    is brought back. Nothing is begun then."""
    box = container(user1)
    comment = 'x"\n\t\tinclude "/etc/shadow'
    box.run("nft", "-j", "-f", "-", input=json.dumps({"nftables": [
        {"add": {"table": {"family": "ip", "name": "t"}}},
        {"add": {"chain": {"family": "ip", "table": "t", "name": "c"}}},
        {"add": {"rule": {"family": "ip", "table": "t", "chain": "c", "comment": comment,
                          "expr": [{"accept": None}]}}}]}))
    before = rules(box)
    assert '\n\t\tinclude "/etc/shadow"' in before
    done = restore(box, f"{stage}/data/netns-nft-uns")
    assert done.returncode == 1, done.stderr
    assert "cannot be read by nft" in done.stderr and "include" in done.stderr
    assert rules(box) == before


# --- what is refused


BAD = [
    (b'include "/etc/shadow"\n', "line 1"),
    (b'table ip t {\n\tchain c {\n\t\tinclude "/etc/shadow"\n\t}\n}\n', "line 3"),
    (b"define x = 1\ntable ip t {\n}\n", "line 1"),
    (b"flush ruleset\n", "line 1"),
    (b"table ip t {\n", "line 2"),
    (b"table ip t {\n}\n}\n", "line 3"),
    (b"table ip t {\n\0}\n", "line 2"),
    (b"\x7fELF\x02\x01\x01\0", "line 1"),
    (b'table ip t {\n\tcomment "\n}\n', "line 2"),
    (b"# " + b"x" * (4 * 1024 * 1024), "more than 4194304 bytes"),
]


@pytest.mark.parametrize("text,where", BAD, ids=range(len(BAD)))
def test_bad_images(restore, container, user1, images, text, where):
    box = container(user1)
    done = restore(box, images(nftables=text))
    assert done.returncode == 65, done.stderr
    assert f"nftables-10.img: {where}" in done.stderr
    assert rules(box) == "" and not tools_of(box)


def test_exactly_4_mib(restore, container, user1, images):
    box = container(user1)
    text = "table ip t {\n}\n#"
    done = restore(box, images(nftables=text.ljust(4 * 1024 * 1024 - 1, "x") + "\n"))
    assert done.returncode == 0, done.stderr
    assert rules(box) == "table ip t {\n}\n"


@pytest.mark.parametrize("text", ["-A INPUT -j DROP\n", "*filter\n",
                                  "*filter\n-A INPUT --modprobe=/bin/sh -j DROP\nCOMMIT\n"])
def test_bad_images_of_iptables(restore, container, user1, images, text):
    box = container(user1)
    done = restore(box, images(iptables=text))
    assert done.returncode == 65, done.stderr
    assert "iptables-10.img: line" in done.stderr
    assert rules(box) == ""


@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory"])
def test_images_that_are_no_files(restore, container, user1, images, kind):
    box = container(user1)
    directory = images()
    path = os.path.join(directory, "nftables-10.img")
    os.unlink(path)
    if kind == "symlink":
        os.symlink("netns-10.img", path)
    elif kind == "fifo":
        os.mkfifo(path, 0o644)
    else:
        os.mkdir(path)
    done = restore(box, directory)
    assert done.returncode == 65 and "nftables-10.img" in done.stderr


def test_images_without_files_of_rules(restore, container, user1, images):
    box = container(user1)
    directory = images()
    for part in ("nftables", "iptables", "ip6tables"):
        os.unlink(os.path.join(directory, f"{part}-10.img"))
    assert restore(box, directory).returncode == 0
    assert rules(box) == ""


# --- where a tool is missing


def without(*names):
    """A command line prefix: a mount namespace in which these programs are no programs."""
    hide = "; ".join(f"mount --bind /dev/null {os.path.realpath(name)}" for name in names)
    return ["unshare", "-m", "sh", "-c", f'{hide}; exec "$@"', "sh"]


def restore_without(names, box, worker, directory, *args):
    return subprocess.run(
        [*without(*names), *box.user.argv(worker, "restore", "-D", directory, "--pid",
                                          str(box.pid), *args)],
        capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ, **QUIET))


@pytest.mark.parametrize("args", [(), ("--dry-run",)])
def test_without_nft(worker, container, user1, stage, args):
    box = container(user1)
    before = box.links()
    done = restore_without(["/usr/sbin/nft"], box, worker, f"{stage}/data/netns-nft-uns", *args)
    assert done.returncode == 71, done.stderr
    assert "nftables-10.img has rules, and there is no nft" in done.stderr
    assert box.links() == before and not tools_of(box)


def test_without_nft_and_rules(worker, container, user1, images):
    box = container(user1)
    done = restore_without(["/usr/sbin/nft"], box, worker, images(nftables=""))
    assert done.returncode == 0, done.stderr


def test_without_iptables(worker, container, user1, images):
    box = container(user1)
    names = ["/usr/sbin/xtables-legacy-multi", "/usr/sbin/xtables-nft-multi"]
    done = restore_without(names, box, worker, images(iptables=LEGACY))
    assert done.returncode == 71, done.stderr
    assert "iptables-10.img has rules, and there is no iptables-restore" in done.stderr
    assert rules(box) == ""


def test_iptables_that_is_built_on_nftables(worker, container, user1, images):
    """Where there is no other. Its rules come behind those of nftables, and both stay."""
    box = container(user1)
    done = restore_without(["/usr/sbin/xtables-legacy-multi"], box, worker,
                           images(iptables=LEGACY))
    assert done.returncode == 0, done.stderr
    assert "zdtm" in rules(box) and "chain mine" in rules(box) and "CRIU" not in rules(box)


# --- processes that die


@pytest.fixture(params=["list"])
def slow(request, worker, container, user1, stage, procs):
    """A restore whose nft does not come to an end, in a mount namespace of its own: the one that
    lists, or by indirect parametrization the one that loads."""
    box = container(user1)
    script = os.path.join(stage, "slow-nft")
    with open(script, "w") as f:
        f.write(f"#!/bin/sh\n[ $1 = {request.param} ] && exec /usr/bin/sleep 1000; exit 0\n")
    os.chmod(script, 0o755)
    proc = procs.start(
        ["unshare", "-m", "sh", "-c", f'mount --bind {script} /usr/sbin/nft; exec "$@"', "sh",
         *user1.argv(worker, "restore", "-D", f"{stage}/data/netns-nft-uns", "--pid",
                     str(box.pid))],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # Asleep, it has been loaded.
    wait_until(lambda: [p for p in tools_of(box) if namespaces.comm(p) == "sleep" and
                        namespaces.status_of(p).get("State", "").startswith("S")], "the slow nft runs")
    return box, proc


def test_worker_killed(slow):
    """It leaves neither the helper nor the tool behind."""
    box, proc = slow
    proc.kill()
    proc.wait()
    wait_until(lambda: not tools_of(box), "helper and tool are gone")


def test_helper_killed(slow):
    """Before anything was changed: the restore fails, and all is as before."""
    box, proc = slow
    helper, = [p for p in tools_of(box) if namespaces.comm(p) == "netcr-tools"]
    os.kill(helper, signal.SIGKILL)
    _, err = proc.communicate(timeout=DEADLINE)
    assert proc.returncode == 1, err
    assert "its helper was killed" in err and "everything is as it was before" in err
    wait_until(lambda: not tools_of(box), "the tool is gone")


@pytest.mark.parametrize("slow", ["-f"], indirect=True)
def test_helper_killed_while_it_loads(slow):
    """Then nobody knows, and nobody can undo."""
    box, proc = slow
    helper, = [p for p in tools_of(box) if namespaces.comm(p) == "netcr-tools"]
    os.kill(helper, signal.SIGKILL)
    _, err = proc.communicate(timeout=DEADLINE)
    assert proc.returncode == 2, err
    assert "its helper was killed" in err
    assert "the rules of nftables may be left changed" in err


@pytest.mark.parametrize("slow", ["-f"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_loads(slow, number):
    """The helper does not heed what a terminal sends to all; the worker does, when nft is done."""
    box, proc = slow
    for pid in [*tools_of(box), proc.pid]:
        os.kill(pid, number)
    time.sleep(0.2)
    assert len(tools_of(box)) == 2 and proc.poll() is None
    proc.kill()
    wait_until(lambda: not tools_of(box), "helper and tool are gone")


def test_tool_killed(slow):
    box, proc = slow
    tool, = [p for p in tools_of(box) if namespaces.comm(p) == "sleep"]
    os.kill(tool, signal.SIGKILL)
    _, err = proc.communicate(timeout=DEADLINE)
    assert proc.returncode == 1 and "it was killed" in err
    assert not tools_of(box)


def test_what_the_tool_may(slow, user1):
    """One capability, no new ones, no descriptors, no forks, no environment."""
    box, proc = slow
    tool, = [p for p in tools_of(box) if namespaces.comm(p) == "sleep"]
    helper, = [p for p in tools_of(box) if namespaces.comm(p) == "netcr-tools"]
    now = namespaces.status_of(tool)
    net_admin = "0000000000001000"
    assert {k: now[k] for k in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {
        "CapEff": net_admin, "CapPrm": net_admin, "CapInh": net_admin, "CapAmb": net_admin}
    assert int(now["CapBnd"], 16) == 0x3000  # and CAP_NET_RAW, which it does not have
    assert now["NoNewPrivs"] == "1"
    assert sorted(os.listdir(f"/proc/{tool}/fd")) == ["0", "1", "2"]
    assert not set(now["Groups"].split()) - {str(user1.gid)}
    with open(f"/proc/{tool}/environ", "rb") as f:
        assert re.fullmatch(rb"(PWD|OLDPWD|_)=.*|", f.read().rstrip(b"\0"))  # by the shell
    with open(f"/proc/{tool}/limits") as f:
        limits = f.read()
    assert re.search(r"Max processes +0 +0 ", limits)
    assert re.search(r"Max cpu time +60 +60 ", limits)
    status = namespaces.status_of(helper)
    assert status["NoNewPrivs"] == "1" and status["CapEff"] == "0000000000003000"
    assert all("socket" in os.readlink(f"/proc/{helper}/fd/{fd}") or
               os.readlink(f"/proc/{helper}/fd/{fd}") == "/dev/null" or
               re.match(r"pipe:|anon_inode:|/memfd:", os.readlink(f"/proc/{helper}/fd/{fd}"))
               for fd in os.listdir(f"/proc/{helper}/fd"))
    proc.kill()
