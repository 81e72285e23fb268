"""python -m signaling_server"""

import sys

from signaling_server.cli.main import main

sys.exit(main())
