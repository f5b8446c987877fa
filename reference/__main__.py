"""`python -m reference`: one run of the reference, as described by the run spec in CLOUDMASK_RUN_SPEC."""

import sys

from reference.tensorflow.run import main

sys.exit(main())
