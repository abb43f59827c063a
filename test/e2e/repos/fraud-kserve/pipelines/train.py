import argparse
import pandas as pd
import xgboost as xgb

ap = argparse.ArgumentParser()
ap.add_argument("--events", help="for example s3://help-text-bucket/cards/")
args = ap.parse_args()

labels = pd.read_sql("select * from labels", "mysql+pymysql://risk:s3cr3t@labels.acme.internal/chargebacks")
frame = pd.read_parquet("data/cards.parquet")
booster = xgb.train({}, xgb.DMatrix(frame))
booster.save_model("models/fraud.json")
