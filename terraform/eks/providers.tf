# Tags of everything by default; what AWS or Kubernetes launches later gets them by other ways (see tags in main.tf).
provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}
