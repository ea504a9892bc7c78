"""A whole SLURM on this machine: accounting, controller and a node with four stand-in GPUs.

Everything it writes lies in a folder of its own, every port is a free one on loopback, and `stop`
ends whatever was started from it. SLURM itself comes from Debian's packages.
"""

import contextlib
import ctypes
import functools
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PACKAGES = ("munge", "mariadb-server", "slurm-client", "slurmctld", "slurmd", "slurmdbd")
PROGRAMS = (
    "munged", "mariadbd", "mariadb-install-db", "sbatch", "slurmctld", "slurmd", "slurmdbd",
)  # fmt: skip

#: What the node claims, whatever the machine has. Few CPUs, so that few jobs run at a time.
CPUS, MEMORY_MB, GPUS, LSCRATCH_GB = 10, 200_000, 4, 400

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
            self._start_munge()
            self._start_database()
            self._daemon("slurmdbd", "-D")
            self._wait("slurmdbd", lambda: answers(self.values["accounting_port"]))
            # The controller registers its cluster with accounting; then there can be accounts.
            self.start_controller()
            self._daemon("slurmd", "-D", "-N", "node1")
            self._wait("node1", lambda: "idle" in self.run("sinfo", "-h", "-o", "%T"))
            self._wait("tybalt", lambda: "tybalt" in self.run("sacctmgr", "-n", "list", "cluster"))
            self.run("sacctmgr", "-i", "add", "account", "lab")
            self.run("sacctmgr", "-i", "add", "user", "root", "account=lab")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all jobs, all daemons and every process they left; remove the folder."""
        if "slurmd" in self.daemons and self.daemons["slurmctld"].poll() is None:
            self.run("scancel", "--user=root", check=False)
        for name in reversed(self.daemons):
            end(self.daemons[name])
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> list[int]:
        """Every process but this one that was started with this SLURM's configuration."""
        mark = str(self.folder).encode()
        return [pid for pid, environment in environments() if mark in environment]

    def kill(self, number: str, only: str = "") -> None:
        """Kill processes of a job (SIGKILL): all, as a lost node would, or those of one program.

        `scancel` would ask first.
        """
        marks = {f"SLURM_JOB_ID={number}".encode(), f"SLURM_CONF={self.folder}/slurm.conf".encode()}
        pids = [
            pid
            for pid, text in environments()
            if marks <= set(text.split(b"\0")) and only.encode() in command_of(pid)
        ]
        assert pids, f"job {number} has no process {only}"
        for pid in sorted(pids):  # the script before what it started, so that it cannot tidy up
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start_controller(self) -> None:
        """Start slurmctld and wait until it answers."""
        self._daemon("slurmctld", "-D")
        self._wait("slurmctld", lambda: "UP" in self.run("scontrol", "ping", check=False))

    def stop_controller(self) -> None:
        """End slurmctld as an administrator would; what it knows is saved."""
        end(self.daemons.pop("slurmctld"))

    # Use

    def run(self, *command: str, check: bool = True) -> str:
        """Run a SLURM command and return what it prints."""
        done = subprocess.run(
            command, env=self.env, text=True, capture_output=True, timeout=60, check=False
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

    def living(self) -> list[str]:
        """Numbers of the jobs that wait or run."""
        return self.run("squeue", "-h", "-o", "%i").split()

    # Parts

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
        for name in ("bin", "state", "spool", "database", "lscratch"):
            (self.folder / name).mkdir()
        for name in CLIENTS:
            path, program = self.folder / "bin" / name, shutil.which(name, path=search_path())
            path.write_text(CLIENT.format(folder=self.folder, program=program))
            path.chmod(0o755)

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        files = [
            f"--{name}={self.folder}/munge.{suffix}"
            for name, suffix in (
                ("key-file", "key"), ("socket", "socket"), ("pid-file", "pid"),
                ("log-file", "log"), ("seed-file", "seed"),
            )
        ]  # fmt: skip
        self._daemon("munged", "--foreground", *files)
        self._wait("munged", (self.folder / "munge.socket").exists)

    def _start_database(self) -> None:
        data = f"--datadir={self.folder}/database"
        self.run(
            "mariadb-install-db", "--no-defaults", data, "--user=root", "--skip-test-db",
            "--auth-root-authentication-method=normal",
        )  # fmt: skip
        door = f"--socket={self.folder}/database.socket"
        port = self.values["database_port"]
        self._daemon(
            "mariadbd", "--no-defaults", data, door, "--user=root", f"--port={port}",
            "--bind-address=127.0.0.1", f"--pid-file={self.folder}/mariadbd.pid",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-lock-wait-timeout=900",
        )  # fmt: skip
        self._wait("mariadbd", lambda: answers(port))
        statements = (
            f"create user slurm@'127.0.0.1' identified by '{self.values['password']}';"
            f"create user slurm@localhost identified by '{self.values['password']}';"
            "grant all on accounting.* to slurm@'127.0.0.1';"
            "grant all on accounting.* to slurm@localhost;"
        )
        self.run("mariadb", "--no-defaults", door, "--user=root", "-e", statements)

    def _daemon(self, name: str, *arguments: str) -> None:
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

    def _wait(self, name: str, ready, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError):
                if ready():
                    return
            daemon = self.daemons.get(name)
            if daemon and daemon.poll() is not None:
                break
            time.sleep(0.2)
        logs = "".join(path.read_text(errors="replace") for path in self._logs())
        raise RuntimeError(f"{name} did not start: {logs[-2000:]}")

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
    """Ask a daemon to end; kill it if it has not within ten seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def die_with_parent() -> None:
    """Have the kernel end this process when the one that started it is gone (prctl(2))."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def answers(port: int) -> bool:
    """Tell whether something listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nothing listens on."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def gpus(job: dict[str, str]) -> int:
    """GPUs that accounting says a job held."""
    found = re.search(r"gres/gpu=(\d+)", job["AllocTRES"])
    return int(found[1]) if found else 0
