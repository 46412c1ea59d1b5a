"""The measures of the document analysis are what their sources say."""

import pytest

from examples.text_measures import (
    count_sentences,
    count_syllables,
    document_frequencies,
    reading_ease,
    school_grade,
    term_weights,
)


def test_reading_ease_is_that_of_flesch() -> None:
    """Six words of one syllable in one sentence are as easy as it gets."""
    assert reading_ease(6, 1, 6) == pytest.approx(116.145)
    assert reading_ease(100, 5, 150) == pytest.approx(59.635)


def test_school_grade_is_that_of_kincaid() -> None:
    """Twenty words a sentence and three syllables for two words take almost ten years of school."""
    assert school_grade(100, 5, 150) == pytest.approx(9.91)


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        ("cat", 1),
        ("classes", 2),
        ("document", 3),
        ("immutable", 4),
        ("loaded", 2),
        ("name", 1),
        ("named", 1),
        ("reading", 2),
        ("rhythm", 1),
        ("table", 2),
        ("types", 1),
    ],
)
def test_syllables_are_counted_by_ear(word: str, syllables: int) -> None:
    """Groups of vowels count, silent endings do not."""
    assert count_syllables(word) == syllables


@pytest.mark.parametrize(
    ("paragraph", "sentences"),
    [
        ("It rains.", 1),
        ("It rains. It pours!", 2),
        ("It rains, e.g. Today, i.e. here", 1),
        ('He said "go." Then he went.', 2),
        ("no full stop", 1),
        ("1 + 1", 0),
    ],
)
def test_sentences_end_where_the_next_begins(paragraph: str, sentences: int) -> None:
    """A full stop before a capital ends a sentence; one in an abbreviation does not."""
    assert count_sentences(paragraph) == sentences


def test_a_term_that_only_one_document_uses_weighs_most() -> None:
    """Of two terms that are equally frequent, the one that others use too weighs less."""
    texts = ["tea and milk", "milk and honey", "milk"]
    weights = dict(term_weights(texts[0], document_frequencies(texts), len(texts)))
    assert weights["tea"] > weights["milk"]
    assert "and" not in weights
