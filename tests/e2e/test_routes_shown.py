"""`show` of addresses, routes and rules."""
import json

import saved_state as saved
from saved_state import base, place, source  # noqa: F401  fixtures


def test_json_and_table(host, worker, source, base, place):
    source.batch("addr add 10.1.0.1/24 dev mv1 label mv1:x valid_lft 5000 preferred_lft 4000",
                 "addr add 10.2.0.1/32 peer 10.2.0.2/32 dev mv1",
                 "route add default via 10.1.0.254 table 100 metric 7 mtu 1400 src 10.1.0.1",
                 "route add default via 10.1.0.254",
                 "route add 10.7.0.0/16 nexthop via 10.1.0.251 weight 3 nexthop dev mv1",
                 "route add blackhole 10.9.0.0/16", "rule add from 10.1.0.0/24 fwmark 7/9 iif mv1 "
                 "lookup 100 priority 50")
    images = saved.images(f"{place}/images", base, source,
                          route=("route", "save", "table", "all"), route6=b"")
    done = host.run(worker, "show", "-D", images, "--json")
    shown, = json.loads(done.stdout)["namespaces"]
    one, = [a for a in shown["addresses"] if a["address"] == "10.1.0.1"]
    assert one["link"] == "mv1" and one["ifindex"] == 1001 and one["prefixlen"] == 24
    assert one["label"] == "mv1:x" and 4900 < one["valid_seconds"] <= 5000
    assert [a["peer"] for a in shown["addresses"] if "peer" in a] == ["10.2.0.2"]
    route, = [r for r in shown["routes"] if r["table"] == 100]
    assert route["destination"] == "default" and route["gateway"] == "10.1.0.254"
    assert route["metrics"] == {"mtu": 1400} and route["metric"] == 7
    assert route["preferred_source"] == "10.1.0.1" and route["type"] == "unicast"
    hops, = [r["nexthops"] for r in shown["routes"] if "nexthops" in r]
    assert [(h["weight"], h.get("gateway")) for h in hops] == [(3, "10.1.0.251"), (1, None)]
    rule, = [r for r in shown["rules"] if r["priority"] == 50]
    assert (rule["from"], rule["iif"], rule["mark"], rule["mask"]) == ("10.1.0.0/24", "mv1", 7, 9)
    assert (rule["action"], rule["table"], rule["family"]) == ("lookup", 100, "inet")
    text = host.run(worker, "show", "-D", images).stdout
    for line in ("address  10.1.0.1/24 dev mv1", "route    blackhole 10.9.0.0/16",
                 "address  10.2.0.1 peer 10.2.0.2/32 dev mv1",
                 "route    default via 10.1.0.254 dev mv1 src 10.1.0.1 table 100 metric 7",
                 "rule     50: lookup"):
        assert line in text
