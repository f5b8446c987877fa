#!/bin/sh
# The official data set, about 180 GB, from the public bucket sciml-datasets (no account needed). May be interrupted
# and repeated: what is there is kept. Another mirror: CLOUDMASK_S3_ENDPOINT, CLOUDMASK_S3_BUCKET, CLOUDMASK_S3_PREFIX.
set -e
: "${CLOUDMASK_DATA:?set CLOUDMASK_DATA to a folder with 200 GB free}"
cloudmask=.venv/bin/cloudmask
[ -x "$cloudmask" ] || cloudmask=cloudmask # installed otherwise
"$cloudmask" data fetch --profile official
"$cloudmask" data verify --profile official
"$cloudmask" data describe --profile official
