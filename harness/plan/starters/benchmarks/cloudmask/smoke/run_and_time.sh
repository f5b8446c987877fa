#!/bin/sh
# All runs of the recipe beside this file, timed and checked. ORG is your organisation's folder under submissions/.
set -e
system=$(basename "$(cd "$(dirname "$0")" && pwd)")
cloudmask=.venv/bin/cloudmask
[ -x "$cloudmask" ] || cloudmask=cloudmask # installed otherwise
exec "$cloudmask" submit --system "$system" --org "${ORG:-my-organisation}"
