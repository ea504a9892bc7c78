"""A whole SLURM on this machine: accounting, controller and a node with four stand-in GPUs.

Everything it writes lies in a folder of its own, every port is a free one on loopback, and `stop`
ends whatever was started from it. What a test has left broken, `mend` brings back. SLURM itself
comes from Debian's packages.
"""

import contextlib
import ctypes
import functools
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PACKAGES = ("munge", "mariadb-server", "slurm-client", "slurmctld", "slurmd", "slurmdbd")
PROGRAMS = (
    "munged", "mariadbd", "mariadb-install-db", "sbatch", "slurmctld", "slurmd", "slurmdbd",
)  # fmt: skip

#: What the node claims, whatever the machine has. Few CPUs, so that few jobs run at a time.
CPUS, MEMORY_MB, GPUS, LSCRATCH_GB = 10, 200_000, 4, 400

#: Seconds that no step of this SLURM takes, however busy the machine is.
PATIENCE = 300

#: Debian's installer asks this script whether it may start what it installs.
POLICY = Path("/usr/sbin/policy-rc.d")

SLURM_CONF = """
ClusterName=tybalt
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
# No cgroups: this has to run in a container. Processes are found by their parents; memory is
# read every two seconds, and a job that has more than it asked for is killed.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=5
GresTypes=gpu,lscratch
Prolog={folder}/prolog.sh
Epilog={folder}/epilog.sh
PrologFlags=Alloc
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={host}
AccountingStoragePort={accounting_port}
AccountingStoragePass={folder}/munge.socket
AccountingStorageTRES=gres/gpu,gres/gpu:v100x,gres/lscratch
AccountingStoreFlags=job_comment
MpiDefault=none
ReturnToService=2
KillWait=5
MinJobAge=600
MaxJobCount=20000
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} \
Gres=gpu:v100x:{gpus},lscratch:{lscratch_gb} State=UNKNOWN
PartitionName=norm Nodes=node1 Default=YES MaxTime=10-00:00:00 DefaultTime=02:00:00
PartitionName=quick Nodes=node1 MaxTime=04:00:00 DefaultTime=02:00:00
PartitionName=gpu Nodes=node1 MaxTime=10-00:00:00 DefaultTime=02:00:00
"""

GRES_CONF = """
Name=gpu Type=v100x Count={gpus} File=/dev/tty[1-{gpus}]
Name=lscratch Count={lscratch_gb}
"""

SLURMDBD_CONF = """
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={accounting_port}
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database_port}
StorageUser=slurm
StoragePass={password}
StorageLoc=accounting
"""

#: As on Biowulf: a job that asked for lscratch has a folder of its own, which ends with the job.
PROLOG = '#!/bin/sh\nmkdir -p "{folder}/lscratch/$SLURM_JOB_ID"\n'

#: In place of cgroups: whatever process a job left behind ends with it. A process belongs to this
#: SLURM if it was told its configuration.
EPILOG = """#!/bin/sh
rm -rf "{folder}/lscratch/$SLURM_JOB_ID"
for file in $(grep -lszx "SLURM_JOB_ID=$SLURM_JOB_ID" /proc/[0-9]*/environ); do
    pid=${{file#/proc/}} pid=${{pid%/environ}}
    if [ "$pid" != $$ ] && grep -qszx "SLURM_CONF={folder}/slurm.conf" "$file"; then
        kill -KILL "$pid" 2>/dev/null
    fi
done
exit 0
"""


#: Snakemake's plugin takes every variable SLURM_* out of a driver that is itself a job; on a real
#: cluster the configuration lies where all programs look for it. So here they are told again.
CLIENTS = ("sacct", "sacctmgr", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")
CLIENT = '#!/bin/sh\nSLURM_CONF="{folder}/slurm.conf" exec {program} "$@"\n'


class UnavailableError(Exception):
    """There is no SLURM here and none can be had; the text says why."""


def install() -> None:
    """Install what is missing from Debian's packages; raise `UnavailableError` if that fails."""
    missing = [name for name in PROGRAMS if not shutil.which(name, path=search_path())]
    if os.geteuid() != 0:
        raise UnavailableError("a SLURM of its own needs root")
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise UnavailableError(f"{', '.join(missing)} not found, and no apt-get to install them")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["-o", "Acquire::http::Timeout=20", "-o", "DPkg::Lock::Timeout=60", "-qq"]
    added = not POLICY.exists()
    if added:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        for command in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
            done = subprocess.run(
                ["apt-get", *options, *command],
                env=quiet,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=300,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise UnavailableError("apt-get did not end within 5 minutes") from None
    finally:
        if added:
            POLICY.unlink()
    if done.returncode:
        raise UnavailableError(f"apt-get cannot install SLURM: {done.stdout.strip()[-300:]}")


def search_path() -> str:
    """Where programs are looked for; daemons lie in sbin, which users often do not have."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


class Slurm:
    """A SLURM that lives from `start` to `stop`."""

    def __init__(self, cpus: int = CPUS):
        self.folder = Path(tempfile.mkdtemp(prefix="tybalt-slurm-"))
        self.folder.chmod(0o755)  # munge refuses folders that others may write to
        ports = free_ports(4)
        self.values = {
            "folder": self.folder,
            "host": socket.gethostname().split(".")[0],
            "controller_port": ports[0],
            "node_port": ports[1],
            "accounting_port": ports[2],
            "database_port": ports[3],
            "password": secrets.token_hex(12),
            "cpus": cpus,
            "memory_mb": MEMORY_MB,
            "gpus": GPUS,
            "lscratch_gb": LSCRATCH_GB,
        }
        #: For whoever uses it: sbatch, snakemake.
        self.env = {
            **{key: text for key, text in os.environ.items() if not key.startswith("SLURM_")},
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": f"{self.folder}/bin:{search_path()}",
        }
        self.daemons: dict[str, subprocess.Popen] = {}

    # Life

    def start(self) -> None:
        """Start everything and wait for the node; raise `RuntimeError` if that fails."""
        try:
            self._write_files()
            self._start_daemon("munged")
            self._make_database()
            # The controller registers its cluster with accounting; then there can be accounts.
            for name in ("slurmdbd", "slurmctld", "slurmd"):
                self._start_daemon(name)
            self._wait("the node", self._node_is_idle)
            self._wait("tybalt", lambda: "tybalt" in self.run("sacctmgr", "-n", "list", "cluster"))
            self.run("sacctmgr", "-i", "add", "account", "lab")
            self.run("sacctmgr", "-i", "add", "user", "root", "account=lab")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all jobs, all daemons and every process they left; remove the folder."""
        if self._lives("slurmctld"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.run("scancel", "--user=root", check=False)
        for name in reversed(self._daemons()):
            if name in self.daemons:
                end(self.daemons.pop(name))
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def mend(self) -> list[str]:
        """Bring it back to what `start` made: every daemon, an empty queue, an idle node.

        Return what was not so; raise `RuntimeError` if it cannot be brought back.
        """
        away = [name for name in self._daemons() if not self._lives(name)]
        for name in away:
            self._start_daemon(name)
        left = self.living("PENDING", "RUNNING")  # and not those that are just ending
        if left:
            self.run("scancel", *left, check=False)
        self._wait("the end of all jobs", lambda: not self.living())
        drained = "drain" in self._node()
        if drained:
            self.run("scontrol", "update", "nodename=node1", "state=resume")
        self._wait("the node", self._node_is_idle)
        return [
            *(f"{name} was away" for name in away),
            *(f"job {number} was left" for number in left),
            *(["the node was drained"] if drained else []),
        ]

    def processes(self) -> list[int]:
        """Every process but this one that was started with this SLURM's configuration."""
        mark = str(self.folder).encode()
        return [pid for pid, environment in environments() if mark in environment]

    def kill(self, number: str, only: str = "") -> None:
        """Kill processes of a job (SIGKILL): all, as a lost node would, or those of one program.

        `scancel` would ask first.
        """
        pids = self.processes_of(number, only)
        assert pids, f"job {number} has no process {only}"
        while pids:  # until none is left: one may have started another meanwhile
            for pid in sorted(pids):  # the script before what it started: it cannot tidy up
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
            pids = self.processes_of(number, only)

    def processes_of(self, number: str, only: str = "") -> list[int]:
        """The processes of a job: all, or those of one program."""
        marks = {f"SLURM_JOB_ID={number}".encode(), f"SLURM_CONF={self.folder}/slurm.conf".encode()}
        return [
            pid
            for pid, text in environments()
            if marks <= set(text.split(b"\0")) and only.encode() in command_of(pid)
        ]

    @contextlib.contextmanager
    def without_controller(self) -> Iterator[None]:
        """End slurmctld, as an administrator would, which saves what it knows; start it again."""
        end(self.daemons.pop("slurmctld"))
        try:
            yield
        finally:
            self._start_daemon("slurmctld")

    # Use

    def run(self, *command: str, check: bool = True) -> str:
        """Run a SLURM command and return what it prints."""
        done = subprocess.run(
            command, env=self.env, text=True, capture_output=True, timeout=PATIENCE, check=False
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def accounted(self, *options: str) -> list[dict[str, str]]:
        """What accounting knows of every job, oldest first; see sacct for the columns."""
        columns = (
            "JobID,Partition,State,ExitCode,AllocCPUS,ReqMem,Timelimit,TimelimitRaw,AllocTRES,"
            "Submit,Start,End,ElapsedRaw,JobName,Comment,WorkDir"
        )
        text = self.run("sacct", "-X", "-P", "-S", "now-1day", "-o", columns, *options)
        lines = text.splitlines()
        names = lines[0].split("|")
        return [dict(zip(names, line.split("|"), strict=True)) for line in lines[1:]]

    def living(self, *states: str) -> list[str]:
        """Numbers of the jobs that wait or run, or of those in certain states."""
        chosen = ["-t", ",".join(states)] if states else []
        return self.run("squeue", "-h", "-o", "%i", *chosen).split()

    # Parts

    def _daemons(self) -> dict[str, tuple[list[str], Callable[[], bool]]]:
        """The daemons in the order of starting: their arguments, and whether they answer."""
        folder, port = self.folder, self.values["database_port"]
        return {
            "munged": (
                [
                    "--foreground", f"--key-file={folder}/munge.key",
                    f"--socket={folder}/munge.socket", f"--pid-file={folder}/munge.pid",
                    f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed",
                    "--force",  # over the socket of one that was killed
                ],
                lambda: answers(str(folder / "munge.socket")),
            ),
            "mariadbd": (
                [
                    "--no-defaults", f"--datadir={folder}/database",
                    f"--socket={folder}/database.socket", "--user=root", f"--port={port}",
                    "--bind-address=127.0.0.1", f"--pid-file={folder}/mariadbd.pid",
                    "--innodb-flush-log-at-trx-commit=0", "--innodb-lock-wait-timeout=900",
                ],
                lambda: answers(port),
            ),
            "slurmdbd": (["-D"], lambda: answers(self.values["accounting_port"])),
            "slurmctld": (["-D"], lambda: "UP" in self.run("scontrol", "ping", check=False)),
            "slurmd": (["-D", "-N", "node1"], lambda: answers(self.values["node_port"])),
        }  # fmt: skip

    def _lives(self, name: str) -> bool:
        return name in self.daemons and self.daemons[name].poll() is None

    def _node(self) -> str:
        return self.run("sinfo", "-h", "-N", "-p", "norm", "-o", "%T").strip()

    def _node_is_idle(self) -> bool:
        return self._node() == "idle"

    def _write_files(self) -> None:
        for name, text, mode in (
            ("slurm.conf", SLURM_CONF, 0o644),
            ("gres.conf", GRES_CONF, 0o644),
            ("slurmdbd.conf", SLURMDBD_CONF, 0o600),
            ("prolog.sh", PROLOG, 0o755),
            ("epilog.sh", EPILOG, 0o755),
        ):
            path = self.folder / name
            path.write_text(text.format(**self.values).lstrip())
            path.chmod(mode)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        for name in ("bin", "state", "spool", "database", "lscratch"):
            (self.folder / name).mkdir()
        for name in CLIENTS:
            path, program = self.folder / "bin" / name, shutil.which(name, path=search_path())
            path.write_text(CLIENT.format(folder=self.folder, program=program))
            path.chmod(0o755)

    def _make_database(self) -> None:
        self.run(
            "mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/database",
            "--user=root", "--skip-test-db", "--auth-root-authentication-method=normal",
        )  # fmt: skip
        self._start_daemon("mariadbd")
        statements = (
            f"create user slurm@'127.0.0.1' identified by '{self.values['password']}';"
            f"create user slurm@localhost identified by '{self.values['password']}';"
            "grant all on accounting.* to slurm@'127.0.0.1';"
            "grant all on accounting.* to slurm@localhost;"
        )
        door = f"--socket={self.folder}/database.socket"
        self.run("mariadb", "--no-defaults", door, "--user=root", "-e", statements)

    def _start_daemon(self, name: str) -> None:
        """Start a daemon and wait until it answers."""
        arguments, ready = self._daemons()[name]
        with (self.folder / f"{name}.out").open("ab") as out:
            self.daemons[name] = subprocess.Popen(
                [name, *arguments],
                env=self.env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C reaches the tests, which then end the daemons
                preexec_fn=functools.partial(die_with_parent),
            )
        self._wait(name, ready)

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError):
                if ready():
                    return
            daemon = self.daemons.get(name)
            if daemon and daemon.poll() is not None:
                break
            time.sleep(0.2)
        logs = "".join(path.read_text(errors="replace") for path in self._logs())
        raise RuntimeError(f"{name} did not come: {logs[-2000:]}")

    def _logs(self) -> list[Path]:
        return sorted([*self.folder.glob("*.out"), *self.folder.glob("slurm*.log")])


def environments() -> list[tuple[int, bytes]]:
    """The environment of every process of this machine but our own."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(folder.name) != os.getpid():
                found.append((int(folder.name), (folder / "environ").read_bytes()))
    return found


def command_of(pid: int) -> bytes:
    """The command line of a process; nothing if it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def end(process: subprocess.Popen) -> None:
    """Ask a daemon to end, which saves what it knows; kill it if it does not."""
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def die_with_parent() -> None:
    """Have the kernel end this process when the one that started it is gone (prctl(2))."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def answers(door: int | str) -> bool:
    """Tell whether something listens on a port of loopback, or on a socket in a folder."""
    kind = socket.AF_INET if isinstance(door, int) else socket.AF_UNIX
    with socket.socket(kind) as probe:
        return probe.connect_ex(("127.0.0.1", door) if isinstance(door, int) else door) == 0


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nothing listens on, also after a daemon was away.

    They are none of those that the kernel gives to connections, which would take a port meanwhile.
    """
    limits = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    first, last = map(int, limits)
    outside = [*range(5000, first), *range(last + 1, 65536)]
    found: list[int] = []
    for port in random.SystemRandom().sample(outside, len(outside)):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports")


def gpus(job: dict[str, str]) -> int:
    """GPUs that accounting says a job held."""
    found = re.search(r"gres/gpu=(\d+)", job["AllocTRES"])
    return int(found[1]) if found else 0
