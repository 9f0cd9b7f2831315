import pytest

from record.live import topics

from .people import Someone

FREE, PRO, NOBODY = Someone(1, "free"), Someone(2, "pro"), Someone()


@pytest.mark.parametrize(
    ("user", "channel", "code", "plan"),
    [
        (NOBODY, "t_log:a", None, None),
        (NOBODY, "t_pro:a", "sign_in", None),
        (FREE, "t_pro:a", "tier", "pro"),
        (PRO, "t_pro:a", None, None),
        (FREE, "t_own:1", None, None),
        (PRO, "t_own:1", "unknown", None),
        (NOBODY, "t_own:None", "unknown", None),
        (NOBODY, "nothing:1", "unknown", None),
    ],
)
def test_who_may_hear_what(user: Someone, channel: str, code: str | None, plan: str | None) -> None:
    refusal = topics.refusal(user, channel)
    assert (refusal and refusal.code, refusal and refusal.plan) == (code, plan)


def test_anothers_channel_is_refused_like_one_that_does_not_exist() -> None:
    assert topics.refusal(PRO, "t_own:1") == topics.refusal(PRO, "no_such:1")


def test_without_a_gate_everything_is_refused() -> None:
    before = topics.set_gate(None)
    try:
        assert topics.refusal(NOBODY, "t_log:a").code == "forbidden"
    finally:
        topics.set_gate(before)


def test_a_whole_name_wins_over_its_prefix() -> None:
    topics.register("t_log:pro", kind="log", entitlement="tools.pro")
    try:
        assert topics.refusal(FREE, "t_log:pro").code == "tier"
        assert topics.refusal(FREE, "t_log:free") is None
    finally:
        topics.unregister("t_log:pro")


def test_a_name_is_registered_once() -> None:
    topics.register("t_log", kind="log", entitlement="public")
    with pytest.raises(ValueError, match="t_log"):
        topics.register("t_log", kind="state", entitlement="public")
