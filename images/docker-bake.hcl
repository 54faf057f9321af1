# All images, for `docker buildx bake`. The same Dockerfiles build without Docker: scripts/local/images.py.
#
#   make images                       this machine's architecture, into Docker's own store
#   make images TARGETS="ray mlflow"
#   make images-push                  into REGISTRY, by digest and without a name
#
# There is one image of Ray, for CPUs and GPUs: the torch of its lock file holds the code of both and brings CUDA with
# it, and a head and its workers must have the same Python and packages anyway. PyTorch's wheels without CUDA are in an
# index of their own, whose hashes a lock file of PyPI's packages cannot hold.

variable "REGISTRY" {
  default = "ghcr.io/rayworks/rayworks"
}

variable "VERSION" {
  default     = "0.0.0-dev"
  description = "Of the release, for the labels and for the names in Docker's own store"
}

variable "REVISION" {
  default     = ""
  description = "The commit"
}

variable "PLATFORMS" {
  default     = ["linux/amd64", "linux/arm64"]
  type        = list(string)
  description = "A machine of each architecture builds its own in the pipelines: PLATFORMS=linux/arm64"
}

variable "PUSH" {
  default = false
}

# Times of files are those of SOURCE_DATE_EPOCH, which buildx takes from the environment: the same commit on the same
# base makes the same layers.
function "output" {
  params = [name]
  result = PUSH ? [
    "type=image,name=${REGISTRY}/${name},push=true,push-by-digest=true,name-canonical=true,rewrite-timestamp=true"
  ] : ["type=docker,rewrite-timestamp=true"]
}

target "_image" {
  platforms = PLATFORMS
  labels = {
    "org.opencontainers.image.version"  = VERSION
    "org.opencontainers.image.revision" = REVISION
    "org.opencontainers.image.source"   = "https://github.com/rayworks/rayworks"
  }
  attest = PUSH ? ["type=provenance,mode=max"] : ["type=provenance,disabled=true"]
}

group "default" {
  targets = ["ray", "operator", "mlflow"]
}

target "base" {
  inherits = ["_image"]
  context  = "images/base"
  tags     = ["${REGISTRY}/base:${VERSION}"]
  output   = output("base")
}

target "ray" {
  inherits = ["_image"]
  context  = "images/ray"
  contexts = {
    base      = "target:base"
    workloads = "workloads"
  }
  args   = { BASE_IMAGE = "base" }
  tags   = ["${REGISTRY}/ray:${VERSION}"]
  output = output("ray")
}

target "mlflow" {
  inherits = ["_image"]
  context  = "images/mlflow"
  contexts = { base = "target:base" }
  args     = { BASE_IMAGE = "base" }
  tags     = ["${REGISTRY}/mlflow:${VERSION}"]
  output   = output("mlflow")
}

target "operator" {
  inherits = ["_image"]
  context  = "images/operator"
  contexts = { module = "scripts/tools/kuberay" }
  tags     = ["${REGISTRY}/operator:${VERSION}"]
  output   = output("operator")
}

# What elsewhere is pulled, and the local cluster builds: never pushed. `make tools` comes first.
group "local" {
  targets = ["go-tools", "pause", "debian-packages"]
}

target "go-tools" {
  name = name
  matrix = {
    name = ["alertmanager", "coredns", "local-path-provisioner", "metrics-server", "prometheus"]
  }
  context  = "images/local/${name}"
  contexts = { tools = ".tools/bin" }
  tags     = ["localhost/rayworks/${name}:${VERSION}"]
  output   = ["type=docker"]
}

target "pause" {
  context  = "images/local/pause"
  contexts = { tools = "/usr/bin" }
  tags     = ["localhost/rayworks/pause:${VERSION}"]
  output   = ["type=docker"]
}

target "debian-packages" {
  name    = name
  matrix  = { name = ["redis", "postgres"] }
  context = "images/local/${name}"
  tags    = ["localhost/rayworks/${name}:${VERSION}"]
  output  = ["type=docker"]
}
