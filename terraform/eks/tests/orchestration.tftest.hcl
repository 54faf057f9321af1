# Train, then infer.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "there" {
  command = plan

  variables {
    authorized_cidrs = ["0.0.0.0/0"]
    orchestration    = { image_tag = "0123456789ab" }
  }

  assert {
    condition     = length(module.orchestration) == 1
    error_message = "A state machine is there by choice."
  }
}

run "out_of_reach" {
  command = plan

  variables {
    orchestration = { image_tag = "0123456789ab" }
  }

  expect_failures = [var.orchestration]
}

run "private" {
  command = plan

  variables {
    authorized_cidrs = []
    private_cluster  = true
    orchestration    = { image_tag = "0123456789ab" }
  }

  expect_failures = [var.orchestration]
}
