# The key, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name   = "rayworks"
  region = "us-west-2"
}

run "renewed" {
  command = plan

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 7
    error_message = "It renews itself, and can be taken back for a week."
  }

  assert {
    condition     = aws_kms_alias.this.name == "alias/rayworks"
    error_message = "It has a name."
  }
}

run "at_once" {
  command = plan

  variables {
    deletion_window_days = 1
  }

  expect_failures = [var.deletion_window_days]
}
