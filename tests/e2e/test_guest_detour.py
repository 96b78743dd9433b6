"""Detours of the worker's, on kernels that look for a free index in the host's namespace."""
import signal
import time

import pytest

from restore_helpers import (PLAN_GROUP, assert_restored, data, differences, lasting,  # noqa: F401
                             restore, written, x1)

pytestmark = pytest.mark.guest


def occupy(host, indexes):
    """Links of the host with these indexes."""
    host.batch(*[f"link add h{i} index {i} type dummy" for i in indexes])


def test_several_collisions_in_one_restore(restore, container, user1, data, own_host):
    occupy(own_host, (1001, 1004, 1005, 1010))
    before = lasting(own_host)
    box = container(user1)
    restore(box, f"{data}/macvlan-x10")
    assert_restored(box, f"{data}/macvlan-x10", own_host)
    assert differences(before, lasting(own_host)) == {}


@pytest.mark.parametrize("who", ["worker", "session"])
def test_killed_on_a_detour(restore, container, user1, data, own_host, who):
    """At any moment of it: nothing is left on the host, and the next restore succeeds at once."""
    occupy(own_host, range(1001, 1011))
    before = lasting(own_host)
    killed = 0
    for delay in (0.1, 0.25, 0.4, 0.6, 0.9):
        box = container(user1)
        run = restore.start(box, f"{data}/macvlan-x10").go()
        time.sleep(delay)
        run.to_worker(signal.SIGKILL) if who == "worker" else run.to_session(signal.SIGKILL)
        result = run.result()
        killed += result.status != 0
        if result.status == 0:
            break
        assert result.status in ((-signal.SIGKILL,) if who == "worker" else (1, 69)), result
        left = [link for name, link in box.links().items() if name != "lo"]
        assert all(link["group"] == str(PLAN_GROUP) for link in left), left
        assert who == "worker" or left == []
        restore(box, f"{data}/macvlan-x10")
        assert_restored(box, f"{data}/macvlan-x10", own_host)
        # Their addresses are for the next ones.
        box.batch(*[f"link del mv{i}" for i in range(1, 11)])
    assert killed
    assert differences(before, lasting(own_host)) == {}
