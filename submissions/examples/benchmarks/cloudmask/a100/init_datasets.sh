#!/bin/sh
# The official data set, about 180 GB, from the public bucket sciml-datasets (no account needed).
# Needs the AWS command line client and the endpoint of STFC's echo object store in S3_ENDPOINT.
set -e
: "${CLOUDMASK_DATA:?set CLOUDMASK_DATA to a folder with 200 GB free}"
: "${S3_ENDPOINT:?set S3_ENDPOINT to the URL of the STFC echo S3 endpoint}"
aws s3 sync --no-sign-request --endpoint-url "$S3_ENDPOINT" s3://sciml-datasets/es/cloud_slstr_ds1 "$CLOUDMASK_DATA"
.venv/bin/cloudmask data describe --profile official
