variable "cluster_name" {
  description = "The EKS cluster."
  type        = string
}

variable "addons" {
  description = "Add-ons by EKS' name: version (null: EKS' default) and configuration as JSON (null: none). What needs nodes to get healthy belongs in a second call, behind them."
  type = map(object({
    version       = optional(string)
    configuration = optional(string)
  }))

  validation {
    condition     = alltrue([for addon in var.addons : addon.version == null || can(regex("^v[0-9]+\\.[0-9]+\\.[0-9]+-eksbuild\\.[0-9]+$", addon.version))])
    error_message = "addons names a version that EKS does not have; it looks like v1.20.4-eksbuild.2: aws eks describe-addon-versions --addon-name NAME."
  }

  validation {
    condition     = alltrue([for addon in var.addons : addon.configuration == null || can(jsondecode(addon.configuration))])
    error_message = "addons holds a configuration that is no JSON."
  }
}
