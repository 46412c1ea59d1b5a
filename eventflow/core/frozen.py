"""How the classes of data are declared: as `attrs.frozen` does it, in less time at import."""

from reprlib import recursive_repr
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from attrs import frozen as frozen  # noqa: PLC0414 - it is exported from here
else:

    def frozen(cls: type | None = None, /, **options: object) -> object:
        """Do what `attrs.frozen` does, with one `__repr__` that all classes share.

        To compile one for each class took a tenth of the time in which eventflow is imported.
        """

        def declare(cls: type) -> type:
            if "__repr__" not in vars(cls):
                cls.__repr__ = _shown
            return attrs.frozen(cls, **options)

        return declare if cls is None else declare(cls)


@recursive_repr()
def _shown(self: attrs.AttrsInstance) -> str:
    """Write data as `attrs` would: the class, and the fields that are not left out."""
    fields = [
        f"{field.name}={(repr if field.repr is True else field.repr)(getattr(self, field.name))}"
        for field in attrs.fields(type(self))
        if field.repr
    ]
    name = type(self).__qualname__.rpartition(">.")[2]
    return f"{name}({', '.join(fields)})"
