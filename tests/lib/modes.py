"""A policy file, and sessions under it: by `spawn --policy` and by `serve --policy` alike.

    begin = begin("spawn" | "serve", …)          # the fixture `begin` has both in turn
    start = begin(RULE.format(…), prefix=…)      # the broker's options, prefix and environment
    s = start(user1)                             # a session, by either way

start.stderr() is what the broker and its sessions said, start.path the policy file.
"""
import os

RULE = "[rule {name}]\nuser = {user}\nparent = {parent}\n{more}\n"


def rule(user, name="lan", parent="par0", *more):
    return RULE.format(name=name, user=getattr(user, "name", user), parent=parent,
                       more="\n".join(more))


class Mode:
    """What `begin` returns: call it with a user for a session."""

    def __init__(self, kind, make_session, make_service, path, kwargs):
        self.kind, self.path = kind, path
        self._make, self._kwargs = make_session, kwargs
        self.sessions = []
        self.service = None
        if kind == "serve":
            self.service = make_service(options=self.options(), **kwargs)

    def options(self):
        return ("--policy", self.path)

    def __call__(self, user, **kwargs):
        if self.service:
            s = self.service.session(user, **kwargs)
        else:
            s = self._make(user=user, options=self.options(), **(self._kwargs | kwargs))
        self.sessions.append(s)
        return s

    def stderr(self):
        if self.service:
            return self.service.stderr()
        return "".join(s.stderr() for s in self.sessions)

    def audit(self):
        """The last line about a request."""
        return self.sessions[-1].audit()[-1]


def write(path, text, mode=0o644):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path
