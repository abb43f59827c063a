import pandas as pd

def test_reads():
    assert len(pd.read_csv("tests/fixtures/tiny.csv")) == 1
    assert "s3://test-bucket/churn.csv".startswith("s3://")
