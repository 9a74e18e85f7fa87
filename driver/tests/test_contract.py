"""The order of work, job.json, the marker and the status file; plain Python, no Spark."""

import ast
import json
import os
import re
import resource
import threading

import pytest

from conftest import DRIVER

TIME = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")

SCORE = """
from tracing import trace
trace("import")
def score(external_inputs, external_outputs, external_model_assets):
    trace("score")
"""


def test_syntax_is_python_3_6():
    ast.parse(DRIVER.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_returns(attempt):
    result = attempt.run(SCORE)
    assert result.code == 0, result
    assert attempt.called == ["import", "score"]
    lines = [line for line in result.out.splitlines() if line.startswith("stoker: ")]
    assert lines == [
        "stoker: application local-1, attempt 1: scoring job model-manage-1",
        "stoker: importing module m from m.py",
        "stoker: calling score (asset field scoreFunction) from m.py with 2 inputs, 1 output, 0 model assets",
        "stoker: score returned",
    ]
    status = attempt.status
    assert TIME.match(status.pop("start")) and TIME.match(status.pop("end"))
    assert status == {
        "version": 1,
        "application": "local-1",
        "attempt": 1,
        "state": "returned",
        "stage": "function",
        "function": "score",
    }
    marker = json.loads(attempt.started.read_text())
    assert TIME.match(marker.pop("at"))
    assert marker == {"owner": "local-1", "attempt": 1}
    assert sorted(os.listdir(str(attempt.directory))) == [
        DRIVER.name, "calls", "job.json", "sources.zip", "started", "status.json", "work",
    ]


def test_arguments_are_passed_whole_and_in_order(attempt):
    attempt.job["inputs"] = [{"b": 1, "a": {"x": [1.5, None, True, "ü\U0001F600"]}}, {"fileUrl": "2"}]
    attempt.job["modelAssets"] = [{"filename": "weights"}]
    result = attempt.run(
        "import json\n"
        "def score(*lists):\n"
        "    with open('lists', 'w') as stream: json.dump(lists, stream)\n"
    )
    assert result.code == 0, result
    job = attempt.job
    written = json.loads((attempt.work / "lists").read_text())
    assert written == [job["inputs"], job["outputs"], job["modelAssets"]]
    assert "with 2 inputs, 1 output, 1 model asset\n" in result.out


def test_marker_and_running_status_precede_user_code(attempt):
    result = attempt.run(
        "import json\n"
        "status = json.load(open(%r))\n"
        "assert status['state'] == 'running' and status['stage'] == 'import' and 'end' not in status, status\n"
        "assert json.load(open(%r))['owner'] == 'local-1'\n"
        "def score(a, b, c): pass\n" % (str(attempt.status_file), str(attempt.started))
    )
    assert result.code == 0, result


def test_second_start_is_fenced(attempt):
    assert attempt.run(SCORE).code == 0
    status, marker = attempt.status_file.read_bytes(), attempt.started.read_bytes()
    attempt.job["application"] = "local-2"
    result = attempt.start()
    assert result.code == 86, result
    assert attempt.called == ["import", "score"]
    assert attempt.status_file.read_bytes() == status and attempt.started.read_bytes() == marker
    assert result.out == ""
    assert len(result.err.splitlines()) == 1
    assert "fenced" in result.err and "owner local-1, attempt 1" in result.err


@pytest.mark.parametrize("content", ["", "{", "[]", '{"owner":"local-1","attempt":1}'])
def test_any_marker_fences(attempt, content):
    attempt.started.write_text(content)
    result = attempt.run(SCORE)
    assert result.code == 86, result
    assert attempt.called == [] and not attempt.status_file.exists()
    assert attempt.started.read_text() == content


def test_of_concurrent_starts_one_runs(attempt):
    attempt.run(SCORE)
    attempt.started.unlink()
    attempt.calls.unlink()
    results = []
    path = str(attempt.write_job())
    threads = [threading.Thread(target=lambda: results.append(attempt.execute(path).code)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 86, 86, 86, 86]
    assert attempt.called == ["import", "score"]


@pytest.mark.parametrize(
    "change, word",
    [
        ({"version": 2}, "version is 2"),
        ({"version": None}, "version"),
        ({"version": True}, "version"),
        ({"application": None}, "application is missing"),
        ({"attempt": "1"}, "attempt is of the wrong type"),
        ({"inputs": {}}, "inputs is of the wrong type"),
        ({"function": None}, "function has no name"),
        ({"init": {"origin": "x"}}, "init has no name"),
        ({"source": {"path": "../m.py"}}, "source.path"),
        ({"source": {}}, "neither path nor module"),
        ({"startedUrl": None}, "startedUrl is missing"),
        ({"startedUrl": "/no/scheme"}, "not an absolute URL"),
        ({"startedUrl": "file:relative"}, "not an absolute URL"),
        ({"startedUrl": "file://elsewhere/started"}, "another host"),
        ({"statusUrl": "status.json"}, "not an absolute URL"),
        ({"startedUrl": "file:/nowhere at all/started"}, "No such file"),
    ],
)
def test_unusable_job_runs_nothing(attempt, change, word):
    attempt.write_sources({"m.py": SCORE})
    attempt.job.update(change)
    result = attempt.start()
    assert result.code == 87, result
    assert len(result.err.splitlines()) == 1 and word in result.err, result
    assert attempt.called == [] and not attempt.started.exists() and not attempt.status_file.exists()


def test_unreadable_job_json(attempt):
    for argument in ("absent.json", str(attempt.directory)):
        result = attempt.run(SCORE, argument=argument)
        assert result.code == 87 and "cannot use" in result.err, result
    (attempt.work / "job.json").write_bytes(b'{"version": \xff')
    result = attempt.run(SCORE, argument="job.json")
    assert result.code == 87 and "cannot use" in result.err, result
    assert attempt.called == []


def test_null_lists_are_empty(attempt):
    for name in ("inputs", "outputs", "modelAssets", "document", "parameters"):
        attempt.job[name] = None
    result = attempt.run(SCORE)
    assert result.code == 0 and "with 0 inputs, 0 outputs, 0 model assets" in result.out, result


def test_bare_job_name_in_the_working_directory(attempt):
    """YARN cluster mode: job.json by name, and a model that changes directory."""
    (attempt.work / "job.json").write_text(json.dumps(attempt.job))
    attempt.environment["PYTHONPATH"] = "../sources.zip"
    result = attempt.run(
        {"m.py": "import os\nos.chdir('/')\ndef score(a, b, c):\n    import late\n", "late.py": ""}, argument="job.json"
    )
    assert result.code == 0, result
    assert attempt.status["state"] == "returned"


def test_urls_are_taken_literally(attempt):
    folder = attempt.directory / "50%41 #?+ü"
    folder.mkdir()
    for locale in ("C.UTF-8", "C"):
        attempt.environment.update({"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
        for form in ("file:%s/started", "file://%s/started", "FILE://localhost%s/started"):
            attempt.job["startedUrl"] = form % folder
            result = attempt.run("def score(a, b, c): pass")
            assert result.code == 0, result
            (folder / "started").unlink()


def test_stoker_environment_is_hidden(attempt):
    attempt.environment["OTHER_STOKER"] = "kept"
    result = attempt.run(
        "import os\n"
        "def check():\n"
        "    assert not [k for k in os.environ if k.startswith('STOKER_')]\n"
        "    assert os.environ['OTHER_STOKER'] == 'kept'\n"
        "    assert b'STOKER_APPLICATION=local-1' in open('/proc/self/environ', 'rb').read()\n"
        "check()\n"
        "def score(a, b, c):\n"
        "    check()\n"
        "    import subprocess\n"
        "    assert b'STOKER_' not in subprocess.check_output(['env'])\n"
    )
    assert result.code == 0, result


@pytest.mark.parametrize("method", ["status", "both"])
def test_end_that_cannot_be_recorded(attempt, method):
    """The directory of the status file disappears while the model runs."""
    folder = attempt.directory / "gone"
    folder.mkdir()
    attempt.job["statusUrl"] = "file:%s/status.json" % folder
    end = "raise ValueError('x')" if method == "both" else ""
    result = attempt.run("def score(a, b, c):\n    import shutil\n    shutil.rmtree(%r)\n    %s\n" % (str(folder), end))
    assert result.code == 88, result
    assert "cannot write the status file" in result.err
    assert ("the model had raised" if end else "the model had returned") in result.err


def test_full_disk_at_the_marker(attempt):
    """Created but not filled: nothing runs, and the marker keeps fencing."""
    attempt.job["startedUrl"] = "file:/dev/full"
    result = attempt.run(SCORE)
    assert result.code == 86  # a device exists already
    attempt.job["startedUrl"] = "file:%s" % attempt.started
    result = attempt.start(before=lambda: (_ignore_xfsz(), resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))))
    assert result.code == 87 and "cannot create the marker" in result.err, result
    assert attempt.called == [] and not attempt.status_file.exists()
    assert attempt.start().code == 86


def _ignore_xfsz():
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def test_first_status_write_may_fail(attempt):
    folder = attempt.directory / "later"
    attempt.job["statusUrl"] = "file:%s/status.json" % folder
    result = attempt.run("def score(a, b, c):\n    import os\n    os.mkdir(%r)\n" % str(folder))
    assert result.code == 0 and "cannot write the status file" in result.err, result
    assert json.loads((folder / "status.json").read_text())["state"] == "returned"


def test_usage(attempt):
    import subprocess
    import sys

    process = subprocess.run([sys.executable, str(DRIVER)], stderr=subprocess.PIPE)
    assert process.returncode == 87 and b"usage:" in process.stderr
