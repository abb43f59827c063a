terraform {
  backend "s3" {
    bucket = "acme-tfstate"
    key    = "vision/terraform.tfstate"
  }
}

resource "aws_s3_bucket" "raw" {
  bucket = "${var.project}-raw"
}

resource "aws_s3_bucket" "features" {
  bucket = "${var.project}-features"
}

resource "aws_s3_bucket" "access" {
  bucket = "acme-vision-trail"
}

resource "aws_s3_bucket" "logs" {
  bucket = "acme-vision-logs"
}

resource "aws_s3_bucket_logging" "raw" {
  bucket        = aws_s3_bucket.raw.id
  target_bucket = aws_s3_bucket.access.id
  target_prefix = "raw/"
}

/* resource "aws_s3_bucket" "gone" {
  bucket = "acme-vision-gone"
} */

# resource "aws_sagemaker_endpoint" "old" { name = "old" }

resource "aws_sagemaker_model" "defects" {
  name               = "defects"
  execution_role_arn = aws_iam_role.sagemaker.arn
  primary_container {
    image          = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.1"
    model_data_url = "s3://acme-vision-models/defects/model.tar.gz"
  }
}

resource "aws_sagemaker_endpoint_configuration" "defects" {
  production_variants {
    model_name    = aws_sagemaker_model.defects.name
    instance_type = "ml.g5.xlarge"
  }
}

resource "aws_sagemaker_endpoint" "defects" {
  endpoint_config_name = aws_sagemaker_endpoint_configuration.defects.name
}

resource "aws_iam_role" "sagemaker" {
  assume_role_policy = <<-EOT
    { "Version": "2012-10-17", "Statement": [ { "Effect": "Allow", "Action": "sts:AssumeRole" } ] }
  EOT
}
