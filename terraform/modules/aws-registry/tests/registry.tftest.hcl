# Repositories, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name         = "rayworks"
  repositories = ["operator", "ray"]
}

run "kept_safe" {
  command = plan

  assert {
    condition     = alltrue([for one in aws_ecr_repository.this : one.image_tag_mutability == "IMMUTABLE" && one.image_scanning_configuration[0].scan_on_push && one.encryption_configuration[0].encryption_type == "KMS"])
    error_message = "Tags stay, images are looked through, and encrypted by KMS."
  }

  assert {
    condition     = aws_ecr_repository.this["ray"].name == "rayworks/ray"
    error_message = "Repositories are called as images are."
  }
}

run "name" {
  command = plan

  variables {
    repositories = ["Ray"]
  }

  expect_failures = [var.repositories]
}

run "none" {
  command = plan

  variables {
    keep = 0
  }

  expect_failures = [var.keep]
}
