"""The trust queue: found, decided by operators, appealed by owners, shown to nobody else."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pytest
from django.test import Client

from accounts.models import User
from accounts.services import AccountError
from leaderboard import reports, services
from leaderboard.models import Appeal, Bot, Bucket, Cell, Likeness, Standing
from leaderboard.ranking import services as ranking
from leaderboard.ranking.groups import Group
from leaderboard.tasks import find_likenesses
from leaderboard.trusting import selectors
from leaderboard.trusting import services as trusting
from leaderboard.trusting.reading import compared
from record import audit
from record.models import AuditEntry, StreamEvent

from .conftest import CALL, CONFIG, NOON, trade

NOW = NOON + dt.timedelta(hours=1)
WHY = "We both follow the same newsletter, see its issues."
ADMIN = "/admin/leaderboard/likeness/"


@pytest.fixture
def bob(person) -> User:
    return person("bob")


@pytest.fixture
def copy(bob) -> Bot:
    return services.register(bob, name="quiet-heron", config=CONFIG)[0]


@pytest.fixture
def olga(person) -> User:
    made = person("olga")
    made.is_staff = made.is_superuser = True
    made.save()
    return made


def log_of(bot: Bot, count: int, *, late: float = 0.0, flip: bool = False, size: int = 1) -> None:
    """Report trades at minutes that depend on their number alone, over twelve days."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(count):
        day, minute = int(rng.integers(0, 12)), int(rng.integers(0, 390))
        buys = bool(rng.integers(0, 2)) != flip
        at = NOON.replace(hour=14, minute=30) - dt.timedelta(days=13 - day, minutes=-minute)
        rows.append(
            trade(
                number,
                action="BUY_CALL" if buys else "SELL_CALL",
                quantity=str(size),
                executed_at=(at + dt.timedelta(seconds=late)).isoformat(),
            )
        )
    reports.report(bot.pk, rows, now=NOON)


@pytest.fixture
def pair(bot, copy) -> Likeness:
    log_of(bot, 60)
    log_of(copy, 60, late=120, size=3)
    assert trusting.find(NOW) == 1
    return Likeness.objects.get()


def actions(chain: str) -> list[str]:
    found = AuditEntry.objects.filter(chain=chain, action__startswith="likeness")
    return list(found.order_by("seq").values_list("action", flat=True))


def test_a_planted_copy_is_put_into_the_queue_with_its_evidence(pair, bot, copy):
    assert (pair.first, pair.second, pair.kind, pair.state) == (bot, copy, "clone", "open")
    figures = pair.evidence["overlap"]
    assert (figures["matches"], figures["trades"], figures["scale"]) == (60, 60, 3.0)
    assert (figures["first_lag"], figures["last_lag"]) == (120, 120)
    assert pair.evidence["compared"] == 1
    assert "60 of 60 trades (100 %)" in selectors.says(pair)[0]
    beside = selectors.side_by_side(pair)
    assert len(beside) == 20
    for one in beside:
        assert (one.first.bot, one.second.bot) == (bot, copy)
        assert one.second.executed_at - one.first.executed_at == dt.timedelta(minutes=2)
    assert actions("bots") == ["likeness.find"]
    told = StreamEvent.objects.filter(data__what="likeness")
    assert {row.stream.channel for row in told} == {f"bots:{b.owner_id}" for b in (bot, copy)}


def test_searching_again_changes_nothing_but_the_day(pair, bot, copy):
    later = NOW + dt.timedelta(days=1)
    assert trusting.find(later) == 0
    again = Likeness.objects.get()
    assert (again.evidence, again.found_at, again.seen_at) == (pair.evidence, NOW, later)
    assert actions("bots") == ["likeness.find"]
    find_likenesses()  # as beat runs it


def test_a_mirror_is_found_and_one_owner_is_no_pair(bot, copy, bob):
    twin, _ = services.register(bob, name="twin", config={})
    log_of(bot, 60)
    log_of(copy, 60, flip=True)
    log_of(twin, 60, flip=True)
    assert trusting.find(NOW) == 2
    found = Likeness.objects.values_list("first", "second", "kind")
    assert set(found) == {(bot.pk, copy.pk, "mirror"), (bot.pk, twin.pk, "mirror")}


def test_replays_and_old_trades_are_not_compared(pair):
    assert len(compared("real", NOW).trades.at) == 120
    assert len(compared("real", NOW + dt.timedelta(days=100)).trades.at) == 0
    assert len(compared("simulated", NOW).trades.at) == 0


def test_profits_are_read_by_day_over_all_entries(pair, bot):
    day = NOON.replace(hour=0, minute=0, second=0)
    for number, tier in ((1, "self_reported"), (2, "self_reported"), (1, "checked")):
        if number == 2 and bot.versions.count() == 1:
            services.configure(bot.pk, config={"b": 2})
        cell = Cell.objects.create(
            bot=bot, version=bot.versions.get(number=number), market="real", tier=tier, state={},
            first_at=day, last_at=day, committed=0, capital=1, due_at=day,
        )  # fmt: skip
        amounts = dict.fromkeys(
            ("high", "low", "fall", "fees", "spread", "gains", "losses", "best"), 0
        )
        counts = dict.fromkeys(("trades", "closings", "wins"), 0)
        for back, profit in ((0, "2.5"), (3, "-1")):
            Bucket.objects.create(
                cell=cell, span="d", start=day - dt.timedelta(days=back), profit=Decimal(profit),
                exposed_s=0, **amounts, **counts,
            )  # fmt: skip
    given = compared("real", NOW)
    row = given.profits[given.bots.index(bot.pk)]
    assert (row[-1], row[-4]) == (5.0, -2.0)
    assert np.isnan(row).sum() == len(row) - 2
    assert np.isnan(given.profits[1]).all()


def test_an_operator_decides_with_a_reason(pair, olga, bot, copy):
    with pytest.raises(AccountError):
        trusting.decide(pair.pk, confirmed=True, operator=olga, note=" ")
    assert trusting.flags_of([bot.pk, copy.pk]) == {}
    assert trusting.decide(pair.pk, confirmed=True, operator=olga, note="same size pattern")
    assert not trusting.decide(pair.pk, confirmed=True, operator=olga, note="again")
    pair.refresh_from_db()
    assert (pair.state, pair.note, pair.decided_by) == ("confirmed", "same size pattern", olga)
    flags = trusting.flags_of([bot.pk, copy.pk])
    assert flags == {copy.pk: [{"name": "copies", "text": flags[copy.pk][0]["text"]}]}
    assert trusting.flags_of([bot.pk]) == {}
    assert actions(audit.OPERATORS) == ["likeness.confirm"]
    assert audit.verify().sound


def test_a_confirmed_copy_stands_among_the_flagged_until_it_is_dismissed(pair, olga, bot, copy):
    def groups() -> dict[int, set[tuple[int, tuple[str, ...]]]]:
        ranking.refresh(now=NOW)
        rows = list(Standing.objects.values_list("cell__bot", "group", "flags"))
        return {
            each.pk: {(group, tuple(flags)) for one, group, flags in rows if one == each.pk}
            for each in (bot, copy)
        }

    usual = {(Group.PROVISIONAL, ())}
    assert groups() == {bot.pk: usual, copy.pk: usual}
    trusting.decide(pair.pk, confirmed=True, operator=olga, note="sizes match")
    flagged = {(Group.FLAGGED, ("copies",))}
    assert groups() == {bot.pk: usual, copy.pk: flagged}
    trusting.decide(pair.pk, confirmed=False, operator=olga, note="one newsletter")
    assert groups() == {bot.pk: usual, copy.pk: usual}


def test_a_dismissed_pair_opens_again_with_twice_the_evidence(pair, olga, bot, copy):
    trusting.decide(pair.pk, confirmed=False, operator=olga, note="twins by chance")
    assert trusting.find(NOW) == 0
    for each in (bot, copy):
        log_of(each, 119)
    assert trusting.find(NOW) == 0
    assert Likeness.objects.get().state == "dismissed"
    for each in (bot, copy):
        log_of(each, 120)
    assert trusting.find(NOW) == 1
    assert Likeness.objects.get().state == "open"
    assert actions("bots") == ["likeness.find", "likeness.reopen"]


def test_an_appeal_is_kept_once_and_answered_by_the_decision(pair, olga, bot, copy):
    made, fresh = trusting.appeal(copy.pk, pair.pk, f" {WHY} ")
    assert (made.text, fresh) == (WHY, True)
    assert trusting.appeal(copy.pk, pair.pk, WHY) == (made, False)
    with pytest.raises(services.BotError, match="waits for its answer"):
        trusting.appeal(copy.pk, pair.pk, WHY + " Again.")
    with pytest.raises(services.BotError, match="Give 10"):
        trusting.appeal(copy.pk, pair.pk, "no")
    with pytest.raises(Likeness.DoesNotExist):
        trusting.appeal(copy.pk, pair.pk + 1, WHY)
    assert trusting.appeal(bot.pk, pair.pk, WHY)[1]
    trusting.decide(pair.pk, confirmed=False, operator=olga, note="the newsletter is real")
    assert set(Appeal.objects.values_list("answer", flat=True)) == {"the newsletter is real"}
    with pytest.raises(services.BotError, match="nothing to appeal"):
        trusting.appeal(copy.pk, pair.pk, WHY)


def test_both_owners_see_the_pair_and_only_their_own_appeal(pair, as_, ana, bob, bot, copy):
    page, other = f"/bots/{copy.pk}/", f"/bots/{bot.pk}/"
    seen = as_(bob).get(page).content.decode()
    assert "trades like" in seen
    assert "gamma-otter" in seen
    assert ana.email not in seen
    assert as_(bob).post(f"{page}appeal/{pair.pk}", {"text": WHY}).status_code == 302
    assert WHY in as_(bob).get(page).content.decode()
    theirs = as_(ana).get(other).content.decode()
    assert "trades like" in theirs
    assert WHY not in theirs
    for stranger in (Client(), as_(ana)):
        told = stranger.get(page).content.decode()
        assert "trades like" not in told
        assert WHY not in told


def test_a_wrong_appeal_keeps_what_was_typed(pair, as_, ana, bob, bot, copy):
    where = f"/bots/{copy.pk}/appeal/{pair.pk}"
    answer = as_(bob).post(where, {"text": "short <b>"})
    assert answer.status_code == 400
    assert "Give 10 to 4,000 characters." in answer.content.decode()
    assert "short &lt;b&gt;" in answer.content.decode()
    assert as_(bob).post(f"/bots/{copy.pk}/appeal/999", {"text": WHY}).status_code == 404
    assert as_(ana).post(where, {"text": WHY}).status_code == 404
    assert Client().post(where, {"text": WHY}).status_code == 302
    assert not Appeal.objects.exists()


def test_the_answer_of_a_dismissed_pair_is_read(pair, as_, bob, olga, copy):
    trusting.appeal(copy.pk, pair.pk, WHY)
    trusting.decide(pair.pk, confirmed=False, operator=olga, note="the newsletter is real")
    seen = as_(bob).get(f"/bots/{copy.pk}/").content.decode()
    assert "Dismissed" in seen
    assert "the newsletter is real" in seen
    assert f"appeal/{pair.pk}" not in seen


def test_appeals_over_rest(pair, as_, ana, bob, copy):
    where = f"/api/v1/bots/{copy.pk}/appeals"
    mine = as_(bob)
    (listed,) = mine.get(where).json()["results"]
    assert (listed["id"], listed["kind"], listed["appeals"]) == (pair.pk, "clone", [])
    assert listed["other"]["name"] == "gamma-otter"

    def post(client: Client, **body):
        return client.post(where, json.dumps(body), content_type="application/json")

    assert post(mine, pair=pair.pk, text=WHY).status_code == 201
    again = post(mine, pair=pair.pk, text=WHY)
    assert (again.status_code, again.json()["text"]) == (200, WHY)
    refused = post(mine, pair=pair.pk, text="another text altogether")
    assert refused.json()["errors"][0]["path"] == "/pair"
    assert post(mine, pair=999, text=WHY).status_code == 404
    assert post(mine, pair=pair.pk).status_code == 400
    assert mine.get(where).json()["results"][0]["appeals"][0]["text"] == WHY
    assert as_(ana).get(where).status_code == 404
    assert post(as_(ana), pair=pair.pk, text=WHY).status_code == 404
    assert Client().get(where).status_code in (401, 403)


def test_operators_see_the_evidence_and_decide(pair, as_, olga, copy):
    trusting.appeal(copy.pk, pair.pk, WHY)
    desk = as_(olga)
    listed = desk.get(f"{ADMIN}?appeal=waits&state__exact=open").content.decode()
    assert "60 of 60 trades" in listed
    shown = desk.get(f"{ADMIN}{pair.pk}/change/").content.decode()
    assert WHY in shown
    assert CALL in shown
    assert "120 to 120 seconds after" in shown
    assert 'name="_save"' not in shown
    form = {"action": "confirm", "_selected_action": [pair.pk], "reason": ""}
    assert "Nothing was changed" in desk.post(ADMIN, form, follow=True).content.decode()
    form["reason"] = "sizes match to the lot"
    assert "1 confirmed." in desk.post(ADMIN, form, follow=True).content.decode()
    assert Likeness.objects.get().state == "confirmed"
    assert Appeal.objects.get().answer == "sizes match to the lot"
    form["action"] = "dismiss"
    assert "1 dismissed." in desk.post(ADMIN, form, follow=True).content.decode()
    assert desk.get("/admin/leaderboard/appeal/").status_code == 200
    assert desk.get(f"{ADMIN}?appeal=none").status_code == 200


def test_an_operator_without_the_right_only_reads(pair, as_, person, copy):
    from django.contrib.auth.models import Permission

    reader = person("rita")
    reader.is_staff = True
    reader.save()
    reader.user_permissions.add(Permission.objects.get(codename="view_likeness"))
    form = {"action": "confirm", "_selected_action": [pair.pk], "reason": "x"}
    as_(reader).post(ADMIN, form)
    assert Likeness.objects.get().state == "open"


def test_legs_and_strikes(bot, copy):
    """A spread is one trade; a copy in the next strike is a copy."""
    from leaderboard.trusting.reading import _Codes

    codes = _Codes()
    near, far = "SPY261218C00500000", "SPY261218C00510000"
    bull = codes.of(f"BUY_CALL {near};SELL_CALL {far}")
    bear = codes.of(f"SELL_CALL {near};BUY_CALL {far}")
    assert bull[0] == bear[0]
    assert (bull[1], bear[1]) == (1, -1)
    assert codes.of(f"BUY_CALL {near}") == codes.of(f"BUY_CALL {far}")
    assert codes.of(f"BUY_CALL {near}")[0] not in (bull[0], codes.of("BUY SPY")[0])
    assert codes.of("SHORT SPY") == (codes.of("COVER SPY")[0], -1)
