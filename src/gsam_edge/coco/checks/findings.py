"""Records the faults of a COCO file and what was done about each, and reports them as findings."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, TypeAlias

from gsam_edge.coco.checks.table import CHECKS, Policy, Severity, ValidationConfig
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.shapes import brief

Outcome: TypeAlias = Literal["kept", "fixed", "dropped"]

#: Findings whose first case a message shows.
_FIRST_CASES = 2
#: Longest case in a message, characters.
_LONGEST_CASE = 400


@dataclass(frozen=True)
class Finding:
    """One kind of fault in a dataset.

    Attributes:
        code: its name in `CHECKS`.
        severity: error (content was lost), warning (content was changed) or info.
        policy: what was done: drop, fix or keep (error ends the run). A `fix` that left an object without any shape,
            and so dropped it, is listed under drop.
        count: how many records, each once; a dropped record counts under one code only.
        meaning: what the code means.
        examples: the first cases: their place in the file, their ids or file names, and what was found.
    """

    code: str
    severity: Severity
    policy: Policy
    count: int
    meaning: str
    examples: tuple[Mapping[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """Returns the finding as plain JSON values."""
        return {**asdict(self), "examples": [dict(example) for example in self.examples]}


@dataclass(frozen=True)
class Tally:
    """Counts of what became of one list of records: `total` = `kept` + `fixed` + `dropped`."""

    total: int
    kept: int
    fixed: int
    dropped: int

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Self:
        """Counts what became of each record."""
        counts = Counter(outcomes)
        return cls(counts.total(), counts["kept"], counts["fixed"], counts["dropped"])

    def to_json(self) -> dict[str, int]:
        """Returns the tally under the report's keys: in, kept, fixed, dropped."""
        return {"in": self.total, "kept": self.kept, "fixed": self.fixed, "dropped": self.dropped}


class Ledger:
    """Records every fault of one run and looks up the policy for it."""

    def __init__(self, config: ValidationConfig, source: str) -> None:
        self.source = source
        self._config = config
        self._counts: Counter[tuple[str, Policy]] = Counter()
        self._examples: defaultdict[tuple[str, Policy], list[Mapping[str, Any]]] = defaultdict(list)
        self._first: dict[str, str] = {}

    def policy(self, code: str, where: str, detail: str, *, advice: str = "") -> Policy:
        """Returns what to do about a fault: drop, fix or keep.

        Args:
            code: of `CHECKS`.
            where: its place in the file.
            detail: what was found.
            advice: what to do, for the message; to go on with the next policy where there is none.

        Raises:
            InvalidDatasetError: if the policy is `error`.
        """
        policy = self._config.policies.get(code, CHECKS[code].policies[0])
        if policy == "error":
            others = [other for other in CHECKS[code].policies if other != "error"]
            if not advice and others:
                advice = f"to go on: --params=validation.policies.{code}={others[0]}"
            told = "; ".join(filter(None, (CHECKS[code].meaning, advice)))
            raise InvalidDatasetError(f"{self.source}: {where}: {detail} ({code}: {told})")
        return policy

    def enter(self, code: str, policy: Policy, example: Mapping[str, Any], *, count: int = 1) -> None:
        """Records one case, or that of `count` records with one example, and what was done about it."""
        if self.count(code, policy, count):
            self.show(code, policy, example)

    def count(self, code: str, policy: Policy, count: int = 1) -> bool:
        """Counts cases; returns whether an example of them is wanted: most of a million need not be put into words."""
        self._counts[code, policy] += count
        return code not in self._first or len(self._examples[code, policy]) < self._config.max_examples

    def show(self, code: str, policy: Policy, example: Mapping[str, Any]) -> None:
        """Keeps an example of cases that were counted."""
        if code not in self._first:
            self._first[code] = _told(example)
        if len(self._examples[code, policy]) < self._config.max_examples:
            self._examples[code, policy].append(example)

    def lost(self, of: tuple[str, ...] = ("",)) -> str:
        """Returns the findings by which content was lost, (code count, ...), and the first cases of the most frequent.

        Args:
            of: beginnings of their codes.
        """
        counts: Counter[str] = Counter()
        for (code, policy), count in self._counts.items():
            if code.startswith(of) and (policy == "drop" or CHECKS[code].severity == "error"):
                counts[code] += count
        frequent = counts.most_common()
        first = (f"\nthe first {code}: {self._first[code]}" for code, _ in frequent[:_FIRST_CASES])
        return f"({', '.join(f'{code} {count}' for code, count in frequent)})" + "".join(first)

    def findings(self) -> tuple[Finding, ...]:
        """Returns the recorded findings, in the order of `CHECKS`."""
        order = list(CHECKS)
        return tuple(
            Finding(
                code, CHECKS[code].severity, policy, count, CHECKS[code].meaning, tuple(self._examples[code, policy])
            )
            for (code, policy), count in sorted(
                self._counts.items(), key=lambda item: (order.index(item[0][0]), item[0])
            )
        )


class Case:
    """The faults of one record. They are entered in the ledger once the record's outcome is known.

    A record that is dropped is entered under one code only, so that the counts by code add up.
    """

    __slots__ = ("_dropped_for", "_faults", "_ledger", "_subject", "outcome", "where")

    def __init__(self, ledger: Ledger, where: str, **subject: Any) -> None:
        self._ledger = ledger
        #: The place of the record in the file.
        self.where = where
        self._subject = subject
        self._faults: list[tuple[str, str]] = []
        self._dropped_for: tuple[str, str] | None = None
        #: What became of the record, once the case is closed.
        self.outcome: Outcome = "dropped"

    def fault(self, code: str, detail: str) -> Policy:
        """Records a fault and returns what to do: drop, fix or keep. Raises InvalidDatasetError for `error`."""
        self._faults.append((code, detail))
        return self.policy(code, detail)

    def policy(self, code: str, detail: str) -> Policy:
        """Returns what to do about a fault, without recording it. Raises InvalidDatasetError for `error`."""
        return self._ledger.policy(code, self.where, detail)

    @property
    def faults(self) -> Sequence[tuple[str, str]]:
        """Codes and details so far."""
        return tuple(self._faults)

    def drop(self, code: str, detail: str) -> Outcome:
        """Closes the case as dropped. Raises InvalidDatasetError where the policy is `error`."""
        self._ledger.policy(code, self.where, detail)
        self._enter(code, "drop", detail)
        self._dropped_for = code, detail
        return "dropped"

    def close(self) -> Outcome:
        """Closes the case: the record stays, its faults were fixed or kept as they are."""
        if not self._faults:
            self.outcome = "kept"
            return self.outcome
        details = dict(reversed(self._faults))  # each code once, with its first detail
        policies = {code: self._ledger.policy(code, self.where, detail) for code, detail in details.items()}
        for code, detail in details.items():
            self._enter(code, policies[code], detail)
        self.outcome = "fixed" if "fix" in policies.values() else "kept"
        return self.outcome

    def about(self, **subject: Any) -> None:
        """Adds what is known of the record: its id, its file."""
        self._subject |= subject

    def __str__(self) -> str:
        """Returns where the record stands and, where it was dropped, why."""
        code, detail = self._dropped_for or ("", "")
        return _cut(f"{self.where}: {detail} ({code})") if code else self.where

    def _enter(self, code: str, policy: Policy, detail: str) -> None:
        if self._ledger.count(code, policy):
            subject = {key: value for key, value in self._subject.items() if value is not None}
            self._ledger.show(code, policy, {"where": self.where, **subject, "detail": detail})


def _told(example: Mapping[str, Any]) -> str:
    """Returns a case as a message shows it."""
    name = f", file_name {brief(example['file_name'])}" if "file_name" in example else ""
    return _cut(f"{example['where']}{name}: {example['detail']}")


def _cut(text: str) -> str:
    """Returns a text without its middle where it is long."""
    half = _LONGEST_CASE // 2
    return text if len(text) <= _LONGEST_CASE else f"{text[:half]} ... {text[-half:]}"
