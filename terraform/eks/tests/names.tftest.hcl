# What a deployment, its region and its tags may be called.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "of_its_own" {
  command = plan

  variables {
    name = "lab"
  }

  assert {
    condition     = output.tags == { rayworks-deployment = "lab" }
    error_message = "Everything bears the deployment's name."
  }
}

run "tags_beside" {
  command = plan

  variables {
    tags = { cost-centre = "42" }
  }

  assert {
    condition     = output.tags == { rayworks-deployment = "rayworks", cost-centre = "42" }
    error_message = "The user's tags come beside."
  }
}

run "tag_that_stays" {
  command = plan

  variables {
    tags = { rayworks-deployment = "mine" }
  }

  assert {
    condition     = output.tags["rayworks-deployment"] == "rayworks"
    error_message = "Clean-up looks for this tag."
  }
}

run "letters" {
  command = plan

  variables {
    name = "Ray_Works"
  }

  expect_failures = [var.name]
}

run "double_dash" {
  command = plan

  variables {
    name = "ray--works"
  }

  expect_failures = [var.name]
}

run "too_long" {
  command = plan

  variables {
    name = "a-name-that-is-far-too-long"
  }

  expect_failures = [var.name]
}

run "too_short" {
  command = plan

  variables {
    name = "ab"
  }

  expect_failures = [var.name]
}

run "zone_for_region" {
  command = plan

  variables {
    region = "us-west-2a"
  }

  expect_failures = [var.region]
}

run "title_for_region" {
  command = plan

  variables {
    region = "Oregon"
  }

  expect_failures = [var.region]
}

run "tag_of_aws" {
  command = plan

  variables {
    tags = { "aws:owner" = "me" }
  }

  expect_failures = [var.tags]
}
