"""What is drawn: seeded, levelled, with speech in it."""

import numpy as np
import pytest

from surefoot.errors import SettingError
from surefoot.recipes.separation.audio import read, write
from surefoot.recipes.separation.corpus import Pairs, Speakers, find_corpus
from surefoot.recipes.separation.mixtures import LARGEST_RATIO, Mixtures


def decibels(samples):
    return 20 * np.log10(np.sqrt(np.mean(np.square(samples.astype(np.float64)), axis=-1)))


def steady(folder, name, seed):
    noise = np.random.default_rng(seed).choice([-0.2, 0.2], 12000)  # the same level everywhere
    return (write(folder / f"{name}.wav", noise),)


@pytest.fixture
def level_corpus(tmp_path):
    return Speakers(
        *({name: steady(tmp_path, name + split, 7) for name in "ab"} for split in ("-heard", "-kept"))
    )


def test_the_same_seed_and_step_are_the_same_batch(voices):
    corpus = find_corpus(voices)
    one, other = Mixtures(corpus, seed=3), Mixtures(corpus, seed=3)
    other.batch(0, 4, 2000)  # what was drawn before does not matter
    np.testing.assert_array_equal(one.batch(5, 4, 4032), other.batch(5, 4, 4032))
    assert not np.array_equal(one.batch(5, 4, 4032), one.batch(6, 4, 4032))
    assert not np.array_equal(one.batch(5, 4, 4032), Mixtures(corpus, seed=4).batch(5, 4, 4032))


def test_memory_changes_nothing(voices):
    corpus = find_corpus(voices)
    np.testing.assert_array_equal(
        Mixtures(corpus, memory=0).batch(1, 3, 4032), Mixtures(corpus).batch(1, 3, 4032)
    )


def test_levels(level_corpus):
    drawn = np.concatenate([Mixtures(level_corpus).batch(step, 40, 2000) for step in range(5)])
    first, second = decibels(drawn[:, 0]), decibels(drawn[:, 1])
    ratio = first - second
    assert ratio.min() >= -0.01
    assert ratio.max() <= LARGEST_RATIO + 0.01
    assert ratio.mean() == pytest.approx(LARGEST_RATIO / 2, abs=0.4)
    np.testing.assert_allclose((first + second) / 2, 20 * np.log10(0.05), atol=0.02)


def test_jitter_moves_both_voices_of_a_mixture_alike(level_corpus):
    drawn = np.concatenate(
        [Mixtures(level_corpus, level_jitter=8.0).batch(step, 50, 1000) for step in range(8)]
    )
    first, second = decibels(drawn[:, 0]), decibels(drawn[:, 1])
    assert (first - second).min() >= -0.01
    assert (first - second).max() <= LARGEST_RATIO + 0.01
    assert np.std((first + second) / 2) == pytest.approx(8.0, rel=0.15)
    kept = Mixtures(level_corpus, level_jitter=8.0).held_out(20, 1000)
    np.testing.assert_allclose(
        (decibels(kept[:, 0]) + decibels(kept[:, 1])) / 2, 20 * np.log10(0.05), atol=0.02
    )


def test_two_different_voices_of_which_either_may_be_first(tmp_path):
    ramp = {
        name: (write(tmp_path / f"{name}.wav", np.full(9000, sign * 0.1)),)
        for name, sign in (("a", 1), ("b", -1))
    }
    drawn = Mixtures(Speakers(ramp, ramp)).batch(0, 60, 1000)
    signs = np.sign(drawn.mean(axis=2))
    assert (signs.sum(axis=1) == 0).all()
    assert {-1.0, 1.0} == set(signs[:, 0])


def test_held_out_draws_from_held_out_alone_whatever_the_training_seed(voices):
    corpus = find_corpus(voices)
    one, other = Mixtures(corpus, seed=0), Mixtures(corpus, seed=9)
    np.testing.assert_array_equal(one.held_out(5, 4000), other.held_out(5, 4000))
    asked = []
    one._sound = lambda path: asked.append(path) or read(path)
    one.held_out(5, 4000)
    assert set(asked) <= {path for paths in corpus.held_out.values() for path in paths}


def test_segments_have_speech_in_them(tmp_path):
    said = np.zeros(80000, np.float32)
    said[:200] = 0.4
    said[70000:80000] = np.random.default_rng(0).choice([-0.4, 0.4], 10000)
    corpus = Speakers(*[{name: (write(tmp_path / f"{name}.wav", said),) for name in "ab"}] * 2)
    drawn = Mixtures(corpus).batch(0, 40, 4000)
    assert np.mean(np.abs(drawn).max(axis=2) > 0.01) > 0.7  # an eighth of the places, drawn ten times


def test_short_utterances_are_joined(tmp_path, sound_file):
    corpus = Speakers(*[{name: (sound_file(tmp_path / f"{name}.wav", 0.3),) for name in "ab"}] * 2)
    drawn = Mixtures(corpus).batch(0, 2, 8000)
    assert drawn.shape == (2, 2, 8000)
    assert (np.abs(drawn[..., -800:]).max(axis=2) > 0).all()


def test_pairs_are_tested_as_they_were_mixed_and_trained_with_fresh_levels(tmp_path, sound_file):
    made = tuple(
        (
            sound_file(tmp_path / f"{i}-1.wav", 1.0, seed=i),
            sound_file(tmp_path / f"{i}-2.wav", 0.4, seed=i + 9),
        )
        for i in range(2)
    )
    mixtures = Mixtures(Pairs(made, made))
    kept = mixtures.held_out(3, 6000)
    np.testing.assert_array_equal(kept[0, 0], read(made[0][0])[:6000])
    np.testing.assert_array_equal(kept[1, 1], np.pad(read(made[1][1]), (0, 2800)))
    np.testing.assert_array_equal(kept[2], kept[0])
    ratios = np.subtract(*decibels(mixtures.batch(0, 50, 2000)).T)
    assert np.ptp(ratios) > 3


def test_a_pair_with_a_silent_voice_is_not_measured(tmp_path, sound_file):
    said, silent = sound_file(tmp_path / "said.wav"), write(tmp_path / "silent.wav", np.zeros(8000))
    pairs = ((said, silent), (said, said))
    kept = Mixtures(Pairs(pairs, pairs)).held_out(2, 4000)
    assert (np.abs(kept).max(axis=2) > 0.1).all()
    with pytest.raises(
        SettingError, match=r"None of the 1 held-out pairs has both voices in its first 0\.5 s"
    ):
        Mixtures(Pairs(pairs, pairs[:1])).held_out(2, 4000)
