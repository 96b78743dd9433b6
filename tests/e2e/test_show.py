"""netcr-worker show, against what `crit decode` says of the same files."""
import json
import os
import re
import subprocess

import pytest

import images
from images import CONF4, CONF6, put, values_of
from restore_helpers import data, written, x1  # noqa: F401

SETS = ["macvlan-uns", "macvlan-x1", "macvlan-x10", "macvlan-x100", "macvlan-x500"]


@pytest.fixture
def show(worker, user1):
    def run(directory, *more, status=0):
        done = subprocess.run(user1.argv(worker, "show", "-D", directory, *more), cwd="/",
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status, done.stderr
        assert "Sanitizer" not in done.stderr
        return done
    return run


def trimmed(values):
    """Texts are shown without their newline."""
    return {k: v.rstrip("\n") if isinstance(v, str) else v for k, v in values.items()}


@pytest.mark.parametrize("name", SETS)
def test_json_says_what_crit_says(show, data, name):
    report = json.loads(show(f"{data}/{name}", "--json").stdout)
    entries, netns = images.oracle(f"{data}/{name}")
    assert (report["schema"], report["command"], report["status"]) == (1, "show", 0)
    space, = report["namespaces"]
    assert (space["id"], space["nsids"]) == (10, [])
    for key, names in (("all_conf4", CONF4), ("def_conf4", CONF4), ("all_conf6", CONF6),
                       ("def_conf6", CONF6), ("unix_conf", ["max_dgram_qlen"])):
        assert space[key] == trimmed(values_of(netns[key], names))
    assert len(space["links"]) == len(entries)
    for link, entry in zip(space["links"], entries):
        assert link["kind"] == entry["type"].lower()
        for key in ("name", "ifindex", "mtu", "flags"):
            assert link[key] == entry[key]
        assert link.get("peer_ifindex") == entry.get("peer_ifindex")
        assert link.get("peer_ns_id") == entry.get("peer_nsid")
        assert link["conf4"] == trimmed(values_of(entry["conf4"], CONF4))
        assert link["conf6"] == trimmed(values_of(entry["conf6"], CONF6))
        if "macvlan" in entry:
            assert link["address"] == images.mac_of(entry)
            assert images.MODES[link["mode"]] == entry["macvlan"]["mode"]
            assert link.get("macvlan_flags") == entry["macvlan"].get("flags")


@pytest.mark.parametrize("name", SETS)
def test_table_says_what_crit_says(show, data, name):
    head, titles, *lines = show(f"{data}/{name}").stdout.splitlines()
    entries, _ = images.oracle(f"{data}/{name}")
    assert head == f"namespace 10: {len(entries)} links"
    assert titles.split() == ["INDEX", "NAME", "KIND", "MTU", "ADDRESS", "DETAIL"]
    more = lines[len(entries):]
    assert {line.split()[0] for line in more} <= {"address", "route", "rule"}
    for line, entry in zip(lines, entries):
        words = line.split()
        assert words[:5] == [str(entry["ifindex"]), entry["name"],
                             entry["type"].lower(), "up" if entry["flags"] & 1 else "down",
                             str(entry["mtu"])]
        if "macvlan" in entry:
            assert words[5] == images.mac_of(entry)
            mode = next(k for k, v in images.MODES.items() if v == entry["macvlan"]["mode"])
            assert re.search(rf"\bmode {mode}\b.*parent had index {entry['peer_ifindex']}$", line)


def test_every_kind_is_shown(show, x1, written):
    NetDevice = images.schema().NetDevice
    for i, kind in enumerate(sorted(images.KINDS), 50):
        if kind in ("loopback", "macvlan"):
            continue
        link = NetDevice(type=images.KINDS[kind], ifindex=i, mtu=1500, flags=0, name=f"my{kind}")
        if kind == "tun":
            for field, value in (("flags", 1), ("owner", 1), ("group", 1), ("vnethdr", 10),
                                 ("sndbuf", 100000)):
                setattr(link.tun, field, value)
        if kind == "sit":
            link.sit.ttl = 64
        x1.links.append(link)
    path = written(x1)
    shown = {link["name"]: link["kind"] for link in
             json.loads(show(path, "--json").stdout)["namespaces"][0]["links"]}
    text = show(path).stdout
    for kind in set(images.KINDS) - {"loopback", "macvlan"}:
        assert shown[f"my{kind}"] == kind
        assert f" my{kind} " in text


def test_nsids_texts_and_several_namespaces(show, x1, written):
    x1.netns.nsids.add(target_ns_id=2, netnsid_value=5)
    x1.netns.ClearField("ipv4_sysctl")
    x1.netns.ipv4_sysctl.add(type=images.CTL_STR, sarg="0\t7\n")
    put(x1["mv1"].conf6, CONF6, stable_secret="2001:db8::1\n")
    path = written(x1)
    x1["mv1"].name = "other"
    images.write_files(path, {"netdev-9.img": images.netdev_file(*x1.links),
                              "netns-9.img": images.netns_file(x1.netns)})
    spaces = json.loads(show(path, "--json").stdout)["namespaces"]
    assert [space["id"] for space in spaces] == [9, 10]
    assert spaces[1]["nsids"] == [{"ns_id": 2, "nsid": 5}]
    assert spaces[1]["ipv4_sysctl"] == {"ping_group_range": "0\t7"}
    assert spaces[1]["links"][1]["conf6"]["stable_secret"] == "2001:db8::1"
    assert spaces[0]["links"][1]["name"] == "other"
    text = show(path).stdout
    assert "nsid 5 is namespace 2" in text and text.index("namespace 9:") < text.index("namespace 10:")
    only = show(path, "--ns-id", "9").stdout
    assert "other" in only and "namespace 10" not in only


def test_old_form_of_sysctls(show, x1, written):
    x1["mv1"].ClearField("conf4")
    x1["mv1"].conf.extend([-1, 0, 7])
    link = json.loads(show(written(x1), "--json").stdout)["namespaces"][0]["links"][1]
    assert link["conf4"] == {"accept_redirects": 0, "accept_source_route": 7}


def test_macvlan_flags(show, x1, written):
    x1["mv1"].macvlan.flags = 3
    assert "nopromisc nodst" in show(written(x1)).stdout


def test_external_namespace(show, x1, written):
    """Its key is anybody's text: escaped in JSON, and not printed to a terminal."""
    x1.netns.Clear()
    x1.netns.ext_key = "a\x1b[2J"
    path = written(x1)
    os.unlink(f"{path}/netdev-10.img")
    assert json.loads(show(path, "--json").stdout)["namespaces"][0]["external"] == "a\x1b[2J"
    assert "\x1b" not in show(path).stdout


@pytest.mark.parametrize("json_", [False, True])
def test_bad_image(show, x1, written, json_):
    files = x1.files()
    files["netdev-10.img"] = files["netdev-10.img"][:-5]
    done = show(written(files), *["--json"] * json_, status=65)
    said = json.loads(done.stdout)["error"] if json_ else done.stderr
    assert "netdev-10.img: record 2: cut off in its entry" in said


def test_full_disk(show, data, worker, user1):
    for more in ([], ["--json"]):
        done = subprocess.run(["sh", "-c", 'exec "$@" >/dev/full', "sh", *user1.argv(
            worker, "show", "-D", f"{data}/macvlan-x500", *more)], capture_output=True, text=True,
            timeout=60, cwd="/", check=False)
        assert done.returncode == 71, (more, done.stderr)


@pytest.mark.no_sanitizer
def test_confined(data, worker, user1, tmp_path):
    """A reader of files is no more than that: no capability, no way to anywhere else."""
    trace = tmp_path / "trace"
    subprocess.run(["strace", "-f", "-qq", "-o", str(trace), *user1.argv(
        worker, "show", "-D", f"{data}/macvlan-x10")], check=True, stdout=subprocess.DEVNULL,
        timeout=60, cwd="/")
    text = trace.read_text()
    at = text.index("seccomp(SECCOMP_SET_MODE_FILTER")
    assert "landlock_restrict_self" in text[:at]
    assert "netns-10.img" not in text[:at] and "netns-10.img" in text[at:]
