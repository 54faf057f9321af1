variable "name" {
  description = "Beginning of all names."
  type        = string
}

variable "cluster_name" {
  description = "The EKS cluster."
  type        = string
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes on the nodes."
  type        = string
}

variable "subnets" {
  description = "Private subnets by zone."
  type        = map(string)
}

variable "groups" {
  description = "Node groups by name: machines that may be taken for each other (all with GPUs or none), how many, where, and what pods see of them."
  type = map(object({
    instance_types = list(string)
    min            = optional(number, 0)
    max            = number
    spot           = optional(bool, false)
    gpu            = optional(bool, false)
    disk_gib       = optional(number, 100)
    zones          = optional(set(string), [])
    labels         = optional(map(string), {})
    taints = optional(list(object({
      key    = string
      value  = optional(string)
      effect = optional(string, "NO_SCHEDULE")
    })), [])
  }))

  validation {
    condition     = alltrue([for name, group in var.groups : group.min >= 0 && group.max >= 1 && group.min <= group.max])
    error_message = "groups: ${join(", ", [for name, group in var.groups : "${name} has from ${group.min} to ${group.max} nodes" if !(group.min >= 0 && group.max >= 1 && group.min <= group.max)])}; min must be 0 or more, max 1 or more and not below min."
  }

  validation {
    condition     = alltrue([for name, group in var.groups : can(regex("^[a-z][a-z0-9-]{0,34}$", name))])
    error_message = "groups: ${join(", ", [for name, group in var.groups : name if !can(regex("^[a-z][a-z0-9-]{0,34}$", name))])}; a name has at most 35 lower-case letters, digits and dashes, since EKS adds to it, and begins with a letter."
  }

  validation {
    condition     = alltrue([for group in var.groups : length(group.instance_types) > 0])
    error_message = "groups: ${join(", ", [for name, group in var.groups : name if length(group.instance_types) == 0])} names no instance type."
  }

  validation {
    condition     = alltrue([for group in var.groups : group.disk_gib >= 50])
    error_message = "groups: ${join(", ", [for name, group in var.groups : "${name} has ${group.disk_gib} GiB of disk" if group.disk_gib < 50])}; images of Ray with CUDA alone take 20, give 50 or more."
  }

  validation {
    condition = alltrue(flatten([
      for group in var.groups : [for taint in group.taints : contains(["NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE"], taint.effect)]
    ]))
    error_message = "groups has a taint with an effect that EKS does not know; it writes NO_SCHEDULE, NO_EXECUTE and PREFER_NO_SCHEDULE."
  }
}

variable "own_key" {
  description = "`arn` of the key of the nodes' disks; null means the account's own for EBS."
  type        = object({ arn = string })
  default     = null
}

variable "tags" {
  description = "Tags of what the groups launch, which the provider's default tags do not reach."
  type        = map(string)
  default     = {}
}
