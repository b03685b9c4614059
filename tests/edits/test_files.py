"""Several edits of one script, and a script's file with the old one kept."""

import os

import pytest

pytest.importorskip("libcst", reason="edits need LibCST: pip install 'surefoot[edits]'")

from surefoot.edits import Edit, Wanted, edit_all
from surefoot.edits.files import place_of_the_old, read, write
from surefoot.errors import SettingError

LOOP = "opt = Adam(p, lr=0.5)\nfor x in data:\n    f(x).backward()\n    opt.step()\n"


def test_edits_follow_one_another_though_lines_move():
    wanted = [
        Wanted("missing-zero-grad", 4),
        Wanted("missing-zero-grad", 4),
        Wanted("rate", 1, {"value": 0.1}),
    ]
    made, left = edit_all(LOOP, wanted)
    assert made.source == LOOP.replace("0.5", "0.1").replace("    f(x)", "    opt.zero_grad()\n    f(x)")
    assert left == wanted[1:2]
    assert made.what.count(".") >= 2
    assert edit_all(LOOP, wanted[:0]) == (None, [])
    assert edit_all(LOOP, [Wanted("plateau")]) == (None, [Wanted("plateau")])


@pytest.mark.parametrize(
    "raw",
    [
        b"a = 1\r\nb = 2\r\n",
        b"a = 1\nb = 2",
        "# -*- coding: latin-1 -*-\na = 'é'\n".encode("latin-1"),
        "\ufeffa = 'é'\n".encode(),
    ],
)
def test_a_file_keeps_its_encoding_and_line_ends(tmp_path, raw):
    path = tmp_path / "train.py"
    path.write_bytes(raw)
    path.chmod(0o750)
    text = read(path)
    kept = write(path, Edit("", text, text.replace("a =", "c =")))
    assert kept == tmp_path / "train.py.orig"
    assert kept.read_bytes() == raw
    assert path.read_bytes() == raw.replace(b"a =", b"c =")
    assert os.stat(path).st_mode & 0o777 == 0o750
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train.py", "train.py.orig"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "train.py"
    path.write_bytes(b"# -*- coding: latin-1 -*-\na = 1\n")
    text = read(path)
    with pytest.raises(SettingError, match="cannot be written: 'latin-1' codec"):
        write(path, Edit("", text, text.replace("a = 1", "a = '\u20ac'")))
    full = OSError(28, "No space left on device")

    def replace(*places):
        raise full

    with monkeypatch.context() as there:
        there.setattr(os, "replace", replace)
        with pytest.raises(SettingError, match="cannot be written: No space left"):
            write(path, Edit("", text, text.replace("a = 1", "a = 2")))
    assert [p.name for p in tmp_path.iterdir()] == ["train.py"]
    assert read(path) == text
    write(path, Edit("", text, text.replace("a = 1", "a = 2")))
    with pytest.raises(SettingError, match="is there already"):
        place_of_the_old(path)


def test_what_cannot_be_written_safely_is_left_alone(tmp_path):
    path = tmp_path / "train.py"
    path.write_text("a = 1\n")
    with pytest.raises(SettingError, match="has changed since"):
        write(path, Edit("", "b = 1\n", "b = 2\n"))
    (tmp_path / "train.py.orig").write_text("old")
    with pytest.raises(SettingError, match="is there already"):
        write(path, Edit("", "a = 1\n", "a = 2\n"))
    assert path.read_text() == "a = 1\n"
    with pytest.raises(SettingError, match="cannot be read"):
        read(tmp_path / "none.py")
    path.write_bytes(b"a = '\xff'\n")
    with pytest.raises(SettingError, match="encoding"):
        read(path)
