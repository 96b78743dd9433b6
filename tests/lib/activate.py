"""activate.py VARIABLES COMMAND...: what a service manager does. VARIABLES is a JSON object of
environment variables, in whose values %PID% is this process's id, which the command keeps.
Descriptors from 3 on are those that the test passed."""
import json
import os
import sys

for name, value in json.loads(sys.argv[1]).items():
    os.environ[name] = value.replace("%PID%", str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
