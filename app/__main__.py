"""`python -m app`: the same as `cueroom`."""

import sys

from app.cli import main

sys.exit(main())
