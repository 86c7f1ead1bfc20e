"""A deadline is heard even by what lets a cancellation slip."""

import asyncio
import contextlib

import pytest

from serving.deadline import Deadline, LateError


async def _deaf(slips: int) -> None:
    for _ in range(slips):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


@pytest.mark.parametrize("slips", [0, 1, 3])
def test_what_lets_cancellations_slip_is_cancelled_again(slips: int) -> None:
    async def work() -> int:
        task = asyncio.current_task()
        assert task is not None
        with pytest.raises(LateError):
            async with Deadline(0.01, again=0.01):
                await _deaf(slips)
        return task.cancelling()

    assert asyncio.run(asyncio.wait_for(work(), 5)) == 0  # nothing of ours is left on the task


def test_another_cancellation_is_not_taken_for_the_deadline() -> None:
    async def work() -> None:
        async with Deadline(5):
            await asyncio.Event().wait()

    async def outside() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(outside())


def test_a_lifted_deadline_never_comes() -> None:
    async def work() -> str:
        async with Deadline(0.01) as deadline:
            deadline.lift()
            await asyncio.sleep(0.03)
        return "whole"

    assert asyncio.run(work()) == "whole"


def test_an_error_of_the_block_stays_what_it_is() -> None:
    async def work() -> None:
        async with Deadline(5):
            raise ValueError("of the block")

    with pytest.raises(ValueError, match="of the block"):
        asyncio.run(work())
