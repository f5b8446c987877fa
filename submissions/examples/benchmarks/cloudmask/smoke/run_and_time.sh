#!/bin/sh
# All runs of the recipe, timed and checked. ORG is your organisation's folder under submissions/.
set -e
make submit SYSTEM=smoke ORG="${ORG:-my-organisation}"
