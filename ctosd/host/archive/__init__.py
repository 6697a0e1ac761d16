"""Recorded markets: bars, trades, quotes, funding and raw frames from files, as feeds in the order of time.

A file that cannot be used is refused with `Misconfigured`, which names the file, the line or row, what is wrong there and
what to do; what can be lived with (holes between bars, single frames that cannot be decoded) is logged once and counted in
`Feed.statistics`.
"""

from ctosd.host.archive.feed import MergedFeed, RecordedFeed, merge
from ctosd.host.archive.frames import FrameFeed
from ctosd.host.archive.opening import open_feed

__all__ = ["FrameFeed", "MergedFeed", "RecordedFeed", "merge", "open_feed"]
