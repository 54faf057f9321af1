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

module "orchestration" {
  source = "../.."

  name    = "rayworks"
  cluster = { name = "rayworks", endpoint = "https://0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com", certificate_authority = "LS0tLS1CRUdJTg==" }
  image   = "123456789012.dkr.ecr.us-west-2.amazonaws.com/rayworks/ray:0123456789ab"
}
