"""The front door of the window."""

import sys

from app.run import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
