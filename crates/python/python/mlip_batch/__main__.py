"""The program: ``python -m mlip_batch``, or ``mlip-batch``."""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """Does what the command line says; the exit code."""
    # The tensor library would size pools of threads by the whole machine.
    os.environ["RAYON_NUM_THREADS"] = "1"
    # The interpreter runs nothing else: what is no run ends at once with Ctrl-C. A run has handlers of its own.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from . import _native

    return _native.main(["mlip-batch", *sys.argv[1:]], [sys.executable, "-m", "mlip_batch"])


if __name__ == "__main__":
    sys.exit(main())
