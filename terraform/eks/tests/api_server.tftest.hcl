# Who reaches the API server.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "from_one_address" {
  command = plan

  assert {
    condition     = output.get_credentials_command == "aws eks update-kubeconfig --region us-west-2 --name rayworks --alias rayworks --kubeconfig \"$KUBECONFIG\""
    error_message = "The user's own kubeconfig stays as it is."
  }
}

run "private" {
  command = plan

  variables {
    private_cluster  = true
    authorized_cidrs = []
  }

  assert {
    condition     = output.cluster_name == "rayworks"
    error_message = "A private cluster needs no address."
  }
}

run "nobody" {
  command = plan

  variables {
    authorized_cidrs = []
  }

  expect_failures = [var.authorized_cidrs]
}

run "no_network" {
  command = plan

  variables {
    authorized_cidrs = ["198.18.0.7"]
  }

  expect_failures = [var.authorized_cidrs]
}

run "the_examples" {
  command = plan

  variables {
    authorized_cidrs = ["203.0.113.7/32"]
  }

  expect_failures = [check.authorized_cidrs]
}

run "everybody" {
  command = plan

  variables {
    authorized_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.orchestration]
}

run "everybody_among_others" {
  command = plan

  variables {
    authorized_cidrs = ["198.18.0.7/32", "0.0.0.0/0"]
  }

  expect_failures = [var.orchestration]
}

run "no_role" {
  command = plan

  variables {
    administrators = { ops = "platform-team" }
  }

  expect_failures = [var.administrators]
}

run "session" {
  command = plan

  variables {
    administrators = { ops = "arn:aws:sts::123456789012:assumed-role/ops/me" }
  }

  expect_failures = [var.administrators]
}
