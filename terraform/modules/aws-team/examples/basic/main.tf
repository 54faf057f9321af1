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

module "team" {
  source = "../.."

  team          = "red"
  name          = "rayworks"
  cluster_name  = "rayworks"
  bucket_arn    = "arn:aws:s3:::rayworks-data"
  log_group_arn = "arn:aws:logs:us-west-2:123456789012:log-group:/rayworks/rayworks/ray"
  members       = { ada = "arn:aws:iam::123456789012:role/ada" }
}
