"""What link-create makes, as the kernel tells it."""
from nlmsg import newlink


def test_one_link(bound):
    s, box = bound
    assert s.create(("par0", newlink("eth0", ifindex=77))).error == 0
    assert box.links()["eth0"]["ifindex"] == 77
