"""The frame log over Redis: a stream of deltas a board, with ids (epoch, seq + 1), and a hash with its snapshot."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from app.bus.ports import Kept, Stored
from app.bus.redis_streams.following import Following, frames_of
from app.bus.redis_streams.link import RedisLink
from app.errors import FenceLost

RING_FRAMES: Final = 1_024
KEPT_MS: Final = 24 * 3_600_000

_ENTER: Final = """
local newest, epoch, seq = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '-1'), tonumber(ARGV[1]), tonumber(ARGV[2])
if epoch < newest then return newest end
local before = tonumber(redis.call('HGET', KEYS[1], 'seq') or '-1')
if epoch > newest then
  redis.call('DEL', KEYS[1], KEYS[2])
  before = -1
end
"""
PUBLISH: Final = (
    _ENTER
    + """
if epoch == newest and seq <= before then return -1 end
if seq ~= before + 1 then redis.call('DEL', KEYS[2]) end
redis.call('XADD', KEYS[2], 'MAXLEN', tonumber(ARGV[4]), epoch .. '-' .. (seq + 1), 'f', ARGV[3])
redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', seq)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return -1
"""
)
SNAPSHOT: Final = (
    _ENTER
    + """
if seq ~= before then redis.call('DEL', KEYS[2]) end
redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', seq, 'at', seq, 'snapshot', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return -1
"""
)
NEWEST: Final = """
local board = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'at', 'snapshot')
if not board[4] then return false end
board[5] = redis.call('XRANGE', KEYS[2], '(' .. board[1] .. '-' .. (board[3] + 1), '+')
return board
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

    async def put_snapshot(self, board: str, epoch: int, seq: int, parts: Sequence[bytes]) -> None:
        body = msgspec.msgpack.encode(list(parts))
        self._enter(board, await self._link.run(self._snapshot, self._keys(board), [epoch, seq, body, KEPT_MS]))

    async def publish(self, board: str, frame: Stored) -> None:
        args: list[str | int | bytes] = [frame.epoch, frame.seq, frame.data, self._frames, KEPT_MS]
        self._enter(board, await self._link.run(self._publish, self._keys(board), args))

    async def since(self, board: str, epoch: int, seq: int) -> Sequence[Stored] | None:
        found = await self._link.run(self._since, self._keys(board), [epoch, seq])
        if found is None or int(found[0]) != epoch:
            return None
        return _whole(_frames(found[2]), seq, int(found[1]))

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

    @staticmethod
    def _enter(board: str, newest: int) -> None:
        if newest >= 0:
            raise FenceLost("a newer owner publishes this board", board=board, epoch=newest)


def _frames(entries: Any) -> list[Stored]:
    """Return frames as a script answers them: each an id and a flat list of one field."""
    return frames_of([(entry_id.decode(), {b"f": fields[1]}) for entry_id, fields in entries])


def _whole(frames: list[Stored], seq: int, newest: int) -> list[Stored] | None:
    """Return the frames when they are all there are after `seq`."""
    return frames if len(frames) == newest - seq and (not frames or frames[0].seq == seq + 1) else None
