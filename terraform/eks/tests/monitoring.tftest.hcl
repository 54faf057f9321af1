# Logs, metrics, dashboards, and a word before the money is gone.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "logs" {
  command = plan

  assert {
    condition     = output.helm_values.logging.destination == "cloudwatch" && output.helm_values.logging.cloudwatch.group == "/rayworks/rayworks/ray"
    error_message = "Ray's logs go to CloudWatch."
  }
}

run "no_logs" {
  command = plan

  variables {
    monitoring = { logs = false }
  }

  assert {
    condition     = !can(output.helm_values.logging) && output.add_ons.fluent_bit == null
    error_message = "Logs can be left out."
  }
}

run "managed" {
  command = plan

  variables {
    monitoring = { prometheus = true, grafana = true, grafana_administrators = ["a1b2c3d4-5678-90ab-cdef-1234567890ab"] }
  }

  assert {
    condition     = length(module.monitoring.log_groups) == 2
    error_message = "Amazon's own Prometheus and Grafana are there by choice."
  }
}

run "budget" {
  command = plan

  variables {
    budget = { usd = 1000, emails = ["ops@example.org"] }
  }

  assert {
    condition     = output.cluster_name == "rayworks"
    error_message = "A budget is there by choice."
  }
}

run "none" {
  command = plan

  assert {
    condition     = output.dashboards.grafana == null && output.dashboards.prometheus == null
    error_message = "There is no managed dashboard unless asked for."
  }
}
