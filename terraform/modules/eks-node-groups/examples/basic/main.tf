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

module "node_groups" {
  source = "../.."

  name               = "rayworks"
  cluster_name       = "rayworks"
  kubernetes_version = "1.35"
  subnets            = { us-west-2a = "subnet-0123456789abcdef0", us-west-2b = "subnet-0123456789abcdef1" }
  groups = {
    cpu = { instance_types = ["m5.4xlarge"], max = 10, labels = { "rayworks.io/pool" = "cpu" } }
    gpu = {
      instance_types = ["g4dn.4xlarge"]
      max            = 4
      gpu            = true
      labels         = { "rayworks.io/pool" = "gpu" }
      taints         = [{ key = "nvidia.com/gpu", value = "present" }]
    }
  }
}
