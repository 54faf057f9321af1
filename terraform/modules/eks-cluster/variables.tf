variable "name" {
  description = "Name of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$", var.name))
    error_message = "name \"${var.name}\" is no name of an EKS cluster: at most 100 letters, digits, dashes and underscores, and a letter or digit first."
  }
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes."
  type        = string

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "kubernetes_version is \"${var.kubernetes_version}\"; write major and minor only, such as 1.35: EKS chooses the patch."
  }
}

variable "support_type" {
  description = "`STANDARD`: EKS raises the version by itself when its support ends. `EXTENDED`: it stays for another year, at a price."
  type        = string
  default     = "STANDARD"

  validation {
    condition     = contains(["STANDARD", "EXTENDED"], var.support_type)
    error_message = "support_type is \"${var.support_type}\"; choose STANDARD or EXTENDED."
  }
}

variable "subnet_ids" {
  description = "Private subnets, in two zones at least, where the control plane's interfaces go."
  type        = set(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids names ${length(var.subnet_ids)} subnets; EKS wants two at least, in different zones."
  }
}

variable "authorized_cidrs" {
  description = "Networks that reach the API server from outside; none means that only the VPC does."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.authorized_cidrs : can(cidrhost(cidr, 0)) && !strcontains(cidr, ":")])
    error_message = "authorized_cidrs holds what is no IPv4 network: ${join(", ", [for cidr in var.authorized_cidrs : cidr if !can(cidrhost(cidr, 0)) || strcontains(cidr, ":")])}; write them as 203.0.113.7/32."
  }
}

variable "service_cidr" {
  description = "Addresses of Kubernetes Services. The first one is the API server's inside the cluster."
  type        = string
  default     = "172.20.0.0/16"

  validation {
    condition     = try(tonumber(split("/", var.service_cidr)[1]) >= 12 && tonumber(split("/", var.service_cidr)[1]) <= 24 && can(cidrhost(var.service_cidr, 0)), false)
    error_message = "service_cidr is \"${var.service_cidr}\"; EKS wants an IPv4 network from /12 to /24, such as 172.20.0.0/16."
  }
}

variable "own_key" {
  description = "`arn` of the key for Kubernetes' Secrets and for the log; null means AWS' own."
  type        = object({ arn = string })
  default     = null
}

variable "log_types" {
  description = "What the control plane logs."
  type        = set(string)
  default     = ["api", "audit", "authenticator", "controllerManager", "scheduler"]

  validation {
    condition     = length(setsubtract(var.log_types, ["api", "audit", "authenticator", "controllerManager", "scheduler"])) == 0
    error_message = "log_types names ${join(", ", setsubtract(var.log_types, ["api", "audit", "authenticator", "controllerManager", "scheduler"]))}, which EKS does not log; there is api, audit, authenticator, controllerManager and scheduler."
  }
}

variable "log_days" {
  description = "Days for which the control plane's log is kept."
  type        = number
  default     = 30
}

variable "access" {
  description = "Who may speak to the API server beside who made the cluster: by name a role or user, one of EKS' access policies, and the namespaces that it is limited to (none: all)."
  type = map(object({
    principal_arn = string
    policy        = optional(string, "AmazonEKSClusterAdminPolicy")
    namespaces    = optional(set(string), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for entry in var.access : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", entry.principal_arn))])
    error_message = "access names no role or user: ${join(", ", [for entry in var.access : entry.principal_arn if !can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", entry.principal_arn))])}; write the ARN of an IAM role or user, not that of a session."
  }

  validation {
    condition = alltrue([
      for entry in var.access :
      contains(["AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy", "AmazonEKSEditPolicy", "AmazonEKSViewPolicy", "AmazonEKSAdminViewPolicy"], entry.policy)
    ])
    error_message = "access names an access policy that is not known; choose AmazonEKSClusterAdminPolicy, AmazonEKSAdminPolicy, AmazonEKSEditPolicy, AmazonEKSViewPolicy or AmazonEKSAdminViewPolicy."
  }

  validation {
    condition     = alltrue([for entry in var.access : length(entry.namespaces) == 0 || entry.policy != "AmazonEKSClusterAdminPolicy"])
    error_message = "access limits AmazonEKSClusterAdminPolicy to namespaces, which EKS refuses; choose AmazonEKSAdminPolicy there."
  }
}
