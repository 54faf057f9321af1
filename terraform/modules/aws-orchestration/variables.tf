variable "name" {
  description = "Beginning of all names."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$", var.name))
    error_message = "name \"${var.name}\" is too long or has other letters: Kubernetes Jobs are called after it, so at most 20 lower-case letters, digits and dashes."
  }
}

variable "cluster" {
  description = "The EKS cluster: its name, the URL of its API server, and the authority that signed its certificate (PEM in base64)."
  type = object({
    name                  = string
    endpoint              = string
    certificate_authority = string
  })
}

variable "namespace" {
  description = "Namespace of the Ray cluster and of the jobs; the state machine may change nothing elsewhere."
  type        = string
  default     = "cluster"
}

variable "ray_cluster" {
  description = "The standing Ray cluster: `make run WORKLOAD=cluster`."
  type        = string
  default     = "cluster"
}

variable "token_secret" {
  description = "Secret with the Ray cluster's token under `auth_token`: the operator's is called as the cluster is."
  type        = string
  default     = "cluster"
}

variable "image" {
  description = "Image with this repository's workloads, by which the command is submitted."
  type        = string
}

variable "command" {
  description = "What trains; with `--pipeline` behind it, it infers with what was trained."
  type        = string
  default     = "rayworks image-training"

  validation {
    condition     = can(regex("^rayworks [a-z0-9-]+( [A-Za-z0-9:/._=-]+)*$", var.command))
    error_message = "command is \"${var.command}\"; write a command of rayworks in words without quotes, such as rayworks image-training --data-size-gb 1."
  }
}

variable "num_workers" {
  description = "Ray Train workers."
  type        = number
  default     = 1

  validation {
    condition     = var.num_workers >= 1
    error_message = "num_workers is ${var.num_workers}; one worker at least trains."
  }
}

variable "timeout_minutes" {
  description = "Minutes after which an execution is ended."
  type        = number
  default     = 360

  validation {
    condition     = var.timeout_minutes >= 1 && var.timeout_minutes <= 525600
    error_message = "timeout_minutes is ${var.timeout_minutes}; an execution of Step Functions may take 1 minute to one year."
  }
}

variable "retries" {
  description = "Further attempts of a step that has failed."
  type        = number
  default     = 1

  validation {
    condition     = var.retries >= 0 && var.retries <= 10
    error_message = "retries is ${var.retries}; give 0 to 10."
  }
}

variable "log_days" {
  description = "Days for which errors are kept in CloudWatch."
  type        = number
  default     = 30
}

variable "own_key" {
  description = "`arn` of the key of the log; null means AWS' own."
  type        = object({ arn = string })
  default     = null
}
