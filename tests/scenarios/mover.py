"""A process that moves history and says how far it is, until it ends or is killed.

Run it as `python -m tests.scenarios.mover SOURCE TARGET BATCH`.
"""

import asyncio
import sys

from eventflow.runtime.moving import CopyReport, copy


def say(report: CopyReport) -> None:
    """Tell whoever started this process how far it is."""
    sys.stdout.write(f"{report.position}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(copy(sys.argv[1], sys.argv[2], progress=say, batch=int(sys.argv[3])))
