# The public entrance of services.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "there" {
  command = plan

  variables {
    gateway = { domain = "ray.example.org", zone_id = "Z0123456789ABC", email = "ops@example.org" }
  }

  assert {
    condition     = output.helm_values.ingress.domain == "ray.example.org" && output.add_ons.gateway.host == "*.ray.example.org" && output.add_ons.cert_manager.gateway
    error_message = "A gateway brings its domain and cert-manager."
  }
}

run "absent" {
  command = plan

  assert {
    condition     = output.add_ons.gateway == null && output.add_ons.cert_manager == null && !can(output.helm_values.ingress)
    error_message = "Nothing is shown unless asked for."
  }
}

run "certificates_alone" {
  command = plan

  variables {
    add_ons = { cert_manager = true }
  }

  assert {
    condition     = !output.add_ons.cert_manager.gateway
    error_message = "cert-manager can be had without a gateway."
  }
}

run "nobody_to_write_to" {
  command = plan

  variables {
    gateway = { domain = "ray.example.org", zone_id = "Z0123456789ABC", email = "ops" }
  }

  expect_failures = [var.gateway]
}
