"""The downloader against a server on loopback that misbehaves."""

import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml
from misbehaving_server import serving

from tybalt.data.sources import download as sources
from tybalt.data.sources.download import LOCK_FILE, download_source
from tybalt.data.sources.transfer import Patience
from tybalt.plan.errors import InputError

REPOSITORY = Path(__file__).parents[2]
QUICK = Patience(
    connect_seconds=1,
    stall_seconds=0.4,
    attempts=3,
    backoff_seconds=0.02,
    longest_pause_seconds=0.1,
)
TABLE = b"gene\ts1\n" + b"".join(
    b"G%d\t%d\n" % row for row in enumerate(np.random.default_rng(0).integers(0, 10**9, 50_000))
)
PACKED = gzip.compress(TABLE, 1, mtime=0)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def source(url, freeze="2016", member=None, digest=None, size=None):
    return {"url": url, "freeze": freeze, "member": member, "sha256": digest, "bytes": size}


class Study:
    """A folder in which tables are downloaded."""

    def __init__(self, folder):
        self.folder = folder
        self.downloads = folder / "downloads"
        self.table = folder / "table.tsv.gz"
        self.record = folder / "table.json"

    def get(self, *urls, name="expression", sources_dir=None):
        self.table.unlink(missing_ok=True)  # as Snakemake does before a job
        download_source(
            name=name,
            urls=urls,
            published_freeze="2016",
            downloads=str(self.downloads),
            sources_dir=sources_dir and str(sources_dir),
            file=str(self.table),
            record=str(self.record),
        )
        return json.loads(self.record.read_text())

    @property
    def content(self):
        return gzip.decompress(self.table.read_bytes())

    @property
    def lock(self):
        return json.loads((self.downloads / LOCK_FILE).read_text())

    @property
    def leftovers(self):
        return sorted(path.name for path in self.downloads.rglob("*.part*"))

    @property
    def loaded(self):
        return list(self.downloads.rglob("table.tsv.gz"))

    def place(self, url):
        """Where the download of `url` is kept."""
        return self.downloads / url.removeprefix("http://")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(sources, "PATIENCE", QUICK)


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


@pytest.fixture
def server():
    with serving(PACKED) as server:
        yield server


# --- the server ends with giving the right file -------------------------------------------------

RIGHT_IN_THE_END = {  # behaviour -> requests it takes
    "good": 1,
    "drops": 4,
    "changes": 2,
    "dated": 2,
    "no_range": 2,
    "no_validator": 2,
    "busy_twice": 3,
    "stalls": 2,
    "chunked": 1,
}


@pytest.mark.parametrize("behaviour", RIGHT_IN_THE_END)
def test_right_file_in_the_end(study, server, behaviour):
    if behaviour == "changes":
        server.content = PACKED[::-1]  # what it turns into is the file
    record = study.get(source(server.url(behaviour)))
    assert study.content == TABLE
    assert server.requests[behaviour] == RIGHT_IN_THE_END[behaviour]
    assert record["sha256"] == sha256(PACKED)
    assert record["bytes"] == len(PACKED)
    assert study.leftovers == []


def test_going_on_asks_only_for_what_is_missing(study, server):
    study.get(source(server.url("drops")))
    quarter = len(PACKED) // 4 + 1
    assert server.ranges == [None, *(f"bytes={n * quarter}-" for n in (1, 2, 3))]


def test_answer_with_another_range_is_not_glued(study, server):
    study.get(source(server.url("wrong_range")))
    assert study.content == TABLE


def test_redirect_is_followed_also_when_it_breaks_off(study, server):
    record = study.get(source(server.url("redirects")))
    assert study.content == TABLE
    assert record["url"] == server.url("redirects")
    assert server.requests == {"redirects": 4, "drops": 4}


def test_wrong_byte_on_the_way_is_loaded_again(study, server):
    study.get(source(server.url("wrong_byte_once"), digest=sha256(PACKED)))
    assert study.content == TABLE


def test_wrong_byte_without_known_checksum_is_found_by_gzip(study, server):
    study.get(source(server.url("wrong_byte_once")))
    assert study.content == TABLE
    assert study.lock["files"][server.url("wrong_byte_once")]["sha256"] == sha256(PACKED)


# --- the server never gives it: one message, the next address, no file ---------------------------

NEVER_RIGHT = {
    "missing": "404",
    "busy": "503",
    "never_ends": "broke off at byte .* 3 times without a new byte",
    "too_long": "broke off at byte",
    "too_short": "damaged gzip",
    "wrong_byte": "damaged gzip",
    "page": "web page \\(title: Down for maintenance\\)",
}


@pytest.mark.parametrize("behaviour", NEVER_RIGHT)
def test_clear_message_and_no_file(study, server, behaviour):
    with pytest.raises(InputError, match=NEVER_RIGHT[behaviour]) as error:
        study.get(source(server.url(behaviour)))
    assert server.url(behaviour) in str(error.value)
    assert "http_proxy" in str(error.value)
    assert not study.table.exists()
    assert study.loaded == []
    assert not (study.downloads / LOCK_FILE).exists()


@pytest.mark.parametrize("behaviour", NEVER_RIGHT)
def test_next_address_is_tried(study, server, behaviour):
    record = study.get(source(server.url(behaviour)), source(server.url("good"), "2020"))
    assert study.content == TABLE
    assert (record["freeze"], record["published"]) == ("2020", False)


@pytest.mark.parametrize("behaviour", ["too_short", "wrong_byte"])
def test_known_checksum_refuses(study, server, behaviour):
    with pytest.raises(InputError, match="SHA-256|bytes, expected"):
        study.get(source(server.url(behaviour), digest=sha256(PACKED), size=len(PACKED)))
    assert not study.table.exists()


def test_known_size_refuses_before_loading(study, server):
    with pytest.raises(InputError, match=f"announces {len(PACKED):,} bytes, expected 7"):
        study.get(source(server.url("good"), size=7))


def test_no_server(study):
    with serving(PACKED) as server:
        url = server.url("good")
    with pytest.raises(InputError, match="refused"):
        study.get(source(url))


def test_text_where_gzip_is_expected(study, server):
    server.content = TABLE
    with pytest.raises(InputError, match="expected a gzip file"):
        study.get(source(server.url("good")))


def test_empty_file(study, server):
    server.content = b""
    with pytest.raises(InputError, match="empty file"):
        study.get(source(server.url("good", "samples.tsv")))


# --- what is remembered --------------------------------------------------------------------------


def test_first_download_is_the_standard_for_later_ones(study, server):
    study.get(source(server.url("good")))
    study.loaded[0].unlink()
    server.content = gzip.compress(TABLE + b"one more\t1\n", 1, mtime=0)
    with pytest.raises(InputError, match="expected .* recorded in .*sources.lock.json|announces"):
        study.get(source(server.url("good")))
    assert not study.table.exists()


def test_second_run_loads_nothing(study, server):
    study.get(source(server.url("good")))
    before = study.table.read_bytes()
    study.get(source(server.url("good")))
    assert study.table.read_bytes() == before
    assert server.requests["good"] == 1


def test_damage_of_an_earlier_download_is_seen(study, server, caplog):
    study.get(source(server.url("good")))
    damaged = bytearray(PACKED)
    damaged[1000] ^= 1
    study.loaded[0].write_bytes(damaged)
    study.get(source(server.url("good")))
    assert study.content == TABLE
    assert server.requests["good"] == 2


def test_freeze_stays_until_the_lock_is_changed(study, server):
    first, second = source(server.url("missing")), source(server.url("good"), "2020")
    study.get(first, second)
    study.get(source(server.url("drops")), second)
    assert server.requests["drops"] == 0
    with pytest.raises(InputError, match="found freeze '2020'.*remove this entry"):
        study.get(first)


def test_files_of_one_name_from_two_addresses_are_kept_apart(study, server):
    study.get(source(server.url("good")))
    server.content = gzip.compress(b"another freeze", mtime=0)
    study.get(source(server.url("no_validator"), "2020"), name="later")
    assert study.content == b"another freeze"
    study.get(source(server.url("good")))
    assert study.content == TABLE


def test_published_freeze(study, server):
    assert study.get(source(server.url("good")))["published"] is True
    assert study.lock["tables"]["expression"] == {"url": server.url("good"), "freeze": "2016"}


def test_lock_file_has_no_dates(study, server):
    study.get(source(server.url("good")))
    text = (study.downloads / LOCK_FILE).read_text()
    (study.downloads / LOCK_FILE).unlink()
    study.get(source(server.url("good")))
    assert (study.downloads / LOCK_FILE).read_text() == text


# --- archives and plain files --------------------------------------------------------------------


def archive(**members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(f"folder/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def test_archive_is_loaded_once_for_its_tables(study, server):
    server.content = archive(a=TABLE, b=TABLE[:100])
    url = server.url("good", "archive.tar.gz")
    study.get(source(url, member="folder/b"), name="mutations")
    assert study.content == TABLE[:100]
    study.get(source(url, member="folder/a"))
    assert study.content == TABLE
    assert server.requests["good"] == 1
    assert list(study.lock["files"]) == [url]


def test_two_jobs_load_one_archive(study, server):
    server.content = archive(a=TABLE, b=TABLE)
    server.etag = '"archive"'
    errors = []

    def job(name):
        try:
            download_source(
                name=name,
                urls=[source(server.url("slow", "archive.tar.gz"), member=f"folder/{name}")],
                published_freeze="2016",
                downloads=str(study.downloads),
                sources_dir=None,
                file=str(study.folder / f"{name}.gz"),
                record=str(study.folder / f"{name}.json"),
            )
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=job, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert server.requests["slow"] == 1
    for name in "ab":
        assert gzip.decompress((study.folder / f"{name}.gz").read_bytes()) == TABLE
    assert set(study.lock["tables"]) == {"a", "b"}


def test_member_that_is_not_there(study, server):
    server.content = archive(a=TABLE)
    with pytest.raises(InputError, match="found the members folder/a, expected folder/c"):
        study.get(source(server.url("good", "archive.tar.gz"), member="folder/c"))
    assert not study.table.exists()


def test_gzip_that_is_no_archive(study, server):
    with pytest.raises(InputError, match="no readable tar archive"):
        study.get(source(server.url("good", "archive.tar.gz"), member="folder/c"))


def test_plain_table_is_compressed_the_same_way_each_time(study, server):
    server.content = TABLE
    study.get(source(server.url("good", "samples.tsv")))
    assert study.content == TABLE
    first = study.table.read_bytes()
    study.get(source(server.url("good", "samples.tsv")))
    assert study.table.read_bytes() == first


# --- files that are already there ----------------------------------------------------------------


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def test_sources_dir_needs_no_network(study, here):
    (here / "table.tsv.gz").write_bytes(PACKED)
    record = study.get(source("http://127.0.0.1:9/table.tsv.gz"), sources_dir=here)
    assert study.content == TABLE
    assert record["sha256"] == sha256(PACKED)
    (here / "table.tsv.gz").unlink()  # ours is a copy
    assert study.content == TABLE


@pytest.mark.parametrize("unpacked", [False, True])
def test_sources_dir_with_archive_or_its_member(study, here, unpacked):
    name, data = ("a", TABLE) if unpacked else ("archive.tar.gz", archive(a=TABLE))
    (here / name).write_bytes(data)
    url = source("http://127.0.0.1:9/archive.tar.gz", member="folder/a")
    record = study.get(url, sources_dir=here)
    assert study.content == TABLE
    assert record["sha256"] == sha256(data)
    (here / name).write_bytes(data[:-1] + b"x")
    with pytest.raises(InputError, match="replace or remove this file"):
        study.get(url, sources_dir=here)


def test_sources_dir_is_checked_like_a_download(study, here, server):
    study.get(source(server.url("good")))
    (here / "table.tsv.gz").write_bytes(gzip.compress(TABLE[:-9]))
    with pytest.raises(InputError, match="found .* bytes, expected"):
        study.get(source(server.url("good")), sources_dir=here)
    assert not study.table.exists()


@pytest.mark.parametrize("content", [b"<html><body>log in</body></html>", b"", PACKED[:-5]])
def test_sources_dir_with_something_else(study, here, content):
    (here / "table.tsv.gz").write_bytes(content)
    with pytest.raises(InputError, match="web page|empty|damaged gzip"):
        study.get(source("http://127.0.0.1:9/table.tsv.gz"), sources_dir=here)


def test_sources_dir_without_the_file_falls_back_to_the_network(study, here, server):
    study.get(source(server.url("good")), sources_dir=here)
    assert study.content == TABLE


def test_sources_dir_that_does_not_exist(study, tmp_path):
    with pytest.raises(InputError, match="found no folder"):
        study.get(source("http://127.0.0.1:9/x.gz"), sources_dir=tmp_path / "nowhere")


# --- the machine ---------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small tmpfs cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("behaviour", ["good", "chunked"])
def test_full_disk(small_disk, server, behaviour):
    """Length announced: seen before the first byte. Not announced: seen while writing."""
    study = Study(small_disk)
    with pytest.raises(InputError, match="disk is full.*make room and run again"):
        study.get(source(server.url(behaviour)))
    assert not study.table.exists()
    assert study.loaded == []
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    study.get(source(server.url(behaviour)))
    assert study.content == TABLE


JOB = """
import json, sys
from types import SimpleNamespace
from tybalt.jobs.adapter import run
from tybalt.data.sources.download import download_source
job = json.loads(sys.argv[1])
rule = {"rule": "download_source", "threads": 1, "wildcards": {}, "resources": {}}
run(download_source, SimpleNamespace(**job, **rule))
"""


def start_job(study, url):
    """Start the rule's job as Snakemake does: a process that ends in `tybalt.jobs.adapter.run`."""
    job = {
        "input": {},
        "params": {
            "name": "expression",
            "urls": [url],
            "published_freeze": "2016",
            "downloads": str(study.downloads),
            "sources_dir": None,
        },
        "output": {"file": str(study.table), "record": str(study.record)},
        "log": [str(study.downloads.parent / "job.log")],
    }
    return subprocess.Popen(
        [sys.executable, "-c", JOB, json.dumps(job)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow/scripts")},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_full_disk_while_unpacking(small_disk, tmp_path, server):
    study = Study(small_disk)
    study.downloads = tmp_path / "downloads"
    job = start_job(study, source(server.url("good")))
    _, message = job.communicate()
    assert job.returncode == 1
    assert "disk is full" in message and "Traceback" not in message
    assert list(small_disk.iterdir()) == []


def test_kill_in_the_middle(study, server):
    """Killed without warning, the next run goes on where the first one was."""
    url = source(server.url("slow"))
    part = study.place(server.url("slow") + ".part")
    job = start_job(study, url)
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size > 50_000):
        assert job.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    job.send_signal(signal.SIGKILL)
    job.communicate()
    have = part.stat().st_size
    assert have < len(PACKED)
    assert not study.table.exists()
    assert start_job(study, url).communicate() == (None, "")
    assert study.content == TABLE
    assert server.ranges == [None, f"bytes={have}-"]
    assert study.leftovers == []


def test_stop_between_last_byte_and_check(study, server):
    """A complete .part is checked, not loaded again; a begun one without record is dropped."""
    part = study.place(server.url("good") + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(PACKED)
    note = {"url": server.url("good"), "validator": None, "bytes": len(PACKED)}
    part.with_name(f"{part.name}.json").write_text(json.dumps(note))
    study.get(source(server.url("good")))
    assert server.requests["good"] == 0
    study.loaded[0].unlink()
    part.write_bytes(b"bytes of another file")
    study.get(source(server.url("good")))
    assert study.content == TABLE


def test_proxy_of_the_environment_is_used(study, server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    study.get(source("http://data.invalid/good/table.tsv.gz"))
    assert study.content == TABLE


# --- the list itself -----------------------------------------------------------------------------


def read_catalogue():
    return yaml.safe_load((REPOSITORY / "resources/sources.yaml").read_text())


def test_list_of_sources_has_the_form_of_its_schema():
    schema = yaml.safe_load((REPOSITORY / "workflow/schemas/sources.schema.yaml").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(read_catalogue())


def test_published_freeze_comes_first_and_archives_name_a_member():
    for study in read_catalogue().values():
        for table in study["tables"].values():
            assert table["urls"][0]["freeze"] == study["freeze"]
            for url in table["urls"]:
                assert (url["member"] is not None) == url["url"].endswith(".tar.gz")


def test_oncokb_of_2017_is_the_pinned_file():
    folder = os.environ.get("TYBALT_REAL_DATA")
    if not folder:
        pytest.skip("TYBALT_REAL_DATA is not set")
    pinned = read_catalogue()["pancan-2016"]["tables"]["oncokb"]["urls"][0]
    data = (Path(folder) / "statistics/oncokb_genetypes.tsv").read_bytes()
    assert (sha256(data), len(data)) == (pinned["sha256"], pinned["bytes"])
