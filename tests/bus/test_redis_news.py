"""Promises of the news between processes: what could not be carried is noticed, and Redis may go and come back."""

import asyncio

import msgspec

from app.bus.redis_streams import RedisLink, RedisNews
from app.domain.facts import SessionOpened
from tests.bus.conftest import own_link
from tests.bus.test_contract import NOT_MS, Ear
from tests.servers import ValkeyServer


async def test_news_go_on_after_redis_was_away_and_came_back_empty(own_valkey: ValkeyServer) -> None:
    link = RedisLink(own_valkey.url(), prefix="test")
    one, other = RedisNews(link), RedisNews(link)
    await one.start()
    await other.start()
    ear = Ear(other)
    one.tell(SessionOpened("before"))
    await ear.until(heard=1)
    own_valkey.stop()
    one.tell(SessionOpened("meanwhile"))
    await asyncio.sleep(0.5)
    assert ear.missed == 0, "nothing can be read again yet"
    own_valkey.start()
    await ear.until(missed=1)
    one.tell(SessionOpened("after"))
    while ear.heard[-1] != SessionOpened("after"):
        await ear.until(heard=len(ear.heard) + 1)
    assert ear.missed == 1, "once a time"
    await one.close()
    await other.close()
    await link.close()


async def test_a_process_that_starts_without_redis_hears_once_it_is_there(own_valkey: ValkeyServer) -> None:
    own_valkey.stop()
    link = RedisLink(own_valkey.url(), prefix="test")
    one, other = RedisNews(link), RedisNews(link)
    ear = Ear(other)
    await one.start()
    await other.start()
    own_valkey.start()
    await ear.until(missed=1)
    one.tell(SessionOpened("a"))
    await ear.until(heard=1)
    await one.close()
    await other.close()
    await link.close()


async def test_more_than_can_be_queued_counts_as_missed_by_the_others_and_is_not_kept(valkey_url: str) -> None:
    async with own_link(valkey_url) as link:
        one, other = RedisNews(link, queued_facts=10), RedisNews(link)
        mine, theirs = Ear(one), Ear(other)
        await other.start()
        for n in range(25):  # `one` cannot send before it is started
            one.tell(SessionOpened(f"s{n}"))
        assert len(mine.heard) == 25
        await one.start()
        await theirs.until(heard=5, missed=1)
        assert theirs.heard == [SessionOpened(f"s{n}") for n in range(20, 25)]
        assert (mine.missed, theirs.missed) == (0, 1)
        await one.close()
        await other.close()


async def test_a_stream_that_was_trimmed_past_a_reader_counts_as_missed(valkey_url: str) -> None:
    async with own_link(valkey_url) as link:
        one, other = RedisNews(link), RedisNews(link)
        await one.start()
        await other.start()
        ear = Ear(other)
        one.tell(SessionOpened("first"))
        await ear.until(heard=1)
        await other.close()  # its place is kept, as of a process that stands still
        one.tell(SessionOpened("trimmed"))
        while await link.command("XLEN", link.name("news")) != 2:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.005)
        await link.command("XTRIM", link.name("news"), "MAXLEN", 0)
        await other.start()
        one.tell(SessionOpened("last"))
        await ear.until(heard=2, missed=1)
        assert ear.heard[-1] == SessionOpened("last")
        await one.close()
        await other.close()


async def test_a_fact_of_a_newer_release_is_passed_over(valkey_url: str) -> None:
    async with own_link(valkey_url) as link:
        news = RedisNews(link)
        await news.start()
        ear = Ear(news)
        facts = [{"type": "not yet known", "of": 1}, {"type": "opened", "session": "a", "since": "later field"}]
        message = msgspec.msgpack.encode(["a newer process", 0, False, facts])
        await link.command("XADD", link.name("news"), "*", "m", message)
        await ear.until(heard=1)
        assert ear.heard == [SessionOpened("a")]
        await news.close()


async def test_what_was_told_before_a_process_came_is_not_news_to_it(valkey_url: str) -> None:
    async with own_link(valkey_url) as link:
        one, late = RedisNews(link), RedisNews(link)
        await one.start()
        one.tell(SessionOpened("early"))
        await one.close()  # sends what is queued
        ear = Ear(late)
        await late.start()
        await asyncio.sleep(NOT_MS / 1000)
        assert (ear.heard, ear.missed) == ([], 0)
        await late.close()
