"""La page écrit elle-même SRT, VTT, texte et RTTM : les cas qui la jugent sont bien ceux du serveur."""

from tests.support.dashboard_formats import PATH, written


def test_the_cases_that_judge_the_page_come_from_this_server() -> None:
    advice = "périmé : lancez « python -m tests.support.dashboard_formats », puis les essais de la page"
    assert PATH.read_text(encoding="utf-8") == written(), f"{PATH.name} {advice}"
