variable "team" {
  description = "Name of the team: of its part of the bucket, and by default of its namespace."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9]){1,19}$", var.team)) && length(var.team) <= 20
    error_message = "team \"${var.team}\" is not 2 to 20 lower-case letters, digits and single dashes, beginning with a letter."
  }
}

variable "name" {
  description = "Beginning of all names."
  type        = string
}

variable "cluster_name" {
  description = "The EKS cluster."
  type        = string
}

variable "bucket_arn" {
  description = "Bucket of which teams/<team> is the team's."
  type        = string
}

variable "log_group_arn" {
  description = "Log group of Ray's session logs."
  type        = string
}

variable "namespaces" {
  description = "Namespaces whose Ray pods have the team's identity; empty means one called as the team is."
  type        = set(string)
  default     = []
}

variable "service_account" {
  description = "Service account of the Ray pods."
  type        = string
  default     = "ray"
}

variable "members" {
  description = "Roles or users of IAM, by a name, that reach the API server as Kubernetes' group `rayworks:<team>`."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in var.members : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", arn))])
    error_message = "members names no role or user: ${join(", ", [for arn in var.members : arn if !can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", arn))])}; write the ARN of an IAM role or user, not that of a session."
  }
}

variable "own_key" {
  description = "`arn` of the key of the bucket; null means AWS' own, which needs no right."
  type        = object({ arn = string })
  default     = null
}
