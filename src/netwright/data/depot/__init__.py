"""Real data sets and pretrained weights, fetched, verified and kept."""

from netwright.data.depot.cache import cache_folder, changed_files, read_manifest
from netwright.data.depot.catalogue import Listed, entry, listing, names
from netwright.data.depot.entry import DepotEntry, Kind, NotFetched, Progress
from netwright.data.depot.fetch import get, prepared, remove

__all__ = [
    "DepotEntry",
    "Kind",
    "Listed",
    "NotFetched",
    "Progress",
    "cache_folder",
    "changed_files",
    "entry",
    "get",
    "listing",
    "names",
    "prepared",
    "read_manifest",
    "remove",
]
