#!/bin/sh
# All runs of the recipe, timed and checked. ORG is your organisation's folder under submissions/.
set -e
make submit SYSTEM=local-smoke-batch16 ORG="${ORG:-my-organisation}"
