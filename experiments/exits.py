"""How a command ends: one sentence for people, one code for programs.

Codes: 0, 2 for a mistake the user can mend (the sentence says how), 1 for one of ours (the sentence names the file with the details),
and for a check that found errors, 130 after Ctrl-C.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from typing import TYPE_CHECKING, Any

from controllers.designed_signals import SignalsError
from controllers.registry import ControllerError
from controllers.sumo.coupling import SimulationError
from controllers.sumo.xml_reading import InputFileError
from experiments.errors import ExperimentError
from optimizer.design.errors import DesignError

if TYPE_CHECKING:
    from collections.abc import Callable

MISTAKES = (ExperimentError, InputFileError, ControllerError, SignalsError, SimulationError, DesignError)
USER_CODE, OUR_CODE, INTERRUPTED_CODE = 2, 1, 130


def ended_with_code(command: Callable[[], Any]) -> int:
    """Run a command; turn whatever goes wrong into one sentence and an exit code."""
    try:
        code = command()
    except MISTAKES as error:
        complain(str(error))
        return USER_CODE
    except OSError as error:
        name = error.filename or "A file"
        complain(f"{name} cannot be read or written ({error.strerror or error}); check the path, your rights and the room on the disk.")
        return USER_CODE
    except KeyboardInterrupt:
        return INTERRUPTED_CODE
    except Exception as error:  # noqa: BLE001 - the user gets a sentence, the file gets the traceback
        with tempfile.NamedTemporaryFile("w", prefix="ampelwerk-", suffix=".log", delete=False, encoding="utf-8") as log:
            traceback.print_exc(file=log)
        fault = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        complain(f"This is a fault of ours ({fault}); the details are in {log.name}, please report them.")
        return OUR_CODE
    return code if isinstance(code, int) else 0


def complain(sentence: str) -> None:
    """Write a sentence to the standard error, as one line."""
    sys.stderr.write(f"ampelwerk: {' '.join(sentence.split())}\n")
