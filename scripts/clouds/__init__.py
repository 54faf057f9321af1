"""The places that Rayworks does not make by itself: Azure, AWS, kind, and a cluster of the user's.

place.py      AKS and EKS: the stages, in their order, and how they are undone
kind.py       several nodes in Docker, with a registry beside them
existing.py   a cluster that somebody else made

cli.py        the one seam: `terraform`, `az`, `aws`, `docker` and `kind` as subprocesses
provider.py   what is asked of a cloud before and after; azure.py and aws.py answer
terraform.py  plan, apply, outputs, destroy; plan.py and state.py read what it says
preflight.py, cluster.py, credentials.py, images.py, addons.py, dashboards.py   a stage each
made.py       what Kubernetes makes in the cloud, taken away first
cost.py       what it would cost, from prices.json
record.py     what is remembered of a deployment, in `.kube/`
size.py       which pool and how many workers a model and its data want
"""
