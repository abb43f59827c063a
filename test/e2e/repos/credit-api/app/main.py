"""Scores credit applications: POST /v1/score and, in the old days, POST /v0/score."""
from fastapi import FastAPI
from safetensors.numpy import load_file

app = FastAPI(docs_url="/docs")
weights = load_file("model/credit.safetensors")


@app.post("/v1/score")
def score(body: dict):
    return {"score": float(weights["w"] @ body["x"])}


@app.get("/health")
def health():
    return {"ok": True}
