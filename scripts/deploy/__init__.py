"""Deploy Rayworks: stages from an empty machine or account to a running workload.

    python -m deploy up --cloud local --workload fashion-mnist

stages.py        what a stage is, and how a list of them is run and undone
environments.py  what differs between places: where the cluster and the images come from;
                 the local one is here, the others in the package clouds
platform.py      what a cluster gets once: the CRDs and the operator
workloads.py     a job, a service or a standing cluster: install, wait, remove
explain.py       why something does not run, in the words of Kubernetes and of the container
options.py       what the user says of a place, and questions to the user
access.py        logs, dashboard, submit; pages.py: Grafana, Prometheus, MLflow
exposed.py       the public address of an endpoint, or why there is none
watch.py         nodes as they come and go
kube.py, helm.py thin wrappers around the pinned kubectl and helm
"""
