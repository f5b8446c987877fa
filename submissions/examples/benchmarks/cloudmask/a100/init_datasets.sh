#!/bin/sh
# The official data set, about 180 GB, from the public bucket sciml-datasets (no account needed). May be interrupted
# and repeated: what is there is kept. Another mirror: CLOUDMASK_S3_ENDPOINT, CLOUDMASK_S3_BUCKET, CLOUDMASK_S3_PREFIX.
set -e
: "${CLOUDMASK_DATA:?set CLOUDMASK_DATA to a folder with 200 GB free}"
.venv/bin/cloudmask data fetch --profile official
.venv/bin/cloudmask data verify --profile official
.venv/bin/cloudmask data describe --profile official
