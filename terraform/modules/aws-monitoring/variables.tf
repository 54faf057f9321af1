variable "name" {
  description = "Beginning of all names, and value of the tag `rayworks-deployment`."
  type        = string
}

variable "cluster_name" {
  description = "The EKS cluster."
  type        = string
}

variable "log_days" {
  description = "Days for which logs of Ray and of containers are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_days)
    error_message = "log_days is ${var.log_days}, which CloudWatch does not offer; choose 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "container_insights" {
  description = "Give the add-on amazon-cloudwatch-observability what it needs."
  type        = bool
  default     = false
}

variable "prometheus" {
  description = "Have a workspace of Amazon Managed Service for Prometheus, to which the cluster's Prometheus writes."
  type        = bool
  default     = false
}

variable "grafana" {
  description = "Have a workspace of Amazon Managed Grafana: ids of the groups in IAM Identity Center that administer it, and that look; null means none."
  type = object({
    admins  = optional(set(string), [])
    viewers = optional(set(string), [])
  })
  default = null

  validation {
    condition     = var.grafana == null ? true : length(var.grafana.admins) > 0
    error_message = "grafana names no admins, so that nobody could log in; name groups of IAM Identity Center by id: aws identitystore list-groups."
  }

  validation {
    condition     = var.grafana == null ? true : alltrue([for id in setunion(var.grafana.admins, var.grafana.viewers) : can(regex("^([0-9a-f]{10}-)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$", id))])
    error_message = "grafana names what is no id of a group of IAM Identity Center: ${try(join(", ", [for id in setunion(var.grafana.admins, var.grafana.viewers) : id if !can(regex("^([0-9a-f]{10}-)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$", id))]), "")}; aws identitystore list-groups tells it."
  }
}

variable "budget" {
  description = "Write to `emails` when a month's cost passes 80 % of `usd`, and when it is foreseen to pass it; null means never."
  type = object({
    usd    = number
    emails = set(string)
  })
  default = null

  validation {
    condition     = var.budget == null ? true : var.budget.usd > 0 && length(var.budget.emails) > 0 && length(var.budget.emails) <= 10
    error_message = "budget has ${try(var.budget.usd, 0)} USD and ${try(length(var.budget.emails), 0)} addresses; give more than 0 USD, and 1 to 10 addresses."
  }

  validation {
    condition     = var.budget == null ? true : alltrue([for address in var.budget.emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", address))])
    error_message = "budget.emails holds what is no address: ${try(join(", ", [for address in var.budget.emails : address if !can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", address))]), "")}."
  }
}

variable "own_key" {
  description = "`arn` of the key of logs and metrics; null means AWS' own."
  type        = object({ arn = string })
  default     = null
}
