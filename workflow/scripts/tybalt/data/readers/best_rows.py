"""The best rows of a stream, held in one array, so that the other rows are never in memory."""

import heapq

import numpy as np


class BestRows:
    """Keeps the rows of largest statistic; of equal ones, those that came first.

    Parameters
    ----------
    capacity
        How many rows to keep.
    length
        Values of a row.
    """

    def __init__(self, capacity: int, length: int):
        self._values = np.empty((capacity, length))
        self._free = list(range(capacity))
        self._heap: list[tuple[float, int, int, str]] = []  # statistic, -position, slot, name

    def offer(self, name: str, position: int, statistic: float, row: np.ndarray) -> None:
        """Keep a row if it is among the best so far; `position` breaks ties (small is first)."""
        if self._free:
            slot = self._free.pop()
            heapq.heappush(self._heap, (statistic, -position, slot, name))
        elif (statistic, -position) > self._heap[0][:2]:
            slot = self._heap[0][2]
            heapq.heapreplace(self._heap, (statistic, -position, slot, name))
        else:
            return
        self._values[slot] = row

    def remove(self, name: str) -> bool:
        """Let go of the row of that name; False if it is not kept."""
        found = [entry for entry in self._heap if entry[3] == name]
        for entry in found:
            self._heap.remove(entry)
            self._free.append(entry[2])
        heapq.heapify(self._heap)
        return bool(found)

    def ranked(self, count: int) -> tuple[list[str], np.ndarray, list[int]]:
        """Return the `count` best: names and statistics, highest first, and where they lie.

        The third, a list of slots, goes to `rows`.
        """
        entries = sorted(self._heap, reverse=True)[:count]
        statistics = np.array([entry[0] for entry in entries])
        return [entry[3] for entry in entries], statistics, [entry[2] for entry in entries]

    def rows(self, slots: list[int]) -> np.ndarray:
        """Return the rows in those slots: float64, slots x length."""
        return self._values[slots]
