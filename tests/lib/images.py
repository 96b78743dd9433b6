"""CRIU's image files, for tests: written and changed by our own schema, read by `crit`.

    im = Images.read(f"{stage}/data/macvlan-x1")     what CRIU wrote, to be changed
    im["mv1"].mtu = 1280
    put(im["mv1"].conf4, CONF4, forwarding=1)
    path = im.write(directory)

    oracle(path)                                     what crit says is in it
"""
import base64
import functools
import importlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import types

PROTO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "proto")

MAGIC_COMMON, MAGIC_NETDEV, MAGIC_NETNS = 0x54564319, 0x57373951, 0x55933752
MAGIC_IDS, MAGIC_INVENTORY = 0x54432030, 0x58313116
CTL_STR, CTL_32 = 5, 6
KINDS = {"loopback": 1, "veth": 2, "tun": 3, "extlink": 4, "venet": 5, "bridge": 6, "macvlan": 7,
         "sit": 8}
MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}

# What user space can set, by ip(8)'s names.
FLAGS = {"UP": 0x1, "DEBUG": 0x4, "NOTRAILERS": 0x20, "NOARP": 0x80, "PROMISC": 0x100,
         "ALLMULTI": 0x200, "MULTICAST": 0x1000, "PORTSEL": 0x2000, "AUTOMEDIA": 0x4000,
         "DYNAMIC": 0x8000}

# The position in the list is the name (CRIU 4.2, criu/net.c).
CONF4 = """accept_local accept_redirects accept_source_route arp_accept arp_announce arp_filter
arp_ignore arp_notify bootp_relay disable_policy disable_xfrm force_igmp_version forwarding
igmpv2_unsolicited_report_interval igmpv3_unsolicited_report_interval log_martians medium_id
promote_secondaries proxy_arp proxy_arp_pvlan route_localnet rp_filter secure_redirects
send_redirects shared_media src_valid_mark tag ignore_routes_with_linkdown drop_gratuitous_arp
drop_unicast_in_l2_multicast""".split()
CONF6 = """accept_dad accept_ra accept_ra_defrtr accept_ra_from_local accept_ra_min_hop_limit
accept_ra_mtu accept_ra_pinfo accept_ra_rt_info_max_plen accept_ra_rtr_pref accept_redirects
accept_source_route autoconf dad_transmits disable_ipv6 drop_unicast_in_l2_multicast
drop_unsolicited_na force_mld_version force_tllao forwarding hop_limit
ignore_routes_with_linkdown keep_addr_on_down max_addresses max_desync_factor
mldv1_unsolicited_report_interval mldv2_unsolicited_report_interval mtu ndisc_notify
optimistic_dad proxy_ndp regen_max_retry router_probe_interval router_solicitation_delay
router_solicitation_interval router_solicitations stable_secret suppress_frag_ndisc
temp_prefered_lft temp_valid_lft use_oif_addrs_only use_optimistic use_tempaddr""".split()
assert (len(CONF4), len(CONF6)) == (30, 42)


@functools.lru_cache(maxsize=None)
def schema():
    """The messages, generated from proto/criu/."""
    directory = tempfile.mkdtemp(prefix="netcr-images-")
    try:
        names = ("sysctl", "netdev", "netns", "ids")
        subprocess.run(["protoc", f"--proto_path={PROTO}", f"--python_out={directory}",
                        *[f"{PROTO}/criu/{name}.proto" for name in names]], check=True)
        sys.path.insert(0, directory)
        found = types.SimpleNamespace()
        for name in names:
            vars(found).update(vars(importlib.import_module(f"criu.{name}_pb2")))
        sys.path.remove(directory)
        return found
    finally:
        shutil.rmtree(directory)


def words(*numbers):
    return struct.pack(f"={len(numbers)}I", *numbers)


def record(entry):
    """One entry behind its size; bytes or a message."""
    data = entry if isinstance(entry, bytes) else entry.SerializePartialToString()
    return words(len(data)) + data


def netdev_file(*entries):
    return words(MAGIC_COMMON, MAGIC_NETDEV) + b"".join(map(record, entries))


def netns_file(*entries):
    return words(MAGIC_COMMON, MAGIC_NETNS) + b"".join(map(record, entries))


def entries_of(data, magics=2):
    """The entries of a file that is fine, as bytes."""
    at, found = 4 * magics, []
    while at < len(data):
        size = struct.unpack_from("=I", data, at)[0]
        found.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return found


def put(entries, names, **values):
    """Set entries of a list of sysctls by name; None: it is there without a value."""
    for name, value in values.items():
        entry = entries[names.index(name)]
        entry.Clear()
        entry.type = CTL_STR if isinstance(value, str) or name == "stable_secret" else CTL_32
        if isinstance(value, str):
            entry.sarg = value
        elif value is not None:
            entry.iarg = value


def get(entries, names, name):
    entry = entries[names.index(name)]
    return entry.iarg if entry.HasField("iarg") else None


class Images:
    """The images of one network namespace. Links are messages of type NetDevice."""

    def __init__(self, links, netns, rest):
        self.links, self.netns = links, netns
        self.rest = rest  # other files: {name: bytes}

    @classmethod
    def read(cls, directory):
        def content(name):
            with open(os.path.join(directory, name), "rb") as f:
                return f.read()
        links = [schema().NetDevice.FromString(e) for e in entries_of(content("netdev-10.img"))]
        netns = schema().Netns.FromString(entries_of(content("netns-10.img"))[0])
        return cls(links, netns, {n: content(n) for n in ("inventory.img", "ids-1.img")})

    def __getitem__(self, name):
        found, = [link for link in self.links if link.name == name]
        return found

    def files(self):
        return {"netdev-10.img": netdev_file(*self.links),
                "netns-10.img": netns_file(self.netns)} | self.rest

    def write(self, directory):
        write_files(directory, self.files())
        return directory

    def like(self, number, name="mv{}", index=2000):
        """Replace all macvlans by @number copies of the first, which differ in name, index and
        address."""
        first = next(link for link in self.links if link.type == KINDS["macvlan"])
        self.links = [link for link in self.links if link.type != KINDS["macvlan"]]
        for i in range(number):
            link = schema().NetDevice()
            link.CopyFrom(first)
            link.name, link.ifindex = name.format(i), index + i
            link.address = bytes.fromhex("0200c0000000")[:4] + struct.pack(">H", i)
            self.links.append(link)
        return self


def write_files(directory, files):
    os.makedirs(directory, exist_ok=True)
    os.chmod(directory, 0o755)
    for name, data in files.items():
        path = os.path.join(directory, name)
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, 0o644)


def crit(path):
    """The entries of an image file as crit decodes them."""
    done = subprocess.run(["/usr/bin/python3", "/usr/bin/crit", "decode", "-i", path], check=True,
                          stdout=subprocess.PIPE)
    return json.loads(done.stdout)["entries"]


@functools.lru_cache(maxsize=None)
def oracle(directory):
    """(links, netns) of a directory, as crit decodes them."""
    return (crit(os.path.join(directory, "netdev-10.img")),
            crit(os.path.join(directory, "netns-10.img"))[0])


def mac_of(entry):
    """The address of crit's entry as ip(8) prints it."""
    return base64.b64decode(entry["address"]).hex(":")


def values_of(entries, names):
    """{name: value} of crit's list, without those that have none."""
    return {name: entry.get("iarg", entry.get("sarg")) for name, entry in zip(names, entries)
            if "iarg" in entry or "sarg" in entry}
