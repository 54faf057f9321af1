# Train, then infer, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name    = "rayworks"
  cluster = { name = "rayworks", endpoint = "https://example.eks.amazonaws.com", certificate_authority = "LS0tLS1CRUdJTg==" }
  image   = "123456789012.dkr.ecr.us-west-2.amazonaws.com/rayworks/ray:0123456789ab"
}

run "one_behind_the_other" {
  command = plan

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).TimeoutSeconds == 360 * 60
    error_message = "An execution ends after six hours."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.train.Next == "infer" && jsondecode(aws_sfn_state_machine.this.definition).States.infer.End
    error_message = "It infers with what was trained."
  }

  assert {
    condition     = endswith(jsondecode(aws_sfn_state_machine.this.definition).States.train.Resource, ":states:::eks:runJob.sync")
    error_message = "A step waits for its Kubernetes Job."
  }

  assert {
    condition     = strcontains(jsondecode(aws_sfn_state_machine.this.definition).States.train.Parameters.Job.spec.template.spec.containers[0]["args.$"], "rayworks image-training --num-workers") && strcontains(jsondecode(aws_sfn_state_machine.this.definition).States.infer.Parameters.Job.spec.template.spec.containers[0]["args.$"], "rayworks image-training --pipeline --num-workers")
    error_message = "Both run this repository's command."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.train.Parameters.Job.spec.template.spec.securityContext.runAsNonRoot
    error_message = "Jobs satisfy the restricted standard."
  }

  assert {
    condition     = aws_eks_access_policy_association.this.access_scope[0].namespaces == toset(["cluster"])
    error_message = "The role may change one namespace."
  }
}

run "name" {
  command = plan

  variables {
    name = "a-name-that-is-far-too-long"
  }

  expect_failures = [var.name]
}

run "command" {
  command = plan

  variables {
    command = "python train.py"
  }

  expect_failures = [var.command]
}

run "quotes" {
  command = plan

  variables {
    command = "rayworks image-training --data-uri 'a b'"
  }

  expect_failures = [var.command]
}

run "no_worker" {
  command = plan

  variables {
    num_workers = 0
  }

  expect_failures = [var.num_workers]
}

run "for_ever" {
  command = plan

  variables {
    timeout_minutes = 0
  }

  expect_failures = [var.timeout_minutes]
}

run "again_and_again" {
  command = plan

  variables {
    retries = 11
  }

  expect_failures = [var.retries]
}
