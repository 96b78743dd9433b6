"""What the network costs in a CRIU restore. tests/bench/criu runs it in a guest."""
import json
import os
import re
import shutil

import pytest

from guest_helpers import addressed, checkpoint, echo, network, start  # noqa: F401
from restore_helpers import differences

ROUNDS = int(os.environ.get("NETCR_BENCH_ROUNDS", "3"))


def scripts_ran(log, action):
    """Seconds since CRIU's start."""
    return float(re.search(rf"\((\d+\.\d+)\) Running {action} scripts", log).group(1))


def namespaces_took(log):
    return scripts_ran(log, "post-setup-namespaces") - scripts_ran(log, "setup-namespaces")


@pytest.mark.parametrize("n", [1, 10])
def test_network(checkpoint, own_host, echo, n, capsys):
    target = start(checkpoint.root, echo)
    # Indexes that the host does not have: CRIU itself can restore no others.
    addressed(target, own_host, n, first=1001)
    before = network(target)
    externals = [arg for i in range(n) for arg in ("--external", f"macvlan[eth{i}]:par0")]
    checkpoint.dump(target, *externals)
    found = {"none": [], "criu": [], "netcr": []}
    for _ in range(ROUNDS):
        for way, times in found.items():
            if way == "netcr":
                again = checkpoint.restore_by_netcr("macvlan[*]:par0")
            elif way == "criu":
                again = checkpoint.restore(*externals, "--action-script", "/bin/true")
            else:
                again = checkpoint.restore("--empty-ns", "net", "--action-script", "/bin/true")
            times.append(namespaces_took(checkpoint.log))
            if way == "netcr":
                assert differences(before, network(again)) == {}
            again.kill()
            os.unlink(checkpoint.pidfile)  # CRIU takes none that is there
    shutil.rmtree(checkpoint.images)
    with capsys.disabled():
        print("\nFIGURES", json.dumps({"links": n, **found}))
