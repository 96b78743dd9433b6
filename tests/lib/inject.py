"""Make another process call the kernel, as code that took it over would: by ptrace, on x86-64."""
import ctypes
import os
import signal

WALL = 0x40000000
PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_DETACH = 7, 9, 12, 13, 17
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
SYSCALL, INT80 = b"\x0f\x05", b"\xcd\x80"
NONE = 2**64 - 1  # in orig_rax: no system call to be begun again
ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Registers(ctypes.Structure):
    """struct user_regs_struct."""
    _fields_ = [(name, ctypes.c_ulonglong) for name in (
        "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
        "fs_base gs_base ds es fs gs").split()]


def _ptrace(request, pid, addr=None, data=None):
    if _libc.ptrace(request, pid, addr, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")


def _wait(pid):
    return os.waitpid(pid, WALL)[1]


def call_in(pid, number, *args, instruction=SYSCALL):
    """Process @pid, which waits in a system call, makes this one. Returns what it returns, and the
    process waits on; or the negative number of the signal that ended it."""
    before, regs = Registers(), Registers()
    _ptrace(PTRACE_SEIZE, pid)
    _ptrace(PTRACE_INTERRUPT, pid)
    assert os.WIFSTOPPED(_wait(pid))
    _ptrace(PTRACE_GETREGS, pid, None, ctypes.addressof(before))
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as mem:
        mem.seek(before.rip - 2)
        assert mem.read(2) == SYSCALL, "it waits in the kernel"
        # Its text may be written by who traces it.
        mem.seek(before.rip - 2)
        mem.write(instruction)
        ctypes.memmove(ctypes.addressof(regs), ctypes.addressof(before), ctypes.sizeof(regs))
        regs.rip, regs.rax, regs.orig_rax = before.rip - 2, number, NONE
        for name, value in zip(ARGUMENTS, args):
            setattr(regs, name, value)
        _ptrace(PTRACE_SETREGS, pid, None, ctypes.addressof(regs))
        _ptrace(PTRACE_SINGLESTEP, pid)
        status = _wait(pid)
        if os.WIFSTOPPED(status) and os.WSTOPSIG(status) != signal.SIGTRAP:
            _ptrace(PTRACE_CONT, pid, None, os.WSTOPSIG(status))
            status = _wait(pid)
        if os.WIFSIGNALED(status):
            return -os.WTERMSIG(status)
        assert os.WIFSTOPPED(status), status
        _ptrace(PTRACE_GETREGS, pid, None, ctypes.addressof(regs))
        mem.seek(before.rip - 2)
        mem.write(SYSCALL)
    before.rip, before.rax, before.orig_rax = before.rip - 2, before.orig_rax, NONE
    _ptrace(PTRACE_SETREGS, pid, None, ctypes.addressof(before))
    _ptrace(PTRACE_DETACH, pid)
    return ctypes.c_longlong(regs.rax).value
