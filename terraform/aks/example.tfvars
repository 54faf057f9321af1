# One file says what a deployment is. Copy it to <name>.tfvars (make deploy CLOUD=aks NAME=<name>) and change it; what is
# left out has the default that variables.tf names. In brackets: what the published samples for Azure have.

# [westus3]
region = "westus3"

# Who may reach the API server: your own address (curl -4 https://icanhazip.com). This one is nobody's.
authorized_cidrs = ["203.0.113.7/32"]

# [Ray on Standard_D4s_v4, 3 to 4 nodes: as many CPUs as one Standard_D16s_v5, which also takes the 12-CPU workers of the
# tuning sample. The labs: 3 to 10 nodes.]
cpu_pool = { size = "Standard_D16s_v5", min = 1, max = 10 }

# [The labs' memory-intensive pool: 2 CPUs and 8 GiB a worker.]
memory_pool = { size = "Standard_E16s_v5", min = 0, max = 4 }

# [The labs: Standard_NC6s_v3, 1 to 3 nodes, retired in 2025. Distributed training: Standard_NC24ads_A100_v4, 2 workers.]
gpu_pools = { gpu = { size = "Standard_NC24ads_A100_v4", max = 3 } }

# [Logs for 30 days, managed Prometheus and Grafana, as in the sample's automatic variant; its node auto-provisioning is
# node_provisioning = "auto".]
node_provisioning = "pools"
monitoring        = { logs = true, retention_days = 30, prometheus = true, grafana = true }

# More that there is: spot, private_cluster, own_keys, redis, gateway, teams, network, registry, storage, upgrades.
