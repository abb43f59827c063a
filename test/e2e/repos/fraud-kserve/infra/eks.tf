data "aws_caller_identity" "me" {}

resource "aws_eks_cluster" "risk" {
  name     = "risk"
  role_arn = aws_iam_role.eks.arn
}

resource "aws_eks_node_group" "gpu" {
  cluster_name   = aws_eks_cluster.risk.name
  instance_types = ["g5.2xlarge"]
}

// resource "aws_eks_cluster" "staging" { name = "staging" }

module "events" {
  source = "terraform-aws-modules/s3-bucket/aws"
  bucket = "risk-events"
}

resource "aws_cloudwatch_log_group" "eks" { name = "/aws/eks/risk" }
