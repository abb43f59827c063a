"""Trains the defect classifier.

The raw images used to live in s3://documented-bucket/defects/ before the move.
"""
import boto3
import numpy as np
import torch

RAW = "acme-vision-raw"
LABELS = "s3://acme-vision-labels/defects/labels.csv"


def fetch():
    """Copies the tensors here; see also s3://inner-doc-bucket/x."""
    s3 = boto3.client("s3")
    s3.download_file("acme-vision-raw", "defects/train.npz", "data/train.npz")
    # s3.download_file("old-bucket", "defects/train.npz", "data/train.npz")


def main():
    fetch()
    arrays = np.load("data/train.npz")
    calibration = read("data/calibration.parquet")
    model = torch.nn.Linear(arrays["x"].shape[1], 4)
    print("done; the old endpoint http://localhost:8080/predict read models/other.pt from s3://printed-bucket/other/")
    print("s3://printed-alone-bucket/x")
    torch.save(
        model.state_dict(),
        "artifacts/defects.pt",
    )
