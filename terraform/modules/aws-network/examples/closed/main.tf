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

module "network" {
  source = "../.."

  name          = "rayworks"
  region        = "us-west-2"
  cidr          = "192.168.0.0/18"
  zones         = ["us-west-2a", "us-west-2b"]
  nat           = "none"
  endpoints     = ["ecr.api", "ecr.dkr", "sts", "ec2", "eks", "eks-auth", "logs"]
  flow_log_days = 0
}
