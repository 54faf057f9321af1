terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.95, < 7.0"
    }
  }
}

provider "aws" {
  region = "us-west-2"
}

module "cluster" {
  source = "../.."

  name               = "rayworks"
  kubernetes_version = "1.35"
  subnet_ids         = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  authorized_cidrs   = ["203.0.113.7/32"]
  access             = { viewer = { principal_arn = "arn:aws:iam::123456789012:role/viewer", policy = "AmazonEKSViewPolicy", namespaces = ["ray"] } }
}
