"""Plays seeds, and shows what happened; for whoever wants to see why one is not sound."""

import argparse
import sys

from eventflow.testing.simulation import judge, play
from eventflow.testing.simulation.line import at_once
from eventflow.testing.simulation.playing import Played


def main() -> int:
    """Play seeds one after the other, until one is not sound; tell whether all were."""
    parser = argparse.ArgumentParser(prog="python -m eventflow.testing.simulation")
    parser.add_argument("seed", type=int, help="the seed to play")
    parser.add_argument("--count", type=int, default=1, help="how many seeds from there on")
    parser.add_argument("--quiet", action="store_true", help="show findings only")
    given = parser.parse_args()
    for seed in range(given.seed, given.seed + given.count):
        played = play(seed)
        findings = judge(played)
        if given.count == 1 and not given.quiet:
            show(played)
        if findings:
            sys.stdout.write("\n".join([f"seed {seed} is not sound:", *findings, ""]))
            return 1
    sys.stdout.write(f"{given.count} sound\n")
    return 0


def show(played: Played) -> None:
    """Write down the scenario, what happened, and the log that it came to."""
    write = sys.stdout.write
    write(f"{played.scenario}\n\n")
    for moment, who, what in played.world.trace:
        write(f"{moment:10.5f} {who:10} {what}\n")
    write("\n")
    for stored in at_once(played.crew.server.store.read_all(0, 1_000_000)):
        place = f"{stored.position:4} {stored.run_id} {stored.version:3}"
        write(f"{place} {stored.recorded_at.time()} {stored.actor or '':10} {stored.type} ")
        write(f"{stored.data.decode()[:200]}\n")
    write(f"\nfingerprint {played.world.fingerprint()}\n")


if __name__ == "__main__":
    sys.exit(main())
