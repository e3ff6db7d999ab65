"""Checks the categories of a COCO file."""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gsam_edge.coco.checks.findings import Case, Ledger
from gsam_edge.coco.checks.ids import Ids, is_word
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.shapes import MAX_AREA, brief, is_text
from gsam_edge.vision.text import MOST_NAME, visible

#: Hexadecimal digits that tell cut names apart.
_DIGITS = 8


@dataclass(frozen=True)
class CategoryCheck:
    """Result of `check_categories`: the sound categories.

    Attributes:
        ids: the ids of all records, by which annotations refer to them; a name that is no number refers, too.
        records: category ids to records, in the file's order.
        cases: category ids to their open cases: an unused category may still be dropped.
        moved: ids of merged categories to the ids that they were merged into.
    """

    ids: Ids
    records: Mapping[int, Mapping[str, Any]]
    cases: Mapping[int, Case]
    moved: Mapping[int, int]


def check_categories(raw: Sequence[Any], ledger: Ledger) -> CategoryCheck:
    """Checks the categories and merges those of the same name.

    Raises:
        InvalidDatasetError: if one id has two names, no category is left, or a fault has the policy `error`.
    """
    records: dict[int, Mapping[str, Any]] = {}
    cases: dict[int, Case] = {}
    moved: dict[int, int] = {}
    id_of_name: dict[str, int] = {}
    names: dict[str, int] = {}
    id_of_reading: dict[str, int] = {}
    ids = Ids(record.get("id") for record in raw if isinstance(record, Mapping))
    for index, record in enumerate(raw):
        category_id = ids.find(record.get("id")) if isinstance(record, Mapping) else None
        name = _name(record)
        case = Case(ledger, f"categories[{index}]", id=category_id)
        if category_id is None or name is None:
            case.drop("category_malformed", f"expected a mapping with id and name, got {brief(record)}")
            continue
        name = _readable(name, case)
        names.setdefault(name, category_id)
        if category_id in records or category_id in moved:
            known = records[moved.get(category_id, category_id)]["name"]
            if known != name:
                case.fault("category_id_conflict", f"id {brief(record['id'])} is {brief(known)} and {brief(name)}")
        elif name in id_of_name:
            case.fault("category_same_name", f"{brief(name)} is also the name of category {id_of_name[name]}")
            moved[category_id] = id_of_name[name]
        elif (like := id_of_reading.setdefault(_reading(name), category_id)) != category_id and (
            case.fault("category_name_alike", _alike(name, records[like])) == "fix"
        ):
            moved[category_id] = like
        else:
            if is_word(record["id"]):
                case.fault("id_renumbered", f"id {brief(record['id'])} became {category_id}")
            elif category_id != record["id"] or type(record["id"]) is not int:
                case.fault("id_not_integer", f"id {brief(record['id'])}")
            if not isinstance(record["name"], str):
                case.fault("category_name_not_text", f"name {brief(record['name'])} is read as {brief(name)}")
            id_of_name[name] = category_id
            records[category_id] = {**record, "id": category_id, "name": name}
            cases[category_id] = case
            continue
        case.close()
    if not records:
        raise InvalidDatasetError(
            f"{ledger.source}: categories: expected at least one with an id and a name, got none of {len(raw)} "
            f"{ledger.lost()}"
        )
    ids.call(names)
    return CategoryCheck(ids, records, cases, moved)


def _reading(name: str) -> str:
    """Returns what is equal for names that a reader, or a text encoder without capitals, takes for the same."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    # Format characters are not seen: a byte order mark, a zero-width space.
    return " ".join("".join(sign for sign in folded if unicodedata.category(sign) != "Cf").split())


def _alike(name: str, like: Mapping[str, Any]) -> str:
    merge = "--params=validation.policies.category_name_alike=fix makes them one"
    return f"{brief(name)} reads like {brief(like['name'])}, category {like['id']}; {merge}"


def _readable(name: str, case: Case) -> str:
    """Returns a name that people, terminals and plots can be shown: without control characters, not too long."""
    if (shown := visible(name)) != name:
        case.fault("category_name_control", f"name {brief(name)} is read as {brief(shown)}")
    if len(shown) > MOST_NAME:
        # names that begin alike stay apart
        end = f"... {hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]}"
        case.fault("category_name_long", f"name {brief(name)} of {len(name)} characters")
        shown = shown[: MOST_NAME - len(end)] + end
    return shown


def _name(record: Any) -> str | None:
    """Returns the name of a category without the blanks around it, a number as text; None where it has none."""
    name = record.get("name") if isinstance(record, Mapping) else None
    if is_text(name):
        return name.strip()
    if isinstance(name, int | float) and not isinstance(name, bool) and abs(name) < MAX_AREA:
        return str(int(name) if name == int(name) else name)
    return None
