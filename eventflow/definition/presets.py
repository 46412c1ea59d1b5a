"""Configs that many stages share: attrs classes to use as they are, or to combine by subclassing.

Each field is a keyword, so that presets combine in any order:

```python
from attrs import frozen
from eventflow.definition.presets import AIConfig, DebugConfig

@frozen(kw_only=True)
class SummaryConfig(AIConfig, DebugConfig):
    style: str = "short"
```
"""

from attrs import field, frozen, validators

HOTTEST = 2.0


# No slots: a class cannot inherit from two classes that have some.
@frozen(kw_only=True, slots=False)
class AIConfig:
    """How a language model is asked.

    Attributes:
        model: Which one.
        temperature: How freely it answers, from 0 to 2.
        max_tokens: How long its answer may be, or None for the model's own limit.
    """

    model: str = field(validator=validators.min_len(1))
    temperature: float = field(default=0.7, validator=[validators.ge(0), validators.le(HOTTEST)])
    max_tokens: int | None = field(default=None, validator=validators.optional(validators.ge(1)))


@frozen(kw_only=True, slots=False)
class ConcurrencyConfig:
    """How a stage does many things at a time.

    Attributes:
        concurrency: How many at most.
        delay: Seconds between the beginnings of two.
        retries: How often one that failed is tried again within the attempt.
    """

    concurrency: int = field(default=5, validator=validators.ge(1))
    delay: float = field(default=0.0, validator=validators.ge(0))
    retries: int = field(default=3, validator=validators.ge(0))


@frozen(kw_only=True, slots=False)
class FeatureFlagsConfig:
    """What is switched on.

    Attributes:
        flags: Whether each feature is on, by name.
    """

    flags: dict[str, bool] = field(factory=dict)

    def enabled(self, flag: str) -> bool:
        """Tell whether a feature is on; one that is not mentioned is off."""
        return self.flags.get(flag, False)


@frozen(kw_only=True, slots=False)
class DebugConfig:
    """How a stage behaves while somebody looks for a mistake.

    Attributes:
        verbose: Whether it says more.
        dry_run: Whether it leaves the outside world alone.
    """

    verbose: bool = False
    dry_run: bool = False


@frozen(kw_only=True, slots=False)
class StandardConfig(AIConfig, ConcurrencyConfig, FeatureFlagsConfig):
    """What most stages that ask a language model need."""


@frozen(kw_only=True, slots=False)
class FullConfig(StandardConfig, DebugConfig):
    """All presets in one."""
