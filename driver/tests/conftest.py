"""A bundle for one attempt: its job directory, its sources, and the driver run on them."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

DRIVER = Path(__file__).resolve().parent.parent / "ModelOpPySparkDriver.py"

# The interpreter the driver runs under; set it to try another version of Python.
PYTHON = os.environ.get("DRIVER_PYTHON", sys.executable)

# A model that leaves one line per import and per call beside the marker, so
# that tests count what of the user's code ran.
TRACE = """
import os
def trace(word):
    with open({path!r}, "a") as stream:
        stream.write(word + "\\n")
"""


class Result:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout.decode("utf-8", "replace")
        self.err = process.stderr.decode("utf-8", "replace")

    def __repr__(self):
        return "exit %d\n--- stdout\n%s\n--- stderr\n%s" % (self.code, self.out, self.err)


class Attempt:
    """One attempt of a job. Tests change job and sources, then run()."""

    def __init__(self, directory):
        self.directory = directory
        self.work = directory / "work"
        self.work.mkdir(parents=True)
        self.started = directory / "started"
        self.status_file = directory / "status.json"
        self.calls = directory / "calls"
        self.environment = {}
        self.job = {
            "version": 1,
            "jobId": "model-manage-1",
            "attempt": 1,
            "application": "local-1",
            "kind": "scoring",
            "source": {"module": "", "path": "m.py"},
            "init": None,
            "function": {"name": "score", "origin": "asset field scoreFunction"},
            "inputs": [{"fileUrl": "file:/in.csv", "assetRole": "TRAINING_DATA"}, {"fileUrl": "file:/b.csv"}],
            "outputs": [{"fileUrl": "file:/out.json"}],
            "modelAssets": [],
            "document": {"id": "1", "jobParameters": {"days": 7}},
            "parameters": {"days": "7"},
            "startedUrl": "file:%s" % self.started,
            "statusUrl": "file:%s" % self.status_file,
            "somethingLater": [1],
        }

    def write_sources(self, sources, entries=True):
        """sources.zip from {path: text}; entries: with an entry per folder, as zip tools differ."""
        with zipfile.ZipFile(str(self.directory / "sources.zip"), "w") as archive:
            if entries:
                folders = {str(p) for path in sources for p in Path(path).parents if str(p) != "."}
                for folder in sorted(folders):
                    archive.writestr(folder + "/", "")
            archive.writestr("tracing.py", TRACE.format(path=str(self.calls)))
            for path, text in sources.items():
                archive.writestr(path, text)

    def write_job(self):
        path = self.directory / "job.json"
        path.write_text(json.dumps(self.job), encoding="utf-8")
        return path

    def run(self, sources, path="m.py", entries=True, argument=None, before=None):
        """Runs the driver under plain Python the way spark-submit would start it."""
        if isinstance(sources, str):
            sources = {path: sources}
        self.job["source"]["path"] = path
        self.write_sources(sources, entries)
        return self.start(argument, before)

    def start(self, argument=None, before=None):
        """Runs the driver on the sources that are there."""
        job = self.write_job()
        shutil.copy(str(DRIVER), str(self.directory))
        return self.execute(argument or str(job), before)

    def execute(self, argument, before=None):
        """The process alone: writes nothing itself, so that tests may start several at once."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "STOKER_", "SPARK_"))}
        environment["PYTHONPATH"] = str(self.directory / "sources.zip")
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment["STOKER_APPLICATION"] = self.job.get("application") or ""
        environment["STOKER_OTHER"] = "x"
        environment.update(self.environment)
        process = subprocess.run(
            [PYTHON, str(self.directory / DRIVER.name), argument],
            cwd=str(self.work),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=60,
            preexec_fn=before,
        )
        return Result(process)

    @property
    def status(self):
        data = self.status_file.read_bytes()
        assert len(data) <= 60000
        return json.loads(data.decode("ascii"))

    @property
    def called(self):
        """What the model traced, in order."""
        return self.calls.read_text().split() if self.calls.exists() else []


@pytest.fixture
def attempt(tmp_path):
    return Attempt(tmp_path / "j öb" / "1")
