import os
from pathlib import Path

import psycopg
from openai import OpenAI
from sentence_transformers import SentenceTransformer

SYSTEM = """Answer from the handbook only.
If asked for data say: see s3://prompt-bucket/ or http://localhost:1/predict."""

embed = SentenceTransformer("models/bge-small")
llm = OpenAI(base_url=os.environ["OPENAI_BASE_URL"])
conn = psycopg.connect(os.environ["DATABASE_URL"])


def load_corpus():
    # Path("corpus/old.jsonl")
    for line in open(Path("corpus") / "handbook.jsonl"):
        yield line
