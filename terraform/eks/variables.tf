variable "name" {
  description = "Name of the deployment, part of the name of everything that is made."
  type        = string
  default     = "rayworks"

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.name))
    error_message = "name \"${var.name}\" is not made of lower-case letters, digits and single dashes, beginning with a letter."
  }

  validation {
    condition     = length(var.name) >= 3 && length(var.name) <= 20
    error_message = "name \"${var.name}\" has ${length(var.name)} characters, and 3 to 20 are possible: Kubernetes Jobs and buckets are called <name> with more behind it, and may have 63."
  }
}

variable "region" {
  description = "AWS region, as `aws ec2 describe-regions` writes it."
  type        = string
  default     = "us-west-2"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+){1,2}-[0-9]$", var.region))
    error_message = "region \"${var.region}\" is not in the form of AWS' tools, such as us-west-2 for \"US West (Oregon)\": aws ec2 describe-regions --query 'Regions[].RegionName' lists them; a zone has one letter more."
  }
}

variable "tags" {
  description = "Tags of everything, beside `rayworks-deployment`."
  type        = map(string)
  default     = {}

  validation {
    condition     = !anytrue([for key in keys(var.tags) : startswith(lower(key), "aws:")])
    error_message = "tags has keys that begin with aws:, which only AWS may set: ${join(", ", [for key in keys(var.tags) : key if startswith(lower(key), "aws:")])}."
  }
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes."
  type        = string
  default     = "1.35"
}

variable "network" {
  description = <<-EOT
    Address ranges: `cidr` of the VPC, `services` within the cluster; they may not overlap. `zones`: two or three
    availability zones, default the first three of the region. `nat`: `one` gateway, one in each `zone`, or `none`.
    `endpoints`: services reached inside the VPC, beside S3. `flow_log_days`: refused connections are kept so long.
  EOT
  type = object({
    cidr          = optional(string, "10.0.0.0/16")
    services      = optional(string, "172.20.0.0/16")
    zones         = optional(list(string), [])
    nat           = optional(string, "one")
    endpoints     = optional(set(string), ["ecr.api", "ecr.dkr", "sts"])
    flow_log_days = optional(number, 30)
  })
  default = {}

  validation {
    condition     = alltrue([for cidr in [var.network.cidr, var.network.services] : can(cidrnetmask(cidr))])
    error_message = "network has ranges that are no IPv4 networks: ${join(", ", [for cidr in [var.network.cidr, var.network.services] : cidr if !can(cidrnetmask(cidr))])}. Write 10.0.0.0/16, for example."
  }

  validation {
    condition = try(
      cidrhost("${split("/", var.network.cidr)[0]}/${min([for cidr in [var.network.cidr, var.network.services] : tonumber(split("/", cidr)[1])]...)}", 0)
      != cidrhost("${split("/", var.network.services)[0]}/${min([for cidr in [var.network.cidr, var.network.services] : tonumber(split("/", cidr)[1])]...)}", 0),
      true,
    )
    error_message = "network has ranges that overlap: cidr ${var.network.cidr} and services ${var.network.services}. Give each a range of its own."
  }

  validation {
    condition     = alltrue([for zone in var.network.zones : startswith(zone, var.region)])
    error_message = "network.zones are not of region ${var.region}: ${join(", ", [for zone in var.network.zones : zone if !startswith(zone, var.region)])}."
  }

  validation {
    condition     = var.network.nat != "none" || length(setsubtract(local.endpoints_without_nat, var.network.endpoints)) == 0
    error_message = "network.nat is none, and network.endpoints lacks what nodes cannot do without then: ${join(", ", setsubtract(local.endpoints_without_nat, var.network.endpoints))}."
  }
}

variable "private_cluster" {
  description = "Let the API server be reached from within the VPC only."
  type        = bool
  default     = false
}

variable "authorized_cidrs" {
  description = "Addresses that may reach the API server from the internet."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.authorized_cidrs : can(cidrnetmask(cidr))])
    error_message = "authorized_cidrs has what is no IPv4 network: ${join(", ", [for cidr in var.authorized_cidrs : cidr if !can(cidrnetmask(cidr))])}. Write 203.0.113.7/32 for one address."
  }

  validation {
    condition     = var.private_cluster || length(var.authorized_cidrs) > 0
    error_message = "authorized_cidrs is empty and private_cluster is false, so that nobody could reach the API server: name the addresses that may, such as your own (curl -4 https://checkip.amazonaws.com), or set private_cluster = true."
  }
}

variable "administrators" {
  description = "Roles or users of IAM, by a name, that administer the cluster, beside who makes it."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in var.administrators : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", arn))])
    error_message = "administrators are ARNs of IAM roles or users, not of sessions: ${join(", ", [for arn in var.administrators : arn if !can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", arn))])} is none."
  }
}

variable "node_provisioning" {
  description = "Where nodes come from: `pools`, node groups that the cluster autoscaler sizes; `auto`, Karpenter."
  type        = string
  default     = "pools"

  validation {
    condition     = contains(["pools", "auto"], var.node_provisioning)
    error_message = "node_provisioning \"${var.node_provisioning}\" is not known: choose pools or auto."
  }
}

variable "system_pool" {
  description = "Nodes of Ray's heads, of the operator and of the add-ons: instance type, least and most. Never spot. With Karpenter there are always `min`, and it makes more for heads."
  type = object({
    size     = optional(string, "m5.2xlarge")
    min      = optional(number, 2)
    max      = optional(number, 6)
    disk_gib = optional(number, 100)
  })
  default = {}

  validation {
    condition     = var.system_pool.min >= 2
    error_message = "system_pool has min ${var.system_pool.min}: two nodes at least, or the end of one takes DNS and the operator along."
  }
}

variable "cpu_pool" {
  description = "Nodes of CPU workers: instance type, others that may be taken for it (`alternatives`), least and most, `zones` (default all)."
  type = object({
    size         = optional(string, "m5.4xlarge")
    alternatives = optional(list(string), [])
    min          = optional(number, 0)
    max          = optional(number, 10)
    zones        = optional(set(string), [])
    disk_gib     = optional(number, 200)
  })
  default = {}
}

variable "memory_pool" {
  description = "Nodes of workers that need much memory, as `cpu_pool`."
  type = object({
    size         = optional(string, "r5.4xlarge")
    alternatives = optional(list(string), [])
    min          = optional(number, 0)
    max          = optional(number, 4)
    zones        = optional(set(string), [])
    disk_gib     = optional(number, 200)
  })
  default = {}
}

variable "gpu_pools" {
  description = <<-EOT
    GPU nodes by pool, as `cpu_pool`; `mig` cuts each GPU by a profile of NVIDIA's MIG manager, such as all-1g.10gb. The
    pool `gpu` is what workloads name; without it they use CPUs. From zero on, so that nothing is paid for while nothing
    runs.
  EOT
  type = map(object({
    size         = string
    alternatives = optional(list(string), [])
    min          = optional(number, 0)
    max          = optional(number, 2)
    zones        = optional(set(string), [])
    disk_gib     = optional(number, 200)
    mig          = optional(string)
  }))
  default = { gpu = { size = "g4dn.4xlarge", max = 10 } }

  validation {
    condition     = alltrue(flatten([for one in var.gpu_pools : [for size in concat([one.size], one.alternatives) : try(local.machines[size].gpus > 0, true)]]))
    error_message = "gpu_pools has instance types without a GPU: ${join(", ", flatten([for name, one in var.gpu_pools : [for size in concat([one.size], one.alternatives) : "${size} (pool ${name})" if !try(local.machines[size].gpus > 0, true)]]))}. Types with one are in terraform/sizes-aws.json, such as g4dn.4xlarge."
  }

  validation {
    condition     = alltrue([for name in keys(var.gpu_pools) : can(regex("^[a-z][a-z0-9]{1,7}$", name)) && !contains(["head", "cpu", "memory", "system", "spot"], name)])
    error_message = "gpu_pools has names that are not 2 to 8 lower-case letters and digits, or are another pool's: ${join(", ", [for name in keys(var.gpu_pools) : name if !can(regex("^[a-z][a-z0-9]{1,7}$", name)) || contains(["head", "cpu", "memory", "system", "spot"], name)])}."
  }

  validation {
    condition = alltrue([
      for one in var.gpu_pools : one.mig == null ? true : can(regex("^all-[12347]g\\.[0-9]+gb$", one.mig)) && contains(["A100", "H100", "H200", "B200"], try(local.machines[one.size].gpu, ""))
    ])
    error_message = "mig cuts A100, H100, H200 and B200 GPUs by a profile such as all-1g.10gb: ${join(", ", [for name, one in var.gpu_pools : "pool ${name} has ${one.mig} on ${one.size}" if one.mig != null])}."
  }
}

variable "gpu_sharing" {
  description = "How many pods share a GPU in turns, without a wall between them (time slicing); 1 means none do."
  type        = number
  default     = 1

  validation {
    condition     = var.gpu_sharing >= 1 && var.gpu_sharing <= 48 && floor(var.gpu_sharing) == var.gpu_sharing
    error_message = "gpu_sharing ${var.gpu_sharing} is not a whole number of 1 to 48 pods."
  }

  validation {
    condition     = var.gpu_sharing == 1 || alltrue([for one in var.gpu_pools : one.mig == null])
    error_message = "gpu_sharing ${var.gpu_sharing} and mig share GPUs in two ways: choose one."
  }
}

variable "spot" {
  description = "Have spot machines beside the regular ones, from zero on, for the pools spot-cpu, spot-memory and spot-<GPU pool>, which fall back to regular ones."
  type        = bool
  default     = false
}

variable "own_keys" {
  description = "Encrypt Kubernetes' Secrets, disks, bucket, file systems, images, Redis, logs and queues with a key of one's own. Without it AWS' own keys do."
  type        = bool
  default     = true
}

variable "registry" {
  description = "Container registry: `create` its repositories (a second deployment of a region shares the first one's), `keep` so many images of each, `delete_images` with the rest at the end."
  type = object({
    create        = optional(bool, true)
    keep          = optional(number, 50)
    delete_images = optional(bool, true)
  })
  default = {}
}

variable "storage" {
  description = <<-EOT
    Storage for data, checkpoints and results: a bucket, and `file_systems` beside it, lustre, efs, both or none. Ray's
    pods mount Lustre where there is one, else EFS, else they write to the bucket itself. `lustre`: FSx for Lustre in front
    of the bucket, with `deployment_type` PERSISTENT_2 or SCRATCH_2, `capacity_gib`, `throughput` (MB/s for each TiB),
    `compression`, `zone` (default the first). `old_version_days`: overwritten and deleted objects are kept so long.
    `delete_data`: a destruction takes the bucket along.
  EOT
  type = object({
    file_systems = optional(set(string), ["lustre"])
    lustre = optional(object({
      deployment_type = optional(string, "PERSISTENT_2")
      capacity_gib    = optional(number, 1200)
      throughput      = optional(number, 125)
      compression     = optional(string, "LZ4")
      zone            = optional(string, "")
    }), {})
    old_version_days = optional(number, 30)
    delete_data      = optional(bool, false)
  })
  default = {}

  validation {
    condition     = length(setsubtract(var.storage.file_systems, ["lustre", "efs"])) == 0
    error_message = "storage.file_systems names what is not known: ${join(", ", setsubtract(var.storage.file_systems, ["lustre", "efs"]))}. Choose lustre, efs, both or none."
  }

  validation {
    condition     = var.storage.lustre.zone == "" || length(var.network.zones) == 0 || contains(var.network.zones, var.storage.lustre.zone)
    error_message = "storage.lustre.zone ${var.storage.lustre.zone} is not among network.zones: ${join(", ", var.network.zones)}."
  }
}

variable "service_accounts" {
  description = "Service accounts that take on Ray's identity and so reach the storage, as `namespace/account`; each namespace also has a volume of the shared file system. Teams have identities of their own (`teams`)."
  type        = set(string)
  default = [
    "cluster/ray", "data-pipeline/ray", "digits/ray", "doggos/ray", "fashion-mnist/ray", "fine-tune/ray", "hello-service/ray",
    "hello/ray", "image-training/ray", "mnist-service/ray", "mnist/ray", "pytorch-benchmark/ray", "ray/ray", "sleepy-pid/ray",
    "tune-fashion-mnist/ray", "xgboost-benchmark/ray",
  ]

  validation {
    condition     = alltrue([for account in var.service_accounts : can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$", account))])
    error_message = "service_accounts are written namespace/account, such as ray/ray: ${join(", ", [for account in var.service_accounts : account if !can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$", account))])} is not."
  }
}

variable "redis" {
  description = "MemoryDB, with TLS, that keeps the state of Ray clusters whose head goes (GCS fault tolerance): `node_type`, `engine_version`, `replicas`, `snapshot_days`. Null means none."
  type = object({
    node_type      = optional(string, "db.t4g.small")
    engine_version = optional(string, "7.1")
    replicas       = optional(number, 1)
    snapshot_days  = optional(number, 0)
  })
  default = null
}

variable "monitoring" {
  description = <<-EOT
    `logs` of Ray and of containers in CloudWatch, kept `retention_days`; `container_insights`, the CloudWatch agent;
    `prometheus` and `grafana`, Amazon's managed ones beside the cluster's own, with `grafana_administrators` and
    `viewers`, ids of groups in IAM Identity Center.
  EOT
  type = object({
    logs                   = optional(bool, true)
    retention_days         = optional(number, 30)
    container_insights     = optional(bool, false)
    prometheus             = optional(bool, false)
    grafana                = optional(bool, false)
    grafana_administrators = optional(set(string), [])
    viewers                = optional(set(string), [])
  })
  default = {}
}

variable "upgrades" {
  description = "`support_type`: STANDARD has EKS raise the version when its support ends, EXTENDED keeps it for another year at a price. `add_ons`: versions of EKS' add-ons by name, default EKS' own choice."
  type = object({
    support_type = optional(string, "STANDARD")
    add_ons      = optional(map(string), {})
  })
  default = {}

  validation {
    condition     = length(setsubtract(keys(var.upgrades.add_ons), local.eks_addons)) == 0
    error_message = "upgrades.add_ons names what is not installed: ${join(", ", setsubtract(keys(var.upgrades.add_ons), local.eks_addons))}; there is ${join(", ", local.eks_addons)}."
  }
}

variable "teams" {
  description = <<-EOT
    Teams by name, each with an identity and a part of the bucket of its own: `namespaces` (default the name), `members`,
    roles or users of IAM by a name, and `node_pool`, nodes of their own.
  EOT
  type = map(object({
    namespaces = optional(set(string), [])
    members    = optional(map(string), {})
    node_pool = optional(object({
      size         = string
      alternatives = optional(list(string), [])
      min          = optional(number, 0)
      max          = number
      spot         = optional(bool, false)
    }))
  }))
  default = {}

  validation {
    condition     = length(setintersection(keys(var.teams), concat(["head", "cpu", "memory", "system", "ray", "spot"], keys(var.gpu_pools)))) == 0 && !anytrue([for name in keys(var.teams) : startswith(name, "spot-")])
    error_message = "teams are called as pools are: ${join(", ", [for name in keys(var.teams) : name if startswith(name, "spot-") || contains(concat(["head", "cpu", "memory", "system", "ray", "spot"], keys(var.gpu_pools)), name)])}. Choose other names."
  }

  validation {
    condition     = length(setintersection([for account in var.service_accounts : split("/", account)[0]], flatten([for name, team in var.teams : length(team.namespaces) > 0 ? tolist(team.namespaces) : [name]]))) == 0
    error_message = "namespaces have both a team's identity and the shared one: ${join(", ", setintersection([for account in var.service_accounts : split("/", account)[0]], flatten([for name, team in var.teams : length(team.namespaces) > 0 ? tolist(team.namespaces) : [name]])))}. Take them out of service_accounts or of the team."
  }
}

variable "gateway" {
  description = "Have a public entrance for services, with TLS and a login: `domain`, under which each service has a name; `zone_id`, the zone of Route 53 that it is in; `email`, to whom the certificate authority writes. Null means none."
  type = object({
    domain  = string
    zone_id = string
    email   = string
  })
  default = null

  validation {
    condition     = var.gateway == null ? true : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.gateway.email))
    error_message = "gateway.email is no address: Let's Encrypt, which signs the certificate, wants one."
  }
}

variable "orchestration" {
  description = <<-EOT
    Have a Step Functions state machine that trains, then infers, on the standing Ray cluster: `image_tag` of rayworks/ray
    (make status tells it), `command`, `num_workers`, `timeout_minutes`. Step Functions reaches API servers that are open
    to all addresses only: it needs authorized_cidrs = ["0.0.0.0/0"]. Null means none; a job with PIPELINE=true does the
    same inside the cluster.
  EOT
  type = object({
    image_tag       = string
    command         = optional(string, "rayworks image-training")
    num_workers     = optional(number, 1)
    timeout_minutes = optional(number, 360)
  })
  default = null

  validation {
    condition     = var.orchestration != null || !anytrue([for cidr in var.authorized_cidrs : endswith(cidr, "/0")])
    error_message = "authorized_cidrs opens the API server to all of the internet, which only orchestration wants: write 203.0.113.7/32 for one address."
  }

  validation {
    condition     = var.orchestration == null || (!var.private_cluster && contains(var.authorized_cidrs, "0.0.0.0/0"))
    error_message = "orchestration wants an API server that all addresses reach (each request still needs a login): AWS does not tell those of Step Functions. Set authorized_cidrs = [\"0.0.0.0/0\"] and private_cluster = false, or leave it out and run the job with PIPELINE=true."
  }
}

variable "budget" {
  description = "Write to `emails` when a month's cost of this deployment passes 80 % of `usd`, and when it is foreseen to pass it. The tag rayworks-deployment must be a cost allocation tag of the account. Null means never."
  type = object({
    usd    = number
    emails = set(string)
  })
  default = null
}

variable "add_ons" {
  description = "Optional add-ons of the cluster: `kueue`, queues made of the pools; `external_secrets`, Secrets Manager's secrets as Secrets; `cert_manager`, which a gateway brings along; `opencost`, what each namespace costs. Those for GPUs come with GPU pools."
  type = object({
    kueue            = optional(bool, true)
    external_secrets = optional(bool, true)
    cert_manager     = optional(bool, false)
    opencost         = optional(bool, false)
  })
  default = {}
}
