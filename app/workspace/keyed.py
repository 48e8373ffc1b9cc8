"""One mapping of a file that people write, and the keys it may have: what rule files and workspace files read alike."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from difflib import get_close_matches

from app.workspace.document import Mapping, Mark, Node, Scalar, Sequence


def shown(text: str) -> str:
    """Return what a refusal may repeat of a file: its beginning, with nothing that moves a terminal's cursor."""
    return "".join(char if char.isprintable() else "?" for char in text[:60])


class Keyed(ABC):
    """Reports every key that is not known when made; each kind of file says where its problems go."""

    def __init__(self, node: Node, known: Iterable[str]) -> None:
        self.mark = node.mark
        self._entries: dict[str, tuple[Scalar, Node]] = {}
        self._mapping = isinstance(node, Mapping)  # what is no mapping at all misses no key
        if not isinstance(node, Mapping):
            self.wrong(node.mark, "expected_mapping")
            return
        known = tuple(known)
        self._entries = {key.text: (key, value) for key, value in node.entries if key.text in known}
        for key, _ in node.entries:
            if key.text not in known:
                near = get_close_matches(key.text[:60], known, 1)
                self.wrong(key.mark, "key_unknown", key=shown(key.text), known=", ".join(near or known))

    @abstractmethod
    def wrong(self, mark: Mark, code: str, **context: str | int | float) -> None:
        """Note a problem at its place."""

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def node(self, key: str) -> Node | None:
        """Return what stands under a key."""
        entry = self._entries.get(key)
        return entry[1] if entry else None

    def need(self, key: str) -> Node | None:
        """Return what stands under a key that must be there."""
        node = self.node(key)
        if node is None and self._mapping:
            self.wrong(self.mark, "key_missing", key=key)
        return node

    def truth(self, key: str, default: bool = False) -> bool:
        node = self.node(key)
        if node is None:
            return default
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        self.wrong(node.mark, "expected_truth")
        return default

    def items(self, key: str, limit: int) -> tuple[Node, ...]:
        """Return the items of a list; no list is no items."""
        node = self.node(key)
        if node is None:
            return ()
        if not isinstance(node, Sequence):
            self.wrong(node.mark, "expected_list")
            return ()
        if len(node.items) > limit:
            self.wrong(node.mark, "too_many", key=key, limit=limit)
        return node.items[:limit]

    def entries(self, key: str, limit: int) -> tuple[tuple[Scalar, Node], ...]:
        """Return the entries of a mapping whose keys the author chooses."""
        node = self.node(key)
        if node is None:
            return ()
        if not isinstance(node, Mapping):
            self.wrong(node.mark, "expected_mapping")
            return ()
        if len(node.entries) > limit:
            self.wrong(node.mark, "too_many", key=key, limit=limit)
        return node.entries[:limit]
