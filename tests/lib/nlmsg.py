"""RTM_NEWLINK by hand: what a worker proposes, and everything that it should not.

A message is put together from bytes, so that any of them can be wrong."""
import struct

RTM_NEWLINK, RTM_DELLINK, RTM_SETLINK = 16, 17, 19
RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNSID, RTM_GETNSID = 20, 24, 88, 90

NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
CREATE_FLAGS = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
NLA_F_NESTED, NLA_F_NET_BYTEORDER = 0x8000, 0x4000

IFF_UP, IFF_NOARP, IFF_PROMISC = 0x1, 0x80, 0x100
IFF_ALLMULTI, IFF_MULTICAST = 0x200, 0x1000

(IFLA_ADDRESS, IFLA_BROADCAST, IFLA_IFNAME, IFLA_MTU, IFLA_LINK) = range(1, 6)
IFLA_MASTER, IFLA_TXQLEN, IFLA_MAP, IFLA_LINKINFO, IFLA_NET_NS_PID = 10, 13, 14, 18, 19
IFLA_IFALIAS, IFLA_NUM_VF, IFLA_VFINFO_LIST, IFLA_AF_SPEC, IFLA_GROUP = 20, 21, 22, 26, 27
IFLA_NET_NS_FD, IFLA_NUM_TX_QUEUES, IFLA_NUM_RX_QUEUES, IFLA_CARRIER = 28, 31, 32, 33
IFLA_LINK_NETNSID, IFLA_PROTO_DOWN, IFLA_GSO_MAX_SEGS, IFLA_GSO_MAX_SIZE = 37, 39, 40, 41
IFLA_XDP, IFLA_EVENT, IFLA_TARGET_NETNSID, IFLA_PROP_LIST, IFLA_GRO_MAX_SIZE = 43, 44, 46, 52, 58

IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND = 1, 2, 4
(IFLA_MACVLAN_MODE, IFLA_MACVLAN_FLAGS, IFLA_MACVLAN_MACADDR_MODE, IFLA_MACVLAN_MACADDR,
 IFLA_MACVLAN_MACADDR_DATA, IFLA_MACVLAN_MACADDR_COUNT, IFLA_MACVLAN_BC_QUEUE_LEN,
 IFLA_MACVLAN_BC_QUEUE_LEN_USED, IFLA_MACVLAN_BC_CUTOFF) = range(1, 10)
MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}

INFO_DATA = IFLA_INFO_DATA | NLA_F_NESTED
LINKINFO = IFLA_LINKINFO | NLA_F_NESTED


def attr(kind, payload=b"", length=None):
    """One attribute; @length lies about its size."""
    head = struct.pack("=HH", 4 + len(payload) if length is None else length, kind)
    return head + payload + bytes(-len(payload) % 4)


def u16(value):
    return struct.pack("=H", value)


def u32(value):
    return struct.pack("=I", value & 0xffffffff)


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ifname(name):
    """IFLA_IFNAME, of a str or of raw bytes that need not end in a NUL."""
    return attr(IFLA_IFNAME, name if isinstance(name, bytes) else name.encode() + b"\0")


def info_data(mode="bridge", flags=None, bc_queue_len=None, more=b""):
    data = b""
    if mode is not None:
        data += attr(IFLA_MACVLAN_MODE, u32(MODES.get(mode, mode)))
    if flags is not None:
        data += attr(IFLA_MACVLAN_FLAGS, u16(flags))
    if bc_queue_len is not None:
        data += attr(IFLA_MACVLAN_BC_QUEUE_LEN, u32(bc_queue_len))
    return attr(INFO_DATA, data + more)


def linkinfo(mode="bridge", kind=b"macvlan\0", **data):
    return attr(LINKINFO, attr(IFLA_INFO_KIND, kind) + info_data(mode, **data))


def message(attrs, ifindex=0, flags=0, change=None, kind=RTM_NEWLINK, nl_flags=CREATE_FLAGS,
            seq=0, pid=0, length=None, family=0, dev_type=0):
    """The headers of rtnetlink(7) and @attrs behind them; @change is @flags if not given."""
    body = struct.pack("=BBHiII", family, 0, dev_type, ifindex, flags,
                       flags if change is None else change) + attrs
    total = 16 + len(body) if length is None else length
    return struct.pack("=IHHII", total, kind, nl_flags, seq, pid) + body


def newlink(name="mv0", mode="bridge", address=None, mtu=None, more=b"", data=None, **header):
    """A proposal that is fine, unless the arguments make it something else.

    @data: keyword arguments of info_data(); @more: further attributes; the rest goes to
    message()."""
    attrs = ifname(name)
    if address is not None:
        attrs += attr(IFLA_ADDRESS, address if isinstance(address, bytes) else mac(address))
    if mtu is not None:
        attrs += attr(IFLA_MTU, u32(mtu))
    return message(attrs + more + linkinfo(mode, **(data or {})), **header)
