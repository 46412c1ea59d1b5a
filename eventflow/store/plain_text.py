"""What stores that write JSON hand to its encoder, which knows no classes but Python's own."""


def plain_text(text: object) -> str:
    """Give a text whose class is the application's own as the text that it is.

    Raises:
        NotImplementedError: It is no text, so that the encoder refuses it.
    """
    if not isinstance(text, str):
        raise NotImplementedError
    return str.__str__(text)
