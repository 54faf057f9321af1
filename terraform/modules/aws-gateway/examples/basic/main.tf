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

module "gateway" {
  source = "../.."

  name         = "rayworks"
  cluster_name = "rayworks"
  zones        = ["us-west-2a", "us-west-2b", "us-west-2c"]
  domain       = "ray.example.org"
  zone_id      = "Z0123456789ABC"
}
