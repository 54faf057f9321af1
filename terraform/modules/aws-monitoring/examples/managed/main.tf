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

module "monitoring" {
  source = "../.."

  name               = "rayworks"
  cluster_name       = "rayworks"
  container_insights = true
  prometheus         = true
  grafana            = { admins = ["a1b2c3d4-5678-90ab-cdef-1234567890ab"] }
  budget             = { usd = 1000, emails = ["ops@example.org"] }
}
