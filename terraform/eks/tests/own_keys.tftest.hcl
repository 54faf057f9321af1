# Keys: one of one's own, or AWS'.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "own" {
  command = plan

  assert {
    condition     = length(module.key) == 1
    error_message = "By default a key of one's own."
  }
}

run "of_aws" {
  command = plan

  variables {
    own_keys = false
  }

  assert {
    condition     = length(module.key) == 0 && output.add_ons.storage_classes.key == null
    error_message = "Without, AWS' own."
  }
}
