"""What can be a name in every store: of a stage, a workflow, a signal, a step or an artifact."""

LONGEST_ID = 255
ID_RULE = f"a text of at most {LONGEST_ID} printable characters"


def is_id(given: object) -> bool:
    """Tell whether something can be a name."""
    if not isinstance(given, str) or not given.strip():
        return False
    return len(given) <= LONGEST_ID and given.isprintable()


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written: half a surrogate pair cannot."""
    return text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)
