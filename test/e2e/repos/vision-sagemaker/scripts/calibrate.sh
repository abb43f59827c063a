#!/bin/sh
# aws s3 cp s3://shell-comment-bucket/x data/x.parquet
set -eu
aws s3 cp s3://acme-vision-raw/calibration/2024.parquet data/calibration.parquet
curl -fsSL https://get.tool.sh/install.tar.gz | tar xz
aws s3 cp artifacts/defects.pt s3://acme-vision-models/defects/latest.pt
