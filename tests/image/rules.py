"""Rules that somebody has for Mach-O files, each with ways to break it.

A rule is a function that says whether a file keeps it.  The changes that it is declared with
are mistakes that it must find: a rule that finds none would pass whatever it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tests.image.macho import Change, MachO

Check: TypeAlias = Callable[[MachO], bool]


@dataclass(frozen=True)
class Rule:
    """What must be so, and mistakes that it finds."""

    name: str
    is_kept: Check
    mistakes: tuple[Change, ...]

    def __str__(self) -> str:
        return self.name


class Rules(list[Rule]):
    """The rules of one reader of files."""

    def rule(self, *mistakes: Change) -> Callable[[Check], Check]:
        """Take a function for a rule; its name is the rule's."""
        assert mistakes, "every rule can be broken"

        def keep(check: Check) -> Check:
            self.append(Rule(check.__name__, check, mistakes))
            return check

        return keep

    @property
    def mistakes(self) -> list[tuple[Rule, Change]]:
        """Every rule with each of its mistakes, for parametrize."""
        return [(rule, mistake) for rule in self for mistake in rule.mistakes]

    @property
    def names(self) -> list[str]:
        """What these are called."""
        return [f"{rule} {n}" for rule in self for n in range(1, 1 + len(rule.mistakes))]
