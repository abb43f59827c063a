import pandas as pd
from safetensors.numpy import save_file

DATA = "data/credit.parquet"
frame = pd.read_parquet(DATA)
holdout = pd.read_parquet("data/credit_holdout.parquet")
save_file({"w": frame.to_numpy()[0]}, "model/credit.safetensors")
frame.head().to_csv("preview.csv")
