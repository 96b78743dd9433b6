"""A container with everything that this kernel has and the images can hold: every kind of link,
addresses, routes, rules, rulesets, and sysctls that are changed at every level.

    own_host has the parents par0 and par1: namespaces.connect()
    box = container_of(procs, user)      its root made its namespace, and may see its iptables
    fill(box, own_host)                  as the machine's root, by ip(8), nft(8) and the like
    changed = change_sysctls(box, user)  {name: value} below /proc/sys/net, of those that took it
"""
import namespaces
from images import CONF4, CONF6
from namespaces import wait_until

PARENTS = ("par0", "par1")
OUTSIDE = {"mo-bridge": "par0", "mo-private": "par0", "mo-vepa": "par0", "mo-source": "par0",
           "mo-thru": "par1"}
EXTLINK, EXTLINK_INDEX = "ext0", 90
EXTERNALS = [arg for name, parent in OUTSIDE.items()
             for arg in ("--external", f"macvlan[{name}]:{parent}")]
ALLOWED = [arg for parent in PARENTS for arg in ("--allow-parent", parent)] + [
    arg for mode in ("bridge", "private", "vepa", "passthru", "source")
    for arg in ("--allow-mode", mode)]

LINKS = """
link set lo mtu 65000 up
link add br0 index 10 address 02:00:00:00:00:10 mtu 1400 type bridge
link add br1 index 11 address 02:00:00:00:00:11 type bridge
link add ve0 index 20 address 02:00:00:00:00:20 type veth peer name ve1 index 21 address 02:00:00:00:00:21
link add vp0 index 22 address 02:00:00:00:00:22 type veth peer name vp1 index 23 address 02:00:00:00:00:23
link add lan0 index 24 address 02:00:00:00:00:24 type veth peer name lan1 index 25 address 02:00:00:00:00:25
link set ve0 mtu 1400 master br0
link set tap0 address 02:00:00:00:00:31 mtu 1400 master br0
link add mi-private index 40 link ve1 address 02:00:00:00:00:40 type macvlan mode private
link add mi-vepa index 41 link ve1 address 02:00:00:00:00:41 mtu 1400 type macvlan mode vepa
link add mi-bridge index 42 link ve1 address 02:00:00:00:00:42 type macvlan mode bridge
link add mi-source index 43 link ve1 address 02:00:00:00:00:43 type macvlan mode source nodst
link add mi-thru index 44 link vp1 type macvlan mode passthru nopromisc
link set tun0 mtu 1300
link set mi-bridge allmulticast on promisc on
link set mi-private multicast off
link set mi-vepa arp off
"""
TUNS = ("tun0", "tap0")
UP = ["br0", "ve0", "ve1", "vp0", "vp1", "lan0", "lan1", "tap0", "tun0", "mi-private", "mi-bridge",
      "mi-source", "mi-thru", *OUTSIDE]

ADDRESSES = """
addr add 127.0.0.2/8 dev lo
addr add 10.1.0.1/24 brd + dev lan0 label lan0:one
addr add 10.1.0.2/24 dev lan0
addr add 10.1.0.3/24 dev lan0 label lan0:x
addr add 10.2.0.1/32 peer 10.2.0.2/32 dev lan0
addr add 10.3.0.1 peer 10.3.1.0/24 dev lan0
addr add 10.4.0.1/24 dev lan0 metric 77
addr add 10.5.0.1/24 dev lan0 noprefixroute
addr add 10.6.0.1/24 dev lan0 valid_lft 50000 preferred_lft 40000
addr add 10.7.0.1/24 dev lan0 valid_lft 50000 preferred_lft 0
addr add 10.8.0.1/24 dev lan0 scope link
addr add 10.9.0.1/24 dev lan0 scope host
addr add 10.10.0.1/24 dev mo-bridge
addr add 10.11.0.1/24 dev mi-bridge
addr add 10.12.0.1/24 dev br0
addr add 10.13.0.1/30 dev tun0
addr add 169.254.7.7/16 brd 169.254.1.1 dev lan1 scope link
-6 addr add 2001:db8:1::1/64 dev lan0
-6 addr add 2001:db8:1::2/64 dev lan0
-6 addr add 2001:db8:2::1 peer 2001:db8:2::2/128 dev lan0
-6 addr add 2001:db8:3::1/64 dev lan0 metric 77
-6 addr add 2001:db8:4::1/64 dev lan0 noprefixroute
-6 addr add 2001:db8:5::1/64 dev lan0 home
-6 addr add 2001:db8:6::1/64 dev lan0 valid_lft 50000 preferred_lft 40000
-6 addr add 2001:db8:7::1/64 dev lan0 valid_lft 50000 preferred_lft 0
-6 addr add fe80::77/64 dev lan0
-6 addr add 2001:db8:a::1/128 dev lo
-6 addr add 2001:db8:b::1/64 dev mo-bridge
-6 addr add 2001:db8:c::1/64 dev mi-bridge
"""

ROUTES = """
route add default via 10.1.0.254 metric 5 mtu 1400
route add default via 10.1.0.253 metric 6
route add 192.0.2.0/24 via 10.1.0.254 src 10.1.0.2
route add 198.51.100.0/24 nexthop via 10.1.0.254 weight 2 nexthop via 10.10.0.254 nexthop dev tun0
route add 203.0.113.0/25 via inet6 2001:db8:1::fe dev lan0
route add 203.0.113.128/25 nexthop via inet6 2001:db8:1::fe dev lan0 nexthop via 10.1.0.254
route add 100.64.0.0/16 dev lan0 scope link
route add 100.65.0.0/16 via 100.64.0.1
route add 100.66.0.0/16 via 10.99.0.1 dev mo-bridge onlink
route add 100.67.0.0/16 via 10.1.0.254 tos 0x10
route add 100.68.0.0/16 dev mo-bridge proto 77 mtu lock 1300 advmss 1200 window 30000 rtt 100ms rttvar 50ms cwnd 20 initcwnd 30 initrwnd 40 hoplimit 50 quickack 1 reordering 6 rto_min 200ms congctl reno features ecn
route add 100.69.0.0/16 dev tun0 realm 3/4
route add blackhole 100.70.0.0/16
route add unreachable 100.71.0.0/16 metric 9
route add prohibit 100.72.0.0/16
route add throw 100.73.0.0/16 table 100
route add default via 10.1.0.254 table 100
route add 192.0.2.0/24 via 10.10.0.254 table 70000
route add local 100.74.0.0/16 dev lo table 100
-6 route add default via 2001:db8:1::fe metric 7
-6 route add 2001:db8:100::/48 via 2001:db8:1::fe src 2001:db8:1::2
-6 route add 2001:db8:101::/48 dev lan0 metric 9 mtu 1300 hoplimit 40
-6 route add 2001:db8:102::/48 nexthop via 2001:db8:1::fe weight 3 nexthop via 2001:db8:b::fe
-6 route add 2001:db8:103::/48 via fe80::99 dev mo-bridge pref high
-6 route add 2001:db8:104::/48 via 2001:db8:1::fe expires 90000
-6 route add unreachable 2001:db8:105::/48
-6 route add blackhole 2001:db8:106::/48 table 100
-6 route add prohibit 2001:db8:107::/48 metric 3
-6 route add default via 2001:db8:1::fe table 70000
-6 route add 2001:db8:108::/48 via 2001:dead::1 dev lan0 onlink
"""

RULES = """
rule add from 10.1.0.3 lookup 100 priority 1000
rule add to 192.0.2.0/24 iif lan0 blackhole priority 1001
rule add fwmark 7/0xff lookup 70000 priority 1002
rule add oif mo-bridge unreachable priority 1003
rule add not from 10.1.0.0/24 prohibit priority 1004
rule add ipproto tcp sport 1000-2000 dport 22 lookup 100 priority 1005
rule add from 10.1.0.2 lookup main suppress_prefixlength 0 priority 1006
rule add iif nowhere0 goto 1005 priority 500
rule add tos 0x10 nop priority 1007
rule add from all lookup 100 suppress_ifgroup 3 protocol 77 priority 1008
rule add from all lookup 100 realms 5/6 priority 1009
"""

NFT = """\
table inet mine {
	counter hits {
		comment "named"
		packets 5 bytes 420
	}

	set ports {
		type inet_service
		flags interval
		elements = { 22, 80-90,
			     443 }
	}

	map verdicts {
		type ipv4_addr : verdict
		elements = { 10.0.0.1 : accept, 10.0.0.2 : jump other }
	}

	chain other {
		meta skuid 0 log prefix "a \\\\ {" drop
	}

	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport @ports counter packets 1 bytes 2 accept comment "ssh; web"
		ip saddr vmap @verdicts
		iifname "mo-*" meta mark set 0x00000001
	}
}
table ip nat {
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.1.0.0/24 masquerade
	}
}
"""

IPTABLES = """\
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:mine - [0:0]
-A FORWARD -s {source} -m comment --comment "a \\"quoted\\" one" -j mine
-A mine -p udp -m udp --dport 53 -j ACCEPT
COMMIT
"""
SOURCES = {"iptables": "10.99.0.0/16", "ip6tables": "2001:db8:99::/48"}

# The kernel refuses these to every link but some, or they are no number.
ODD = {"disable_ipv6", "mtu", "stable_secret", "medium_id"}
# They change what the kernel does by itself to addresses and routes: only where there are none.
QUIET_LINK = "br1"
SECRET = "2001:0db8:0001:0203:0405:0607:0809:0a0b"


def container_of(procs, user):
    return namespaces.Container(procs, user, then=("unshare", "-n"))


def lines(text):
    return [line for line in text.splitlines() if line]


def batch(box, text):
    """Commands of ip(8); the family is an option of the program's, so in two runs."""
    for family in ("-4", "-6"):
        some = [line.removeprefix("-6 ") for line in lines(text)
                if line.startswith("-6 ") == (family == "-6")]
        if some:
            box.run("ip", *[family] * (family == "-6"), "-batch", "-", input="\n".join(some) + "\n")


def make_links(box, host, user, with_tun):
    box.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0")
    box.run(*with_tun, "sh", "-c",
            f"ip tuntap add tun0 mode tun user {user.uid} group {user.gid} multi_queue && "
            "ip tuntap add tap0 mode tap pi vnet_hdr")
    prepare(box)
    batch(box, LINKS)
    for i, (name, parent) in enumerate(OUTSIDE.items()):
        _, mode = name.split("-")
        host.ip("link", "add", name, "link", parent, "index", str(50 + i), "address",
                f"02:00:00:00:00:5{i}", "netns", str(box.pid), "type", "macvlan", "mode",
                {"thru": "passthru"}.get(mode, mode), *["nopromisc"] * (mode == "thru"))
    box.ip("link", "set", "mo-private", "mtu", "1400", "allmulticast", "on")
    box.batch(*[f"link set {name} up" for name in UP])


def prepare(box):
    """The device that somebody else provides."""
    box.ip("link", "add", EXTLINK, "index", str(EXTLINK_INDEX), "type", "vxlan", "id", "7",
           "dstport", "4789")


def fill(box, host, user, with_tun):
    make_links(box, host, user, with_tun)
    box.batch(f"link set {EXTLINK} address 02:00:00:00:00:90 mtu 1450 up")
    settle(box)
    for text in (ADDRESSES, ROUTES, RULES):
        batch(box, text)
    box.run("nft", "-f", "-", input=NFT)
    for name, source in SOURCES.items():
        box.run(f"{name}-legacy-restore", input=IPTABLES.format(source=source))


def settle(box):
    """Until the kernel has told its protocols of the carriers; nobody has the tuns open."""
    def is_settled():
        links = box.links()
        return all(links[name]["operstate"] == ("DOWN" if name in TUNS else "UP")
                   for name in UP) and "tentative" not in box.ip("addr")
    wait_until(is_settled, "all links have their carriers")


def other(name, value):
    """Another value for a sysctl."""
    if name.endswith("hop_limit"):
        return value - 1
    return 1 - value if value in (0, 1) else value + 1


def read(box, names):
    """{name: text} of sysctls, as the container's root reads them."""
    got = box.run_inside("sh", "-c", "cd /proc/sys/net; grep -H . $(cat) 2>/dev/null",
                         input="\n".join(names), check=False).stdout
    return dict(line.split(":", 1) for line in got.splitlines())


def in_force(box, settings):
    """Those of @settings that are."""
    now = read(box, settings)
    return {name: value for name, value in settings.items()
            if now.get(name, "").split() == str(value).split()}


def write(box, settings):
    """As the container's root. Returns those that are in force after all are written."""
    box.run_inside("sh", check=False, input="".join(
        f"echo '{value}' 2>/dev/null >/proc/sys/net/{name}\n" for name, value in settings.items()))
    return in_force(box, settings)


def change_sysctls(box):
    """Each one that takes another value gets it: of all, of default and of every link; those below
    all come first, as the kernel hands some of them on."""
    changed = {}
    confs = [(family, name) for family, names in (("ipv4", CONF4), ("ipv6", CONF6))
             for name in names if name not in ODD]
    for level in ("all", "default", *box.links()):
        now = read(box, [f"{family}/conf/{level}/{name}" for family, name in confs])
        changed |= write(box, {name: other(name, int(text)) for name, text in now.items()})
    changed |= write(box, {
        f"ipv6/conf/{QUIET_LINK}/disable_ipv6": 1, "ipv4/conf/ve0/medium_id": -1,
        "ipv6/conf/lan0/mtu": 1400, f"ipv6/conf/{QUIET_LINK}/stable_secret": SECRET,
        "unix/max_dgram_qlen": 33, "ipv4/ping_group_range": "0\t0"})
    return changed
