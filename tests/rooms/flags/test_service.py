"""The one way to write a flag: one transaction, one event, past the gate."""

from decimal import Decimal
from pathlib import Path

import pytest

from eastwind.db import Database
from eastwind.errors import Conflict, Invalid, NotFound, Refused
from eastwind.flags import Constraint, Dependency, Feature, Flags, Segment, Strategy, Variant
from eastwind.flags.declare import declare_folder
from tests.rooms.flags.conftest import ANNA, AskedGate, a_flag, acts, published, rollout

PLACE = "production"


def test_writes__each__is_one_event_and_a_repeat_is_none(db: Database, gate: AskedGate) -> None:
    flags = Flags(db, gate)
    flags.ensure_defaults()
    flags.ensure_defaults()
    start = len(acts(db))
    flags.create(Feature(name="bill"), ANNA)
    for _ in range(2):
        flags.describe("bill", {"description": "账单", "impression_data": True}, ANNA)
        strategy = flags.add_strategy("bill", PLACE, rollout(5), ANNA)
        flags.update_strategy("bill", PLACE, strategy.model_copy(update={"title": "few"}), ANNA)
        flags.add_strategy("bill", PLACE, rollout(5, title="few"), ANNA)
        flags.set_variants("bill", PLACE, (Variant(name="a", weight=1000),), ANNA)
        flags.switch("bill", PLACE, True, ANNA)
        strategy = flags.feature("bill").at(PLACE).strategies[0]
        flags.update_strategy("bill", PLACE, strategy, ANNA)
        flags.switch("bill", PLACE, True, ANNA)
        break
    flags.switch("bill", PLACE, False, ANNA)
    flags.switch("bill", PLACE, False, ANNA)
    flags.archive("bill", ANNA)
    flags.archive("bill", ANNA)
    flags.revive("bill", ANNA)
    flags.revive("bill", ANNA)
    assert acts(db)[start:] == [
        "feature-created", "feature-metadata-updated", "feature-strategy-add", "feature-strategy-update",
        "feature-environment-variants-updated", "feature-environment-enabled", "feature-environment-disabled",
        "feature-archived", "feature-revived"]


def test_create__name_in_use_but_for_case_or_archived__is_refused(flags: Flags) -> None:
    a_flag(flags)
    flags.archive("bill", ANNA)
    with pytest.raises(Conflict):
        flags.create(Feature(name="BILL"), ANNA)
    with pytest.raises(NotFound):
        flags.create(Feature(name="x", project="no-such"), ANNA)


def test_switch__on_without_strategies__says_everybody_explicitly(flags: Flags, sqlite_db: Database) -> None:
    flags.create(Feature(name="bill"), ANNA)
    flags.switch("bill", PLACE, True, ANNA)
    (strategy,) = published(sqlite_db)["bill"]["strategies"]
    assert strategy["parameters"] == {"rollout": "100", "stickiness": "default", "groupId": "bill"}


def test_switch__with_disabled__makes_them_active_first(flags: Flags) -> None:
    a_flag(flags, "bill", rollout(5, disabled=True), on=False)
    flags.switch("bill", PLACE, True, ANNA, with_disabled=True)
    assert [s.parameters["rollout"] for s in flags.feature("bill").at(PLACE).active] == ["5"]


@pytest.mark.parametrize("how", ["remove", "disable"])
def test_strategy__last_active_one_goes__closes_in_the_same_event(flags: Flags, sqlite_db: Database, how: str) -> None:
    a_flag(flags, "bill", rollout(5), rollout(5, disabled=True))
    before = len(acts(sqlite_db))
    if how == "remove":
        flags.remove_strategy("bill", PLACE, "s0", ANNA)
    else:
        flags.update_strategy("bill", PLACE, rollout(5, disabled=True).model_copy(update={"id": "s0"}), ANNA)
    assert not flags.feature("bill").at(PLACE).enabled
    assert len(acts(sqlite_db)) == before + 1


def test_strategies__added__take_the_last_place_unless_they_say_another(flags: Flags) -> None:
    flags.create(Feature(name="bill"), ANNA)
    for percent, place in ((1, {"sort_order": 5}), (2, {}), (3, {"sort_order": 1})):
        flags.add_strategy("bill", PLACE, rollout(percent, **place), ANNA)
    assert [s.parameters["rollout"] for s in flags.feature("bill").at(PLACE).strategies] == ["3", "1", "2"]


def test_gate__growing__is_asked_inside_the_transaction_and_shrinking_is_not(flags: Flags, gate: AskedGate) -> None:
    a_flag(flags, "bill", rollout(5), on=False)
    assert gate.asked == []
    flags.switch("bill", PLACE, True, ANNA)
    assert gate.asked == [(PLACE, "bill", Decimal(5))]
    assert gate.inside == [True]
    flags.update_strategy("bill", PLACE, rollout(2).model_copy(update={"id": "s0"}), ANNA)
    flags.switch("bill", PLACE, False, ANNA)
    flags.archive("bill", ANNA)
    assert len(gate.asked) == 1
    assert [s[2] for s in gate.settled] == [Decimal(5), Decimal(2), Decimal(0)]


def test_gate__refuses__nothing_is_left(flags: Flags, gate: AskedGate, sqlite_db: Database) -> None:
    gate.most = Decimal(1)
    a_flag(flags, "bill", rollout(1))
    state, before = flags.feature("bill"), acts(sqlite_db)
    for attempt in (
        lambda: flags.add_strategy("bill", PLACE, rollout(2, "other"), ANNA),
        lambda: flags.update_strategy("bill", PLACE, rollout(2).model_copy(update={"id": "s0"}), ANNA),
        lambda: flags.add_strategy("bill", PLACE, Strategy(name="userWithId", parameters={"userIds": "7"}), ANNA),
        lambda: flags.add_strategy("bill", PLACE, Strategy(name="default"), ANNA),
    ):
        with pytest.raises(Refused):
            attempt()
        assert (flags.feature("bill"), acts(sqlite_db)) == (state, before)


def test_gate__child_grows_through_its_parent__is_asked(flags: Flags, gate: AskedGate) -> None:
    gate.most = Decimal(10)
    a_flag(flags, "above", rollout(5, "above"))
    flags.create(Feature(name="below", dependencies=(Dependency(feature="above"),)), ANNA)
    flags.add_strategy("below", PLACE, rollout(100, "below"), ANNA)
    flags.switch("below", PLACE, True, ANNA)
    assert gate.asked[-1] == (PLACE, "below", Decimal(5))
    with pytest.raises(Refused):
        flags.set_dependencies("below", (), ANNA)
    gate.most = Decimal(100)
    flags.update_strategy("above", PLACE, rollout(50, "above").model_copy(update={"id": "s0"}), ANNA)
    assert gate.asked[-1] == (PLACE, "below", Decimal(50))


def test_gate__segment_grows__its_users_are_asked(flags: Flags, gate: AskedGate) -> None:
    def named(*ids: str) -> tuple[Constraint, ...]:
        return (Constraint(context_name="userId", operator="IN", values=ids),)

    segment = flags.add_segment(Segment(name="few", constraints=named("1")), ANNA)
    a_flag(flags, "bill", Strategy(name="default", segments=(segment.id,)))
    gate.most = Decimal("0.2")
    flags.change_segment(segment.model_copy(update={"constraints": named("1", "2")}), ANNA)
    assert gate.asked[-1] == (PLACE, "bill", Decimal("0.2"))
    with pytest.raises(Refused):
        flags.change_segment(segment.model_copy(update={"constraints": named("1", "2", "3")}), ANNA)
    with pytest.raises(Conflict):
        flags.remove_segment(segment.id, ANNA)


def test_dependencies__chains_and_circles__are_refused(flags: Flags) -> None:
    for name in "abc":
        a_flag(flags, name)
    flags.set_dependencies("b", (Dependency(feature="a"),), ANNA)
    for child, parent in (("c", "b"), ("a", "c"), ("a", "a"), ("c", "no-such")):
        with pytest.raises(Invalid):
            flags.set_dependencies(child, (Dependency(feature=parent),), ANNA)
    with pytest.raises(Conflict):
        flags.archive("a", ANNA)


def test_declare__again_after_a_rollback__leaves_it_closed(flags: Flags, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(
        "features:\n  - name: paper\n    environments:\n"
        "      production: {enabled: true, strategies: [{name: flexibleRollout, parameters: {rollout: 100}}]}\n")
    (tmp_path / "bad.yaml").write_text("features:\n  - {name: 'a b', colour: red}\n")
    (tmp_path / "bomb.yaml").write_text("a: &a [x]\nb: [*a, *a]\n")
    problems = declare_folder(flags, tmp_path)
    assert sorted({p.field.split(".yaml")[0] for p in problems}) == ["bad", "bomb"]
    assert flags.feature("paper").at(PLACE).enabled
    flags.switch("paper", PLACE, False, ANNA)
    declare_folder(flags, tmp_path)
    assert not flags.feature("paper").at(PLACE).enabled
