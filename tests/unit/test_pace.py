"""Le rythme : aussitôt, puis une fois par période, sans perdre le dernier changement."""

import asyncio

from server.control.record.operations import Changes
from server.pace import Pace
from tests.support.waiting import until


async def test_a_burst_is_said_at_once_then_once_more() -> None:
    said: list[int] = []
    changes = 0
    pace = Pace(lambda: said.append(changes), 0.05)
    for _ in range(1000):
        changes += 1
        pace.touch()
    assert said == [1]
    await until(lambda: len(said) == 2)
    assert said == [1, 1000]
    await until(lambda: pace._timer is None)
    assert said == [1, 1000]
    changes += 1
    pace.touch()
    assert said == [1, 1000, 1001]
    pace.touch()
    pace.close()
    await asyncio.sleep(0.1)
    assert said == [1, 1000, 1001]


async def test_a_change_said_soon_wakes_those_who_look() -> None:
    changes = Changes()
    first = changes.mark()
    changes.soon()
    assert first.is_set()
    second = changes.mark()
    changes.soon()
    assert not second.is_set()
    await changes.wait(20, second)
    assert second.is_set()
