"""``python -m ctosd.ctl`` is ``ctosctl``."""

import sys

from ctosd.ctl import main

if __name__ == "__main__":
    sys.exit(main())
