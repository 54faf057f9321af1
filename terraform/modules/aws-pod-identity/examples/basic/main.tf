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

module "identity" {
  source = "../.."

  name             = "rayworks-reports"
  description      = "Reads the reports of rayworks"
  cluster_name     = "rayworks"
  service_accounts = [{ namespace = "reports", name = "reader" }]
  policies = {
    read = jsonencode({
      Version   = "2012-10-17"
      Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::rayworks-reports/*" }]
    })
  }
}
