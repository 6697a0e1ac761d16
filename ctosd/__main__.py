"""``python -m ctosd`` is ``ctosd``."""

from ctosd.boot import main

if __name__ == "__main__":
    main()
