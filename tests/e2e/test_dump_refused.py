"""What is not saved, and leaves nothing."""
import json
import os
import signal
import subprocess
import tempfile

import pytest

import criu_images as images


def test_kind_that_the_images_cannot_hold(worker, user1, container):
    box = container(user1)
    box.batch("link add d0 type ifb", "link add d1 type ifb")
    with images.directory(user1) as path:
        done = images.dump(worker, box, path, user=user1, check=False)
        assert done.returncode == 65
        assert "link d0 is of kind ifb" in done.stderr
        assert "link d1 is of kind ifb" in done.stderr  # all of them are named
        assert "--skip-kind ifb" in done.stderr
        assert os.listdir(path) == []
        done = images.dump(worker, box, path, "--skip-kind", "ifb", "--skip-kind", "vxlan",
                           user=user1)
        assert "link d0 of kind ifb is left out" in done.stderr
        assert "--skip-kind vxlan: the target has no link of this kind" in done.stderr
        assert [e["name"] for e in images.decode(f"{path}/netdev-10.img")["entries"]] == ["lo"]


def test_master_that_is_left_out(worker, user1, container):
    box = container(user1)
    box.batch("link add b0 type bridge", "link add v0 type veth peer name v1",
              "link add mv0 link v0 type macvlan", "link set mv0 master b0")
    with images.directory(user1) as path:
        done = images.dump(worker, box, path, "--skip-kind", "bridge", "--skip-kind", "veth",
                           user=user1)
        assert "link mv0: its master is left out" in done.stderr
        assert "link mv0: what it is on" in done.stderr
        link = images.decode(f"{path}/netdev-10.img")["entries"][1]
        assert link["name"] == "mv0" and "master" not in link


def test_loopback_cannot_be_left_out(worker, user1, container):
    with images.directory(user1) as path:
        done = images.dump(worker, container(user1), path, "--skip-kind", "loopback",
                           user=user1, check=False)
        assert done.returncode == 64


@pytest.mark.parametrize("name", ["netns-10.img", "netdev-10.img", "ifaddr-10.img",
                                  "rule-10.img"])
@pytest.mark.parametrize("what", ["file", "link", "directory"])
def test_file_that_is_there(worker, user1, container, name, what):
    with images.directory(user1) as path:
        there = os.path.join(path, name)
        if what == "file":
            with open(there, "w") as f:
                f.write("old")
        elif what == "link":
            os.symlink("/nowhere", there)
        else:
            os.mkdir(there)
        before = os.lstat(there)
        done = images.dump(worker, container(user1), path, user=user1, check=False)
        assert done.returncode == 1
        assert f"{name} is in the image directory already" in done.stderr
        assert os.listdir(path) == [name]
        after = os.lstat(there)
        assert (before.st_ino, before.st_size, before.st_mtime_ns) == (
            after.st_ino, after.st_size, after.st_mtime_ns)


def test_a_dump_is_not_replaced_by_another(worker, user1, container):
    box = container(user1)
    with images.directory(user1) as path:
        images.dump(worker, box, path, user=user1)
        before = {name: images.read(path, name) for name in os.listdir(path)}
        assert images.dump(worker, box, path, user=user1, check=False).returncode == 1
        assert before == {name: images.read(path, name) for name in os.listdir(path)}


def test_directory_that_cannot_be_written(worker, user1, container):
    box = container(user1)
    with images.directory() as path:
        os.chmod(path, 0o755)
        done = images.dump(worker, box, path, user=user1, check=False)
        assert done.returncode == 71
        assert "Permission denied" in done.stderr
        assert os.listdir(path) == []


def test_no_directory(worker, user1, container):
    done = images.dump(worker, container(user1), "/nonexistent", user=user1, check=False)
    assert done.returncode == 71
    with tempfile.NamedTemporaryFile() as f:
        done = images.dump(worker, container(user1), f.name, user=user1, check=False)
        assert done.returncode == 71


@pytest.mark.parametrize("size", ["4k", "8k", "16k", "28k"])
def test_no_space(worker, user1, container, size):
    """In a mount namespace of its own, with a file system of a few pages."""
    box = container(user1)
    script = (f"mount -t tmpfs -o size={size},mode=777 none /mnt && "
              f"{' '.join(user1.argv(worker, 'dump', '-D', '/mnt', '--pid', str(box.pid)))};"
              "s=$?; ls -A /mnt; exit $s")
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode in (1, 71), done.stderr
    assert "No space left on device" in done.stderr
    assert done.stdout == ""  # ls
    script = script.replace(f"size={size}", "size=64k")
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr


def test_interrupted_restore(worker, user1, container):
    box = container(user1)
    box.batch("link add v0 type veth peer name v1",
              f"link add mv0 link v0 group {0x6e657463} type macvlan")
    with images.directory(user1) as path:
        done = images.dump(worker, box, path, "--skip-kind", "veth", user=user1, check=False)
        assert done.returncode == 1
        assert "mv0 is of a restore that did not finish" in done.stderr
        assert os.listdir(path) == []


def test_name_that_no_restore_takes(worker, user1, container):
    box = container(user1)
    box.batch("link add v0 type veth peer name v1", "link add na\u00efve link v0 type macvlan")
    with images.directory(user1) as path:
        done = images.dump(worker, box, path, "--skip-kind", "veth", user=user1, check=False)
        assert done.returncode == 65
        assert "link 'na??ve' has a name" in done.stderr
        assert os.listdir(path) == []


def test_container_of_somebody_else(worker, user1, user2, container):
    with images.directory(user2) as path:
        done = images.dump(worker, container(user1), path, user=user2, check=False)
        assert done.returncode in (71, 77)
        assert os.listdir(path) == []


def test_target_is_locked(worker, user1, container):
    """While a restore or another dump goes on there is nothing that stands still."""
    box = container(user1)
    with images.directory(user1) as path:
        holder = subprocess.Popen(
            user1.argv("flock", f"/proc/{box.pid}/ns/net", "sh", "-c", "echo; cat"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert holder.stdout.read(1)
            done = images.dump(worker, box, path, user=user1, check=False)
            assert done.returncode == 1
            assert os.listdir(path) == []
        finally:
            holder.communicate()


def test_options_of_others(worker, user1, container):
    for args in (["--dry-run"], ["--broker", "fd:3"], ["--external", "foo[a]:b"],
                 ["--skip-kind"], ["--skip-kind", ""]):
        done = images.dump(worker, container(user1), "/", *args, user=user1, check=False)
        assert done.returncode == 64, args
    done = images.dump(worker, container(user1), "/", "--json", "--ns-id", "0", user=user1,
                       check=False)
    assert json.loads(done.stdout)["status"] == done.returncode == 64


def test_killed(worker, user1, container):
    """What is left of a dump that was killed has names that nothing reads, and is in nobody's
    way."""
    box = container(user1)
    box.batch("link add v0 type veth peer name v1",
              *[f"link add mv{i} link v0 type macvlan" for i in range(100)])
    with images.directory(user1) as path:
        for _ in range(10):
            proc = subprocess.Popen(user1.argv(worker, "dump", "-D", path, "--pid", str(box.pid),
                                               "--skip-kind", "veth"),
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                proc.wait(timeout=0.01)
            except subprocess.TimeoutExpired:
                proc.send_signal(signal.SIGKILL)
                proc.wait()
            assert all(name.startswith(".") for name in os.listdir(path)) or (
                "netns-10.img" in os.listdir(path))
            for name in os.listdir(path):
                os.unlink(os.path.join(path, name))
        images.dump(worker, box, path, "--skip-kind", "veth", user=user1)
