"""Many users with many sessions at one `netcr-broker serve`, and what has to hold meanwhile and
afterwards. For tests/bench/soak and tests/e2e/test_soak.py.

    report, wrong = soak.run(procs, broker, client, users=20, rounds=25)

Each user is a process of its own (tests/load/soak_client.c) that makes its containers itself. A
sentence in @wrong is something that did not hold; there are none if all is well.
"""
import collections
import contextlib
import os
import re
import statistics
import subprocess
import tempfile
import time

import namespaces
import service

LANES, ROWS = 4, 25          # soak_client.c: sessions of a round, and link-creates of a session
REFUSED = 34                 # of the 100 of a round
POLICY = """\
[rule per-netns]
user = {users}
parent = par1
mode = bridge
max-links-per-netns = 8

[rule per-user]
user = {users}
parent = par0
mode = bridge
max-links = 34

[rule never]
user = {users}
parent = par0, par1
mac = 02:66:*
deny = yes
"""
LETTERS = {"granted": "g", "denied": "d", "quota": "q", "invalid": "i", "violation": "v",
           "failed": "f"}
FIELD = re.compile(r'(\S+?)=("(?:[^"\\]|\\.)*"|\S*)')
SLACK = 64                   # KiB that are not growth
PATIENCE = 120               # seconds for what has to come true at the end


# --- what was asked, and what is on record


def parse(line):
    """The fields of an audit line, as text."""
    return dict(FIELD.findall(line))


def check_session(lines, answers, uids):
    """(key, complaint) of one session: its audit lines against the client's letters. One of the
    two is None."""
    named = [line["name"] for line in lines if "name" in line]
    key = named[0].rpartition(".")[0] if named else None
    if key not in answers:
        return None, f"a session that is nobody's: {lines[0]}"
    want = answers[key]
    got = "".join(LETTERS.get(line["verdict"], "?") for line in lines)
    if got != want:
        return None, f"session {key} was answered {want}, and its audit says {got}"
    user = uids[int(key.split(".")[0]) - 1]
    for i, line in enumerate(lines):
        op = ("hello", "target-bind")[i] if i < 2 else "link-create"
        number = i + 1
        if got[i] == "v":
            op, number = "-", i
        if (line["op"], int(line["req"]), int(line["uid"])) != (op, number, user):
            return None, f"session {key}, request {i + 1} is on record as {line}"
        if line.get("name", f"{key}.{i - 2}") != f"{key}.{i - 2}":
            return None, f"session {key}, request {i + 1} is on record with {line['name']}"
        if op == "link-create" and line.get("made", "0") != str(int(got[i] == "g")):
            return None, f"session {key}, request {i + 1} is on record as {line}"
    return key, None


def compare(audit, answers, uids):
    """What is wrong between the broker's stderr and @answers, {key: letters}."""
    sessions, wrong = collections.defaultdict(list), []
    for text in audit.splitlines():
        line = parse(text)
        if not text.startswith("netcr-audit "):
            wrong.append(f"the broker says: {text}")
        elif line.get("op") != "policy-load":
            if "dropped" in line or "lost" in line:
                wrong.append(f"audit lines are missing: {text}")
            sessions[line["session"]].append(line)
    seen = collections.Counter()
    for lines in sessions.values():
        key, complaint = check_session(lines, answers, uids)
        if complaint:
            wrong.append(complaint)
        seen[key] += 1
    wrong += [f"session {key} is on record {seen[key]} times" for key in answers if seen[key] != 1]
    return wrong


def count(answers):
    """{user: {letter: number}} of the link-creates."""
    counts = collections.defaultdict(collections.Counter)
    for key, letters in answers.items():
        counts[int(key.split(".")[0])].update(letters[2:])
    return counts


def check_counts(answers, users, rounds):
    wrong = []
    sessions, requests = rounds * LANES, rounds * LANES * ROWS
    found = collections.Counter(int(key.split(".")[0]) for key in answers)
    for user, letters in sorted(count(answers).items()):
        refused = letters.total() - letters["g"]
        if (found[user], letters.total(), refused) != (sessions, requests, rounds * REFUSED):
            wrong.append(f"user {user}: {found[user]} sessions with {letters.total()} requests, "
                         f"{refused} refused")
    if sorted(found) != list(range(1, users + 1)):
        wrong.append(f"of {users} users, there are answers of {sorted(found)}")
    return wrong


# --- what the service needs


def memory_of(pid):
    """PSS, that of its anonymous part, and RSS in KiB, and the number of descriptors; or None if it
    has ended. What is shared of files is shared with the machine's other processes, too, and comes
    and goes with them: what must not grow is the anonymous part."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            fields = dict(re.findall(r"^(\w+): +(\d+) kB", f.read(), re.M))
        return (int(fields["Pss"]), int(fields["Pss_Anon"]), int(fields["Rss"]),
                len(os.listdir(f"/proc/{pid}/fd")))
    except (FileNotFoundError, ProcessLookupError, KeyError):
        return None


class Sample:
    """The service at one time: the acceptor and its sessions."""

    def __init__(self, svc):
        sessions = [m for m in map(memory_of, service.children_of(svc.pid)) if m]
        self.sessions = len(sessions)
        self.pss, self.anon, self.rss, self.fds = map(sum, zip(memory_of(svc.pid), *sessions))
        self.most_fds = max((m[3] for m in sessions), default=0)
        self.pss_each, self.anon_each = (n / (self.sessions or 1) for n in (self.pss, self.anon))


def thirds(samples):
    """The samples with the service at work, early ones and late ones."""
    busy = [s for s in samples if 2 * s.sessions >= max(s.sessions for s in samples)]
    n = len(busy) // 3
    return busy[:n], busy[len(busy) - n:]


def check_flat(samples, before, after):
    """What has grown from the first third of the run to the last, and from before to after."""
    wrong, (early, late) = [], thirds(samples)
    if len(early) < 2:
        return [f"{len(samples)} samples are too few"]
    for name, slack in ("anon_each", SLACK), ("most_fds", 0):
        a, b = (statistics.median(getattr(s, name) for s in part) for part in (early, late))
        if b > a + slack:
            wrong.append(f"{name} of the sessions: {a:.0f} in the first third of the run, {b:.0f} "
                         "in the last")
    if after.sessions:
        wrong.append(f"{after.sessions} sessions are left")
    if after.fds != before.fds:
        wrong.append(f"the acceptor had {before.fds} descriptors, and has {after.fds}")
    if after.rss > before.rss + SLACK or after.anon > before.anon + SLACK:
        wrong.append(f"the acceptor had {before.rss} KiB ({before.anon} anonymous), and has "
                     f"{after.rss} ({after.anon})")
    return wrong


# --- the run


def ledger_of(host):
    return f"/run/netcr/ledger-{host.inode()}"


def live_records(host):
    """How many records of the ledger are of a target that there is, and how many there are."""
    with open(ledger_of(host), "rb") as f:
        data = f.read()[32:]
    slots = [data[i:i + 32] for i in range(0, len(data), 32)]
    nsids = [int.from_bytes(slot[4:8], "little") for slot in slots if any(slot)]
    known = {int(line.split()[1]) for line in host.ip("netns", "list-id").splitlines()
             if line.startswith("nsid ")}
    return sum(nsid in known for nsid in nsids), len(nsids)


@contextlib.contextmanager
def ground(procs, broker, uids):
    """A host with three parents, and a service. Yields both."""
    host, lan = namespaces.Netns(procs), namespaces.Netns(procs)
    for parent in ("par0", "par1", "par2"):
        namespaces.connect(host, lan, parent)
    policy = os.path.join(os.path.dirname(broker), "soak.conf")
    with open(policy, "w") as f:
        f.write(POLICY.format(users=", ".join(map(str, uids))))
    os.chmod(policy, 0o644)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(ledger_of(host))  # that of an earlier namespace with the same number
    try:
        yield host, service.Service(procs, broker, host, options=("--policy", policy))
    finally:
        os.unlink(policy)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(ledger_of(host))


def made_up_uids(n):
    """Uids that no account has, other ones in each run."""
    first = 2_000_000 + os.getpid() % 10_000 * 256
    return [first + i for i in range(n)]


def start_clients(procs, client, svc, uids, rounds):
    clients = []
    for i, uid in enumerate(uids):
        out = tempfile.TemporaryFile("w+")
        procs.at_end(out.close)
        clients.append((procs.start(namespaces.User.of(uid, uid).argv(
            client, svc.paths[0], str(i + 1), str(rounds)), stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT, cwd="/"), out))
    return clients


def sample_until_done(clients, svc, interval):
    samples = []
    while any(proc.poll() is None for proc, _ in clients):
        samples.append(Sample(svc))
        time.sleep(interval)
    return samples


def read_answers(clients):
    answers, wrong = {}, []
    for i, (proc, out) in enumerate(clients):
        out.seek(0)
        for line in out.read().splitlines():
            if re.fullmatch(r"\d+\.\d+\.\d+ [a-z?]+", line):
                key, letters = line.split()
                answers[key] = letters
            else:
                wrong.append(f"user {i + 1}: {line}")
        if proc.returncode:
            wrong.append(f"user {i + 1} ended with status {proc.returncode}")
    return answers, wrong


def becomes_true(condition):
    try:
        namespaces.wait_until(condition, "", PATIENCE)
    except AssertionError:
        return False
    return True


def check_end(host, links, svc, targets):
    """What is left when all are gone."""
    wrong = []
    if not becomes_true(lambda: not service.children_of(svc.pid)):
        wrong.append(f"sessions are left: {service.children_of(svc.pid)}")
    if not becomes_true(lambda: not live_records(host)[0]):
        wrong.append(f"{live_records(host)[0]} records of the ledger are of a target that is there")
    # Places of the dead are used again.
    if live_records(host)[1] > 2 * targets:
        wrong.append(f"the ledger has {live_records(host)[1]} records for {targets} targets at a time")
    if not becomes_true(lambda: host.links().keys() == links.keys()):
        wrong.append(f"there were {sorted(links)} in the host, and there are {sorted(host.links())}")
    return wrong


def run(procs, broker, client, users, rounds, interval=0.5):
    """Returns ({figure: value}, [what is wrong])."""
    uids = made_up_uids(users)
    with ground(procs, broker, uids) as (host, svc):
        links, before, begin = host.links(), Sample(svc), time.monotonic()
        clients = start_clients(procs, client, svc, uids, rounds)
        samples = sample_until_done(clients, svc, interval)
        seconds = time.monotonic() - begin
        answers, wrong = read_answers(clients)
        wrong += check_end(host, links, svc, users * LANES)
        after, records = Sample(svc), live_records(host)[1]
        wrong += check_counts(answers, users, rounds)
        if svc.stop() != 0:
            wrong.append(f"the service ended with status {svc.proc.returncode}")
        audit = svc.stderr()
    wrong += compare(audit, answers, uids) + check_flat(samples, before, after)
    return figures(answers, seconds, samples, before, after, audit) | {"records": records}, wrong


def figures(answers, seconds, samples, before, after, audit):
    letters = sum(count(answers).values(), collections.Counter())
    figures = {
        "users": len(count(answers)), "sessions": len(answers), "requests": letters.total(),
        "answers": dict(letters),
        "audit lines": sum(line.startswith("netcr-audit ") for line in audit.splitlines()),
        "seconds": round(seconds, 1), "samples": len(samples)}
    for name in "sessions", "fds", "rss", "pss", "anon":
        figures[f"{name} of the service, at most"] = max((getattr(s, name) for s in samples), default=0)
        figures[f"{name} of the service, before and after"] = [getattr(s, name) for s in (before, after)]
    for name in "pss_each", "anon_each", "most_fds":
        figures[f"{name}, first and last third"] = [
            round(statistics.median(getattr(s, name) for s in part)) if part else None
            for part in thirds(samples)]
    return figures
