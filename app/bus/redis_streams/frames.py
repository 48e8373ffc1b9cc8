"""The frame log over Redis: a stream of deltas a board, with ids (epoch, seq + 1), and a hash with its snapshot."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import msgspec

from app.bus.ports import Kept, Stored
from app.bus.redis_streams.following import Following, frames_of
from app.bus.redis_streams.link import RedisLink
from app.errors import FenceLost

RING_FRAMES: Final = 128
"""For those who come and for those who were cut off for a moment; who was away longer is told whole. Redis must have
room for all boards of an evening."""
KEPT_MS: Final = 10 * 60_000
"""A board that nobody tells and nobody asks for is gone after this long."""
GROUP_FRAMES: Final = 250
GROUP_BYTES: Final = 512 * 1024
"""Most deltas, and most of their bytes, that one script publishes: it keeps everybody else waiting for a few
milliseconds at most."""

PUBLISH: Final = """
local lost = {}
for i, delta in ipairs(cmsgpack.unpack(ARGV[3])) do
  local board, frames, epoch, seq = KEYS[delta[1]], KEYS[delta[1] + 1], delta[2], delta[3]
  local held = redis.call('HMGET', board, 'epoch', 'seq')
  local newest, before = tonumber(held[1] or '-1'), tonumber(held[2] or '-1')
  if epoch < newest then
    lost[#lost + 1] = i - 1
    lost[#lost + 1] = newest
  elseif epoch > newest or seq > before then
    if epoch > newest then
      redis.call('DEL', board, frames)
    elseif seq ~= before + 1 then
      redis.call('DEL', frames)
    end
    redis.call('XADD', frames, 'MAXLEN', tonumber(ARGV[1]), epoch .. '-' .. (seq + 1), 'f', ARGV[i + 3])
    redis.call('HSET', board, 'epoch', epoch, 'seq', seq)
    redis.call('PEXPIRE', board, ARGV[2])
    redis.call('PEXPIRE', frames, ARGV[2])
  end
end
return lost
"""
"""A delta is: number of its board's first key, epoch, seq; all of them come as one MessagePack, then their bytes.
Answers, by turns, which delta came too late and the epoch that shuts it out."""
SNAPSHOT: Final = """
local newest, epoch, seq = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '-1'), tonumber(ARGV[1]), tonumber(ARGV[2])
if epoch < newest then return newest end
local before = tonumber(redis.call('HGET', KEYS[1], 'seq') or '-1')
if epoch > newest then
  redis.call('DEL', KEYS[1], KEYS[2])
elseif seq ~= before then
  redis.call('DEL', KEYS[2])
end
redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', seq, 'at', seq, 'snapshot', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return -1
"""
NEWEST: Final = """
local board = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'at', 'snapshot')
if not board[4] then return false end
board[5] = redis.call('XRANGE', KEYS[2], '(' .. board[1] .. '-' .. (board[3] + 1), '+')
return board
"""
HAS: Final = """
if redis.call('HEXISTS', KEYS[1], 'snapshot') == 0 then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1
"""
FORGET: Final = """
if tonumber(redis.call('HGET', KEYS[1], 'epoch') or '-1') > tonumber(ARGV[1]) then return 0 end
redis.call('XTRIM', KEYS[2], 'MAXLEN', 0)
return redis.call('HDEL', KEYS[1], 'snapshot', 'at')
"""
SINCE: Final = """
local board = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
if not board[1] then return false end
board[3] = redis.call('XRANGE', KEYS[2], '(' .. ARGV[1] .. '-' .. (ARGV[2] + 1), '+')
return board
"""


class RedisFrameLog:
    """Knows how boards lie in Redis; keeps nothing itself but what is being followed."""

    def __init__(self, link: RedisLink, *, ring_frames: int = RING_FRAMES) -> None:
        self._link, self._frames = link, ring_frames
        self._following = Following(link)
        self._publish, self._snapshot = link.script(PUBLISH), link.script(SNAPSHOT)
        self._newest, self._since, self._forget = link.script(NEWEST), link.script(SINCE), link.script(FORGET)
        self._has = link.script(HAS)

    async def put_snapshot(self, board: str, epoch: int, seq: int, parts: Sequence[bytes]) -> None:
        body = msgspec.msgpack.encode(list(parts))
        newest = await self._link.run(self._snapshot, self._keys(board), [epoch, seq, body, KEPT_MS])
        if newest >= 0:
            raise _shut_out(board, newest)

    async def publish(self, board: str, frame: Stored) -> None:
        if lost := await self._published([(board, frame)]):
            raise _shut_out(board, lost[board])

    async def publish_all(self, frames: Sequence[tuple[str, Stored]]) -> Collection[str]:
        lost: dict[str, int] = {}
        for group in _groups(frames):
            lost.update(await self._published(group))
        return lost.keys()

    async def _published(self, frames: Sequence[tuple[str, Stored]]) -> dict[str, int]:
        """Return board -> the epoch that shuts it out."""
        places = {board: 2 * n + 1 for n, board in enumerate(dict.fromkeys(board for board, _ in frames))}
        keys = [key for board in places for key in self._keys(board)]
        deltas = msgspec.msgpack.encode([(places[board], frame.epoch, frame.seq) for board, frame in frames])
        args: list[str | int | bytes] = [self._frames, KEPT_MS, deltas, *(frame.data for _, frame in frames)]
        lost = await self._link.run(self._publish, keys, args)
        return {frames[n][0]: newest for n, newest in zip(lost[::2], lost[1::2], strict=True)}

    async def since(self, board: str, epoch: int, seq: int) -> Sequence[Stored] | None:
        found = await self._link.run(self._since, self._keys(board), [epoch, seq])
        if found is None or int(found[0]) != epoch:
            return None
        return _whole(_frames(found[2]), seq, int(found[1]))

    async def has(self, board: str) -> bool:
        return bool(await self._link.run(self._has, self._keys(board), [KEPT_MS]))

    async def newest(self, board: str) -> Kept | None:
        found = await self._link.run(self._newest, self._keys(board), [])
        if found is None:
            return None
        epoch, seq, at = int(found[0]), int(found[1]), int(found[2])
        deltas = _whole(_frames(found[4]), at, seq)
        if deltas is None:
            return None
        return Kept(epoch, at, tuple(msgspec.msgpack.decode(found[3], type=list[bytes])), tuple(deltas))

    async def wait(self, board: str, epoch: int, seq: int, within_ms: int) -> Sequence[Stored]:
        """A higher epoch's deltas count as later ones; the asker sees by their numbers that a snapshot is due."""
        return await self._following.wait(self._keys(board)[1], (epoch, seq), within_ms)

    async def forget(self, board: str, epoch: int) -> None:
        await self._link.run(self._forget, self._keys(board), [epoch])

    def _keys(self, board: str) -> list[str]:
        return [self._link.name("board", board), self._link.name("frames", board)]


def _shut_out(board: str, newest: int) -> FenceLost:
    return FenceLost("a newer owner publishes this board", board=board, epoch=newest)


def _groups(frames: Sequence[tuple[str, Stored]]) -> Iterator[Sequence[tuple[str, Stored]]]:
    """Cut what is to be published into what one script is given."""
    first = size = 0
    for n, (_, frame) in enumerate(frames):
        size += len(frame.data)
        if n > first and (n - first >= GROUP_FRAMES or size > GROUP_BYTES):
            yield frames[first:n]
            first, size = n, len(frame.data)
    if first < len(frames):
        yield frames[first:]


def _frames(entries: Any) -> list[Stored]:
    """Return frames as a script answers them: each an id and a flat list of one field."""
    return frames_of([(entry_id.decode(), {b"f": fields[1]}) for entry_id, fields in entries])


def _whole(frames: list[Stored], seq: int, newest: int) -> list[Stored] | None:
    """Return the frames when they are all there are after `seq`."""
    return frames if len(frames) == newest - seq and (not frames or frames[0].seq == seq + 1) else None
