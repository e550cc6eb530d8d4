"""One peer as a child process that answers lines, and is paused while it is not asked."""

import os
import queue
import signal
import subprocess
import tempfile
import threading


def busy_seconds():
    """Processor time that everything on the machine has used so far (Linux; else 0)."""
    try:
        with open("/proc/stat") as stat:
            user, nice, system = map(int, stat.readline().split()[1:4])
    except (OSError, ValueError):
        return 0.0
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


class PeerError(Exception):
    """A peer that is absent, refused, died or said nothing in time; the text goes into the table."""


class Peer:
    """A running peer. Only this process is ever ended."""

    def __init__(self, name, command, install, env, timeout):
        self.name, self.command, self.install, self.env, self.timeout = name, command, install, env, timeout
        self.process, self.hello = None, None

    def start(self):
        """Starts it unless it runs."""
        if self.process and self.process.poll() is None:
            return
        if not os.path.exists(self.command[-1]):
            raise PeerError(f"not installed: {self.install}")
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=self.env,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._listen, args=(self.process, self.lines), daemon=True).start()
        self.hello = self._answer("hello")

    def ask(self, line, word):
        """Sends a line; returns the rest of the answer, which must begin with `word`."""
        self._signal("SIGCONT")
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it died: the missing answer tells how
        return self._answer(word)

    def _signal(self, name):
        """Lets it run or pauses it, where the system can: burn polls its device even when idle."""
        if hasattr(signal, name) and self.process and self.process.poll() is None:
            self.process.send_signal(getattr(signal, name))

    def stop(self):
        """Ends it."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def cpu_seconds(self):
        """Processor time it has used so far (Linux; else 0)."""
        try:
            with open(f"/proc/{self.process.pid}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except (OSError, AttributeError):
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def _listen(process, lines):
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    def _answer(self, word):
        try:
            line = self.lines.get(timeout=self.timeout)
        except queue.Empty:
            self.stop()
            raise PeerError(f"no answer within {self.timeout:g} s") from None
        if line is None:
            raise PeerError(self._last_words())
        self._signal("SIGSTOP")
        first, _, rest = line.partition(" ")
        if first != word:
            raise PeerError(rest if first == "error" else f"unexpected answer: {line[:80]}")
        return rest

    def _last_words(self):
        code = self.process.wait()
        self.errors.seek(0)
        said = [line.strip() for line in self.errors if line.strip()]
        absent = next((line for line in said if "No module named" in line), None)
        if absent:
            return f"not installed ({absent.rpartition(': ')[2]}): {self.install}"
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        return f"ended with {how}: {said[-1][:160] if said else 'no message'}"
