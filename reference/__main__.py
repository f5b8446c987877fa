"""`python -m reference`: one run of the reference, as described by the run spec in CLOUDMASK_RUN_SPEC.

`python -m reference weights --seed N --out FILE.npz` writes the weights that a run of that seed begins with.
"""

import sys

if len(sys.argv) > 1:
    from reference.tensorflow.initial import main
else:
    from reference.tensorflow.run import main

sys.exit(main())
