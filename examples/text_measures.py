"""Measures of English text: pure functions, which never read a file or know what a workflow is.

Sources: reading ease by Rudolf Flesch (1948), grade by J. Peter Kincaid (1975), and term weights
by inverse document frequency after Karen Spärck Jones (1972), smoothed.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
TERM = re.compile(r"[^\W\d]\w*[^\W\d_]\w*")
SENTENCE_END = re.compile(r"[.!?:][\"'\u201d\u2019)\]]*\s+(?=[\"'\u201c\u2018(\[]*[^\W\d_a-z])")
ABBREVIATION = re.compile(r"\b(e\.g|i\.e|etc|cf|vs|Mr|Mrs|Dr|No)\.")
VOWELS = re.compile(r"[aeiouyáàâäéèêëíïóôöúùûü]+")
SILENT_ENDING = re.compile(r"(?:[^aeioudtly]ed|[^aeiouycszxgl]es|[^aeiouyl]e)$")

FUNCTION_WORDS = frozenset(
    WORD.findall("""
    a about after all also an and any are as at be because been before being both but by can
    cannot could did do does each either else even for from given had has have he her here him his
    how however i if in into is it its itself just like many may me might more most much must my no
    nor not of on one only or other our out over own same see shall she should since so some such
    than that the their them then there therefore these they this those through thus to too two
    under up upon use used uses using was we well were what when where whether which while who
    whose why will with within without would yet you your
    """)
)
"""Words that hold sentences together and say nothing about what a text is about."""


def words(text: str) -> list[str]:
    """Split a text into words, without numbers and punctuation."""
    return WORD.findall(text)


def terms(text: str) -> list[str]:
    """Give what a text may be about: words and identifiers, in lower case, no function words."""
    found = (term.lower() for term in TERM.findall(text))
    return [term for term in found if term not in FUNCTION_WORDS]


def count_sentences(paragraph: str) -> int:
    """Count the sentences of one paragraph; one without a full stop is a sentence too."""
    if not words(paragraph):
        return 0
    return 1 + len(SENTENCE_END.findall(ABBREVIATION.sub(r"\1", paragraph.strip())))


def count_syllables(word: str) -> int:
    """Estimate the syllables of an English word: its groups of vowels, less a silent ending.

    It is right for about nine words of ten, which is what the formulas below were made for.
    """
    lower = word.lower()
    return max(1, len(VOWELS.findall(lower)) - bool(SILENT_ENDING.search(lower)))


def reading_ease(word_count: int, sentence_count: int, syllable_count: int) -> float:
    """Flesch's reading ease: 100 is very easy, 60 is plain English, below 30 is for scholars."""
    return 206.835 - 1.015 * word_count / sentence_count - 84.6 * syllable_count / word_count


def school_grade(word_count: int, sentence_count: int, syllable_count: int) -> float:
    """Kincaid's grade: the years of school, in the United States, that a reader needs."""
    return 0.39 * word_count / sentence_count + 11.8 * syllable_count / word_count - 15.59


def document_frequencies(texts: Iterable[str]) -> Counter[str]:
    """Count for each term how many of the texts use it."""
    return Counter(term for text in texts for term in set(terms(text)))


def term_weights(
    text: str, frequencies: Mapping[str, int], corpus_size: int
) -> Sequence[tuple[str, float]]:
    """Weigh the terms of one text of a corpus, heaviest first.

    A term weighs its share of the text, times the logarithm of how rare it is in the corpus.

    Args:
        text: The text.
        frequencies: How many texts of the corpus use a term; 1 for a term that is not in here.
        corpus_size: How many texts the corpus has.
    """
    counts = Counter(terms(text))
    total = counts.total()
    weights = {
        term: count / total * (1 + math.log((1 + corpus_size) / (1 + frequencies.get(term, 1))))
        for term, count in counts.items()
    }
    return sorted(weights.items(), key=lambda item: (-item[1], item[0]))
