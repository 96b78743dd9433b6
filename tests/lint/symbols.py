#!/usr/bin/env python3
"""What each object of the broker imports from outside of the project.

Usage: symbols.py BUILDDIR

Default deny: a symbol is either plain computation, or it is allowed to this very object, with
what it does there. So a new call of the system by an op, or a malloc(), does not come unnoticed.
"""

import os
import re
import subprocess
import sys

import tree

# Computation, and what compilers and the C library put in by themselves.
PLAIN = set(
    """
    memcpy memmove memset memcmp memchr strlen strnlen strchr strcmp strncmp strtoull snprintf vsnprintf
    errno_location stack_chk_fail GLOBAL_OFFSET_TABLE_ assert_fail sigaddset sigemptyset strerrorname_np
    """.split()
)
PLAIN_PREFIXES = ("mnl_attr_", "mnl_nlmsg_", "asan_", "ubsan_", "sanitizer_", "gcov_", "llvm_", "tsan_")

# Object -> what else. Everything that touches the system, the environment or the heap is here.
ALLOWED = {
    "broker/main.c": "fputs puts stdout",
    "broker/commands.c": "",
    "broker/cmd_check.c": "fflush getauxval getgrgid getpid getpwuid optind printf putchar puts stdout unshare",
    "broker/cmd_serve.c": "getauxval optind",
    "broker/cmd_spawn.c": "optind",
    "broker/allow.c": "",
    "broker/caller.c": """
        capng_apply capng_clear capng_get_caps_process capng_have_capability
        getauxval getgid getgrouplist getpwuid getsockopt getuid secure_getenv setenv stat
        initgroups setgroups setresgid setresuid
    """,
    "broker/listen.c": """
        bind connect fcntl getpid getsockopt lchown listen lstat mkdir secure_getenv socket umask unlink unsetenv
    """,
    "broker/ledger.c": "fcntl ppoll pread pwrite",
    "broker/ledger_open.c": "dup3 fchmod fchown fstat ftruncate geteuid getrlimit mkdir open openat pwrite",
    "broker/notify.c": "connect secure_getenv send socket unsetenv",
    "broker/serve.c": "accept4 clock_gettime fork kill poll read signalfd sigprocmask waitpid",
    "broker/spawn.c": "exit dup2 execvp fcntl fork getpid recv setenv sigaction socketpair strerror waitpid",
    "broker/start.c": "exit chdir dup2 dup3 fcntl getgrgid getpwnam getpwuid open prctl setsid",
    "broker/lockdown.c": """
        capng_apply capng_clear capng_get_caps_process capng_have_capability capng_update
        geteuid getgroups getrandom getrlimit getuid prctl setgroups setresgid setresuid setrlimit
        signal sigprocmask
    """,
    "broker/nsfd.c": "open fcntl fstatfs getsockopt ioctl",
    "broker/audit.c": "clock_gettime",
    "broker/audit_out.c": "clock_gettime connect mmap ppoll sendmsg socket write",
    "broker/audit_spell.c": "",
    "broker/dispatch.c": "",
    "broker/message.c": "",
    "broker/op_hello.c": "",
    "broker/op_link.c": "",
    "broker/op_nsid.c": "",
    "broker/op_quota.c": "",
    "broker/op_target.c": "",
    "broker/options.c": "getopt_long optarg opterr optind",
    "broker/parents.c": "",
    "broker/policy.c": "",
    "broker/policy_file.c": """
        access fstat free ini_parse_stream malloc mmap mprotect munmap open openat read scandirat strrchr strspn
    """,
    "broker/policy_keys.c": "getgrnam getpwnam strspn",
    "broker/policy_words.c": "",
    "broker/quota.c": "",
    "broker/rtnl.c": "",
    "broker/rtnl_count.c": "",
    "broker/session.c": "ppoll",
    # What the broker links of common/ and seccomp/.
    "common/check.c": "",
    "common/fd.c": "close open syscall",
    "common/landlock.c": "syscall",
    "common/link_mode.c": "",
    "common/link_msg.c": "",
    "common/log.c": "write",
    "common/number.c": "",
    "common/nl.c": "bind clock_gettime ppoll recvmsg sendmsg setsockopt socket",
    "common/wire.c": "cmsg_nxthdr getpeername getsockopt ppoll recvmsg sendmsg",
    "seccomp/broker_rules.c": "",
    "seccomp/install.c": """
        seccomp_attr_set seccomp_init seccomp_load seccomp_release seccomp_rule_add
        seccomp_rule_add_array
    """,
    "seccomp/sanitizer_none_rules.c": "",
    "seccomp/sanitizer_rules.c": "",
}


def plain_name(symbol):
    """Without the version, _FORTIFY_SOURCE's and large file support's spelling."""
    name = symbol.split("@")[0].lstrip("_")
    name = re.sub(r"_chk$", "", name) if name != "stack_chk" else name
    name = re.sub(r"^isoc\d\d_", "", name)
    return re.sub(r"(?<=[a-z])64(_2)?$", "", name)


def nm(option, path):
    out = subprocess.run(["nm", option, path], check=True, stdout=subprocess.PIPE).stdout.decode()
    return [line.split()[-1] for line in out.splitlines() if line.split()]


def objects(build):
    """(source as ALLOWED has it, path of the object), of the broker and of what it links."""
    for top in ("broker", "common", "seccomp", "proto"):
        for here, _, names in os.walk(os.path.join(build, top)):
            if "worker" in here:
                continue
            for name in names:
                if name.endswith(".o"):
                    yield top + "/" + re.sub(r"\.o$", "", name), os.path.join(here, name)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: symbols.py BUILDDIR")
    found = list(objects(sys.argv[1]))
    ours = {s for _, path in found for s in nm("--defined-only", path)}
    problems = []
    if not any(source == "broker/dispatch.c" for source, _ in found):
        problems.append(f"{sys.argv[1]}: no object of the broker: is it built?")
    for source, path in sorted(found):
        if source.startswith("proto/"):
            continue
        if source not in ALLOWED:
            # Files of common/ and seccomp/ that the worker alone links are not the broker's.
            if source.startswith("broker/"):
                problems.append(f"{source}: not in the table of tests/lint/symbols.py")
            continue
        allowed = set(ALLOWED[source].split())
        for symbol in sorted(set(nm("-u", path)) - ours):
            name = plain_name(symbol)
            if name in PLAIN or name in allowed or name.startswith(PLAIN_PREFIXES):
                continue
            problems.append(f"{source}: imports {symbol}, which is not allowed to it")
    tree.finish(problems)


main()
