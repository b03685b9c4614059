"""Folders of voices, as people have them, and sound files of every kind."""

import numpy as np
import pytest

from surefoot.errors import SettingError, StoreError
from surefoot.recipes.separation import corpus as place
from surefoot.recipes.separation.audio import RATE, read, trimmed, write
from surefoot.recipes.separation.corpus import Pairs, Speakers, find_corpus


def speakers(root, sound_file, names, utterances=3, seconds=1.0):
    for name in names:
        for index in range(utterances):
            sound_file(root / name / f"{index}.wav", seconds)
    return root


def test_a_folder_for_each_speaker(voices):
    found = find_corpus(voices)
    assert isinstance(found, Speakers)
    assert sorted(found.training) == ["high", "low"]
    for name in found.training:
        heard, kept = set(found.training[name]), set(found.held_out[name])
        assert len(heard) == 8
        assert len(kept) == 1
        assert not heard & kept
        assert {path.suffix for path in heard} == {".wav", ".flac"}
    assert "16 utterances to train on, 2 held out" in found.description


def test_speakers_may_have_chapters_and_be_chosen(tmp_path, sound_file):
    for path in (
        "19/198/a.flac",
        "19/227/b.flac",
        "26/495/c.flac",
        "26/495/d.ogg",
        "27/1/e.wav",
        "27/1/f.wav",
    ):
        sound_file(tmp_path / path)
    assert sorted(find_corpus(tmp_path).training) == ["19", "26", "27"]
    assert sorted(find_corpus(tmp_path, speakers=["27", "19"]).training) == ["19", "27"]
    with pytest.raises(SettingError, match="no speaker 'Nobody'; it has 19, 26, 27"):
        find_corpus(tmp_path, speakers=["Nobody", "19"])


def test_prompts_leave_out_what_is_no_speech_and_join_one_voice(tmp_path, sound_file):
    for folder in ("en_US_f_Allison", "es_MX_f_Allison", "it_IT_m_Carlo"):
        for name in ("hello", "digits/1", "beep", "tt-monkeys", "silence/9"):
            sound_file(tmp_path / folder / f"{name}.wav")
    (tmp_path / "en").symlink_to(tmp_path / "en_US_f_Allison")
    found = find_corpus(tmp_path)
    together = {name: [*found.training[name], *found.held_out[name]] for name in found.training}
    assert {name: len(paths) for name, paths in together.items()} == {"Allison": 4, "Carlo": 2}
    assert {path.stem for paths in together.values() for path in paths} == {"hello", "1"}


def pairs(root, sound_file, splits):
    for split in splits:
        for source in ("s1", "s2"):
            for index in range(2):
                sound_file(root / split / source / f"{index}.wav")
    return root


@pytest.mark.parametrize("inside", ["", "2speakers/wav8k/min"])
def test_wsj0_2mix_layout(tmp_path, sound_file, inside):
    pairs(tmp_path / inside, sound_file, ("tr", "cv", "tt"))
    found = find_corpus(tmp_path)
    assert isinstance(found, Pairs)
    assert [path.relative_to(tmp_path / inside).as_posix() for path in found.training[1]] == [
        "tr/s1/1.wav",
        "tr/s2/1.wav",
    ]
    assert all("tt" in path.parts for pair in found.held_out for path in pair)
    assert found.description == "2 pairs to train on, 2 held out"


def test_libri2mix_layout(tmp_path, sound_file):
    pairs(tmp_path, sound_file, ("train-100", "train-360", "dev"))
    found = find_corpus(tmp_path)
    assert len(found.training) == 4
    assert all("dev" in path.parts for pair in found.held_out for path in pair)


def test_the_digest_tells_corpora_apart_but_not_places(tmp_path, sound_file):
    one, other = (speakers(tmp_path / name, sound_file, "ab") for name in ("one", "other"))
    assert find_corpus(one).digest == find_corpus(other).digest
    sound_file(other / "a" / "more.wav")
    assert find_corpus(one).digest != find_corpus(other).digest


def test_bad_folders(tmp_path, sound_file, monkeypatch):
    def told(root, match):
        with pytest.raises(SettingError, match=match) as caught:
            find_corpus(root)
        assert "\n" not in str(caught.value)

    told(tmp_path / "nowhere", "There is no folder .*nowhere; give the folder of the voices by --data")
    told(tmp_path, "holds speech of 0 speakers")
    told(speakers(tmp_path / "alone", sound_file, "a"), "holds speech of 1 speaker; a mixture needs two")
    told(
        speakers(tmp_path / "few", sound_file, "ab", utterances=1), "'a' .* has 1 utterance of 0.8 s or more"
    )
    told(speakers(tmp_path / "short", sound_file, "ab", seconds=0.5), "has 0 utterances of 0.8 s")
    told(pairs(tmp_path / "untested", sound_file, ("tr",)), "has the splits tr; it needs")
    two = tmp_path / "two"
    pairs(two / "min", sound_file, ("tr", "tt"))
    pairs(two / "max", sound_file, ("tr", "tt"))
    told(two, "holds 2 sets of mixtures; give one of them by --data, for example")
    widowed = pairs(tmp_path / "widowed", sound_file, ("tr", "tt"))
    (widowed / "tr" / "s2" / "1.wav").unlink()
    told(widowed, "has no partner .*s2.1.wav")
    monkeypatch.setattr(place, "PROMPTS", tmp_path / "not-installed")
    told(None, "There is no recorded speech here: .*--data, or install two voices")


def test_other_rates_and_channels(tmp_path, sound_file):
    path = sound_file(tmp_path / "stereo.flac", seconds=1.0, rate=44100, channels=2)
    assert read(path).shape == (RATE,)
    tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32)
    write(tmp_path / "tone.wav", tone * 0.5, rate=16000)
    middle = slice(500, 7500)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    np.testing.assert_allclose(read(tmp_path / "tone.wav")[middle], expected[middle], atol=2e-3)


def test_written_sound_fits_and_comes_back(tmp_path):
    quiet = np.linspace(-0.5, 0.5, 100, dtype=np.float32)
    np.testing.assert_allclose(read(write(tmp_path / "deep" / "quiet.wav", quiet)), quiet, atol=1e-4)
    assert np.abs(read(write(tmp_path / "loud.wav", 3 * quiet))).max() == pytest.approx(1, abs=1e-3)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*choose another place"):
        write(tmp_path / "file" / "x.wav", quiet)


def test_no_sound(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    for name in ("text.wav", "missing.wav"):
        with pytest.raises(SettingError, match=f"{name} cannot be read as sound .*remove or replace it"):
            read(tmp_path / name)


def test_trimming_keeps_pauses_and_drops_the_ends():
    loud, quiet = np.full(1600, 0.5, np.float32), np.full(1600, 1e-4, np.float32)
    found = trimmed(np.concatenate([quiet, loud, quiet, loud, quiet]))
    np.testing.assert_array_equal(found, np.concatenate([loud, quiet, loud]))
    assert len(trimmed(np.zeros(8000, np.float32))) == 0
    assert len(trimmed(loud[:50])) == 50
