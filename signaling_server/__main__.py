"""python -m signaling_server"""

import sys

from signaling_server.cli import main

sys.exit(main())
