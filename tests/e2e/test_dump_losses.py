"""What CRIU's images have no field for: a dump names it, and names nothing else."""
import json
import os

import pytest

import criu_images as images


@pytest.fixture
def warnings(worker, user1, container):
    """warnings(commands of ip(8), files of /proc/sys/net with values): what a dump warns of."""
    # In a netns that was made by its root: it may see that there is no old iptables.
    box = container(user1, then=("unshare", "-n"))

    def run(*commands, sysctls=(), then=()):
        if commands:
            box.batch(*commands)
        for path, value in sysctls:
            box.run_inside("sh", "-c", f"printf '%s\\n' '{value}' >/proc/sys/net/{path}")
        for command in then:
            box.run(*command.split())
        with images.directory(user1) as path:
            done = images.dump(worker, box, path, "--json", user=user1)
            assert "netdev-10.img" in os.listdir(path)
            return json.loads(done.stdout)["warnings"]
    return run


LINKS = ["link add br0 type bridge", "link add v0 type veth peer name v1", "link set v0 master br0",
         "link set br0 up", "link set v0 up", "link set v1 up"]


def link(name, what):
    return f"link {name}: the images cannot hold {what}: lost"


def test_nothing_that_is_not_there(warnings):
    """Own entries of a bridge, addresses of links, and what the kernel learnt."""
    assert warnings(*LINKS, "tuntap add t0 mode tun", "tuntap add t1 mode tap", "link set t0 up",
                    "addr add 10.0.0.1/24 dev br0",
                    "neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev br0 nud reachable") == []


def test_neighbours_and_forwarding_entries(warnings):
    assert sorted(warnings(*LINKS, "neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev v1",
                    "neigh add 2001:db8::9 lladdr 02:00:00:00:00:09 dev v1",
                    "neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev br0",
                    then=["bridge fdb add 02:00:00:00:00:77 dev v0 master static",
                          "bridge fdb add 02:00:00:00:00:78 dev v0 master static",
                          "bridge fdb add 02:00:00:00:00:79 dev v0 master permanent"])) == [
        link("br0", "its 1 static neighbours"), link("v0", "its 3 static forwarding entries"),
        link("v1", "its 2 static neighbours")]


def test_port_of_a_bridge(warnings):
    found = warnings(*LINKS, then=[
        "bridge link set dev v0 cost 7 hairpin on isolated on learning off priority 5"])
    assert found == [link("v0", "its port's cost of 7, its port's priority of 5, its port's "
                          "hairpin of 1, its port's learning of 0, its port's isolated of 1")]


def test_queueing_disciplines(warnings):
    assert warnings(*LINKS, then=["tc qdisc add dev v1 root pfifo limit 7",
                                  "tc qdisc add dev v1 clsact"]) == [
        link("v1", "its 2 queueing disciplines")]


@pytest.mark.parametrize("mode, number", [("none", 1), ("random", 3)])
def test_address_generation(warnings, mode, number):
    assert warnings(*LINKS, f"link set v1 addrgenmode {mode}") == [
        link("v1", f"its addr_gen_mode of {number}")]


def test_address_generation_by_a_secret(warnings):
    """Comes back with the secret, which the images have."""
    assert warnings(*LINKS, sysctls=[("ipv6/conf/v1/stable_secret", "2001:db8::1")]) == []


CONF = [("ipv4", "arp_evict_nocarrier", 0), ("ipv4", "bc_forwarding", 1), ("ipv6", "enhanced_dad", 0),
        ("ipv6", "disable_policy", 1), ("ipv6", "accept_ra_rt_info_min_plen", 7),
        ("ipv6", "ndisc_tclass", 9), ("ipv6", "ra_defrtr_metric", 77),
        ("ipv6", "ioam6_enabled", 1), ("ipv6", "ioam6_id", 5), ("ipv6", "ioam6_id_wide", 6),
        ("ipv6", "ndisc_evict_nocarrier", 0), ("ipv6", "accept_untracked_na", 1),
        ("ipv6", "accept_ra_min_lft", 3), ("ipv6", "seg6_enabled", 1)]


@pytest.mark.parametrize("family, name, value", CONF)
def test_sysctls_that_came_after_the_lists(warnings, family, name, value):
    """Of a link, and of the default, which IPv4 gives to links that nobody set."""
    links = ("v1",) if family == "ipv6" else ("lo", "br0", "v0", "v1")
    assert sorted(warnings(*LINKS, sysctls=[(f"{family}/conf/v1/{name}", value),
                                     (f"{family}/conf/default/{name}", value)])) == sorted([
        *(link(at, f"its sysctl {family}/{name} of {value}") for at in links),
        f"the images cannot hold sysctl net/{family}/conf/default/{name}, which is '{value}': lost"])


@pytest.mark.parametrize("path, value", [
    ("core/somaxconn", "77"), ("ipv4/ip_local_port_range", "2000\t3000"),
    ("ipv4/ip_unprivileged_port_start", "80"), ("ipv4/ip_local_reserved_ports", "99"),
    ("ipv4/tcp_keepalive_time", "60"), ("ipv4/tcp_ecn", "1"), ("ipv6/bindv6only", "1")])
def test_sysctls_of_the_namespace(warnings, path, value):
    shown = value.replace("\t", " ")
    assert warnings(sysctls=[(path, value)]) == [
        f"the images cannot hold sysctl net/{path}, which is '{shown}': lost"]
