# One file says what a deployment is. Copy it to <name>.tfvars (make deploy CLOUD=eks NAME=<name>) and change it; what is
# left out has the default that variables.tf names. In brackets: what the published samples for AWS have.

# [us-west-2]
region = "us-west-2"

# Who may reach the API server: your own address (curl -4 https://icanhazip.com). This one is nobody's.
authorized_cidrs = ["203.0.113.7/32"]

# [Ray on EKS: core nodes m5.12xlarge, which also hold a head of 8 CPUs and 24 GB and 15 workers of 14 CPUs and 60 GB.]
system_pool = { size = "m5.2xlarge", min = 2, max = 6 }
cpu_pool    = { size = "m5.4xlarge", max = 10 }
memory_pool = { size = "r5.4xlarge", max = 4 }

# [g4dn.4xlarge, 5 to 10 nodes that are always paid for; here from zero.]
gpu_pools = { gpu = { size = "g4dn.4xlarge", max = 10 } }

# [Lustre SCRATCH_2 over the bucket, at /ray/export: storage = { lustre = { deployment_type = "SCRATCH_2" } }.]
storage = { lustre = { deployment_type = "PERSISTENT_2", capacity_gib = 1200, throughput = 125 } }

# [The blueprint's Karpenter is node_provisioning = "auto", its MemoryDB redis = {}, its spot machines spot = true.]
node_provisioning = "pools"

# More that there is: spot, private_cluster, own_keys, redis, gateway, teams, network, registry, monitoring, budget, upgrades,
# orchestration.
