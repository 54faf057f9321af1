# Redis for GCS fault tolerance.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "there" {
  command = plan

  variables {
    redis = {}
  }

  assert {
    condition     = output.helm_values.redis.tls && output.helm_values.redis.credentialsSecret == "ray-redis" && output.add_ons.redis.secret == "ray-redis"
    error_message = "By TLS, with a password from a Secret."
  }
}

run "absent" {
  command = plan

  assert {
    condition     = !can(output.helm_values.redis) && output.add_ons.redis == null
    error_message = "None unless asked for."
  }
}
