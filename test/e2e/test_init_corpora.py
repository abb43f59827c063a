"""moat init over other people's files: every workload and every SageMaker or EKS resource, and no other."""
import json
import re

import yaml

KINDS = set("Deployment StatefulSet DaemonSet ReplicaSet Pod Job CronJob Service Ingress InferenceService".split())
TYPES = ("aws_sagemaker_", "aws_eks_cluster", "aws_eks_node_group", "aws_bedrock")


def terraform_truth(path):
    text = re.sub(r"(?m)^\s*(#|//).*$", "", path.read_text(errors="replace"))
    text = re.sub(r"(?s)/\*.*?\*/", "", text)
    return {f"{t}.{n}" for t, n in re.findall(r'(?m)^\s*resource\s+"?(\w+)"?\s+"?([\w-]+)"?\s*\{', text) if t.startswith(TYPES)}


def kubernetes_truth(path):
    found, todo = set(), list(yaml.safe_load_all(path.read_text()))
    while todo:
        o = todo.pop()
        if not isinstance(o, dict):
            continue
        if str(o.get("kind", "")).endswith("List"):
            todo += o.get("items") or []
        elif o.get("kind") in KINDS and o.get("apiVersion") and (o.get("metadata") or {}).get("name"):
            found.add(f'{o["kind"]}/{o["metadata"]["name"]}')
    return found


def test_resources_of_public_manifests(moat, vectors, tmp_path):
    root = vectors("posture")
    truth = set()
    for p in root.rglob("*"):
        if p.suffix == ".tf":
            truth |= {(str(p.relative_to(root)), r) for r in terraform_truth(p)}
        elif p.suffix in (".yaml", ".yml") or (p.suffix == ".json" and "netpol" in p.parts):
            truth |= {(str(p.relative_to(root)), r) for r in kubernetes_truth(p)}
    out = tmp_path / "moat.yaml"
    r = moat("init", "--json", "--out", out, root)
    found = {(p["path"], p["resource"]) for p in json.loads(r.out)["found"] if p["section"] == "infrastructure" and "resource" in p}
    print(f"resources: {len(truth)} in the files, {len(truth & found)} found, {len(found - truth)} invented")
    assert len(truth) > 700 and found == truth
    assert moat("map", "--config", out).code in (0, 1)
