"""``python -m optimizer.service``: the service alone, set by environment variables; for systemd and containers.

It starts faster than ``ampelwerk serve``, which loads the whole command line first.
"""

from __future__ import annotations

import gc
import os
import sys

from optimizer.service.forking import Nursery

MISTAKE = 2


def main() -> int:
    """Run the service; return the exit code."""
    if len(sys.argv) > 1:
        sys.stderr.write(
            f"ampelwerk: python -m optimizer.service takes no arguments ({sys.argv[1]}); set the variables AMPELWERK_HOST, "
            "AMPELWERK_PORT and so on (docs/operators.md lists them), or start it by `ampelwerk serve`, which has options.\n"
        )
        return MISTAKE
    gc.disable()  # until all is loaded
    nursery = None if os.environ.get("AMPELWERK_CLUSTER") else Nursery()
    from optimizer.service.server import serve  # noqa: PLC0415 - loaded while the nursery loads
    from optimizer.service.settings import ServiceError, settings_from  # noqa: PLC0415
    from optimizer.service.storage import StorageError  # noqa: PLC0415

    try:
        serve(settings_from(os.environ), nursery)
    except (ServiceError, StorageError) as error:
        if nursery is not None:
            nursery.close()
        sys.stderr.write(f"ampelwerk: {error}\n")
        return MISTAKE
    return 0


if __name__ == "__main__":
    sys.exit(main())
