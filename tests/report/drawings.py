"""Finding what a figure has drawn."""

from matplotlib.artist import Artist
from matplotlib.figure import Figure


def drawn(figure: Figure, gid: str) -> Artist:
    """Return the one artist of a figure that was given an id."""
    found = figure.findobj(lambda artist: artist.get_gid() == gid)
    assert len(found) == 1, f"{len(found)} artists are called {gid}"
    return found[0]
