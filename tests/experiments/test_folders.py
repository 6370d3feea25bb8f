"""A folder is a result as a whole or not at all."""

import json
from pathlib import Path

import pytest

from experiments.errors import ExperimentError, ResultError
from experiments.folders import UNFINISHED, claim, publish, read_record, write_whole


def test_a_claimed_folder_is_no_result_until_it_is_published(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    claim(folder)
    assert read_record(folder) is None
    publish(folder, {"kpis": {"stops": 1.5}})
    assert read_record(folder) == {"kpis": {"stops": 1.5}}
    assert sorted(path.name for path in folder.iterdir()) == ["run.json"]


def test_an_unfinished_folder_may_be_claimed_again(tmp_path: Path) -> None:
    claim(tmp_path / "out")
    (tmp_path / "out" / "tripinfo.xml").write_text("<tripinfos>")
    claim(tmp_path / "out")
    assert read_record(tmp_path / "out") is None


def test_a_folder_with_other_content_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ExperimentError, match=r"already holds thesis\.tex; name a new folder"):
        claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_result_is_not_overwritten(tmp_path: Path) -> None:
    claim(tmp_path)
    publish(tmp_path, {"seed": 1})
    with pytest.raises(ExperimentError, match=r"already holds run\.json"):
        claim(tmp_path)
    assert read_record(tmp_path) == {"seed": 1}


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(ExperimentError, match="is a file; name a folder"):
        claim(tmp_path / "out")
    with pytest.raises(ExperimentError, match="cannot be written"):
        claim(tmp_path / "out" / "below")


def test_a_folder_where_nothing_can_be_made_is_refused() -> None:
    with pytest.raises(ExperimentError, match="cannot be written"):
        claim(Path("/proc/ampelwerk"))


def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_whole(path, "old")
    (tmp_path / ".run.json.draft").mkdir()  # where the draft cannot be opened nothing may be lost
    with pytest.raises((ResultError, OSError)):
        write_whole(path, "new")
    assert path.read_text() == "old"


def test_a_record_cut_in_the_middle_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"kpis": {}})[:-2])
    assert read_record(tmp_path) is None
    (tmp_path / "run.json").write_text(json.dumps({"kpis": {}}))
    (tmp_path / UNFINISHED).write_text("")
    assert read_record(tmp_path) is None
