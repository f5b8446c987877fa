"""`python -m reference`: one run of the reference, as CLOUDMASK_RUN_SPEC says."""

import sys

from reference.tensorflow.run import main

sys.exit(main())
