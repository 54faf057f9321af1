# Node groups and what they launch.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name               = "rayworks"
  cluster_name       = "rayworks"
  kubernetes_version = "1.35"
  subnets            = { us-west-2a = "subnet-0123456789abcdef0", us-west-2b = "subnet-0123456789abcdef1" }
  groups             = { cpu = { instance_types = ["m5.4xlarge"], max = 10 } }
}

run "cpu" {
  command = plan

  assert {
    condition     = aws_eks_node_group.this["cpu"].ami_type == "AL2023_x86_64_STANDARD" && aws_eks_node_group.this["cpu"].capacity_type == "ON_DEMAND"
    error_message = "Machines without GPUs, not spot."
  }

  assert {
    condition     = aws_eks_node_group.this["cpu"].scaling_config[0].min_size == 0 && aws_eks_node_group.this["cpu"].node_repair_config[0].enabled
    error_message = "From zero on, and sick ones are replaced."
  }

  assert {
    condition     = aws_launch_template.this["cpu"].metadata_options[0].http_tokens == "required" && aws_launch_template.this["cpu"].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "Pods do not reach the node's credentials."
  }

  assert {
    condition     = aws_launch_template.this["cpu"].block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "Disks are encrypted."
  }

  assert {
    condition     = strcontains(base64decode(aws_launch_template.this["cpu"].user_data), "strategy: RAID0")
    error_message = "Disks of the machine's own are used."
  }
}

run "gpu_spot_in_a_zone" {
  command = plan

  variables {
    groups = { gpu = { instance_types = ["g4dn.4xlarge"], max = 2, gpu = true, spot = true, zones = ["us-west-2b"], taints = [{ key = "nvidia.com/gpu", value = "present" }] } }
  }

  assert {
    condition     = aws_eks_node_group.this["gpu"].ami_type == "AL2023_x86_64_NVIDIA" && aws_eks_node_group.this["gpu"].capacity_type == "SPOT"
    error_message = "Machines with NVIDIA's driver, spot."
  }

  assert {
    condition     = length(aws_eks_node_group.this["gpu"].subnet_ids) == 1
    error_message = "In one zone."
  }

  assert {
    condition     = one(aws_eks_node_group.this["gpu"].taint).key == "nvidia.com/gpu"
    error_message = "Others are kept out."
  }
}

run "tagged" {
  command = plan

  variables {
    tags = { rayworks-deployment = "rayworks" }
  }

  assert {
    condition     = alltrue([for one in aws_launch_template.this["cpu"].tag_specifications : one.tags["rayworks-deployment"] == "rayworks"])
    error_message = "What is launched bears the tags."
  }
}
