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

module "lustre" {
  source = "../.."

  name                     = "rayworks"
  vpc_id                   = "vpc-0123456789abcdef0"
  subnet_id                = "subnet-0123456789abcdef0"
  client_security_group_id = "sg-0123456789abcdef0"
  data_repository          = "s3://rayworks-data/export"
}
