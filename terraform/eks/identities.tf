# Who may do what in the account: one role for each controller, by pod identity, each right with its reason.

locals {
  arn     = "arn:${data.aws_partition.current.partition}"
  account = data.aws_caller_identity.current.account_id
  managed = "${local.arn}:iam::aws:policy"
  # The registry of an account and region has one host.
  registry = "${local.account}.dkr.ecr.${var.region}.amazonaws.com"

  # By name: what for, whose service accounts, and policies of their own or AWS'.
  identities = merge(
    {
      vpc-cni = {
        description      = "gives pods their addresses"
        service_accounts = ["kube-system/aws-node"]
        managed          = { cni = "${local.managed}/AmazonEKS_CNI_Policy" }
        policies         = {}
      }
      ebs-csi = {
        description      = "makes volumes"
        service_accounts = ["kube-system/ebs-csi-controller-sa"]
        managed          = { ebs = "${local.managed}/service-role/AmazonEBSCSIDriverPolicy" }
        policies         = var.own_keys ? { key = data.aws_iam_policy_document.volumes.json } : {}
      }
      load-balancer-controller = {
        description      = "makes load balancers for Services and Ingresses"
        service_accounts = ["kube-system/aws-load-balancer-controller"]
        managed          = {}
        policies         = { own = data.aws_iam_policy_document.load_balancers.minified_json }
      }
      ray = {
        description      = "Ray's pods: the bucket and their logs"
        service_accounts = var.service_accounts
        managed          = {}
        policies         = { own = data.aws_iam_policy_document.ray.json }
      }
    },
    local.lustre ? {
      fsx-csi = {
        description      = "mounts Lustre, and makes file systems for classes of chart ray-storage"
        service_accounts = ["kube-system/fsx-csi-controller-sa"]
        managed          = {}
        policies         = { own = data.aws_iam_policy_document.lustre.json }
      }
    } : {},
    local.efs ? {
      efs-csi = {
        description      = "makes access points of EFS"
        service_accounts = ["kube-system/efs-csi-controller-sa"]
        managed          = { efs = "${local.managed}/service-role/AmazonEFSCSIDriverPolicy" }
        policies         = {}
      }
    } : {},
    var.node_provisioning == "pools" ? {
      cluster-autoscaler = {
        description      = "sizes node groups"
        service_accounts = ["kube-system/cluster-autoscaler"]
        managed          = {}
        policies         = { own = data.aws_iam_policy_document.autoscaler.json }
      }
    } : {},
    var.add_ons.external_secrets ? {
      external-secrets = {
        description      = "reads secrets of this deployment"
        service_accounts = ["external-secrets/external-secrets"]
        managed          = {}
        policies         = { own = data.aws_iam_policy_document.secrets.json }
      }
    } : {},
  )
}

module "identity" {
  source   = "../modules/aws-pod-identity"
  for_each = local.identities

  name             = "${var.name}-${each.key}"
  description      = "${module.cluster.name}: ${each.value.description}"
  cluster_name     = module.cluster.name
  service_accounts = [for account in each.value.service_accounts : { namespace = split("/", account)[0], name = split("/", account)[1] }]
  policies         = each.value.policies
  managed_policies = each.value.managed
}

data "aws_iam_policy_document" "ray" {
  statement {
    sid       = "ListBucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [module.storage.bucket_arn]
  }

  # Versions stay: what a job overwrites or deletes can be brought back.
  statement {
    sid       = "WriteObjects"
    actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
    resources = ["${module.storage.bucket_arn}/*"]
  }

  # Fluent Bit beside each Ray container.
  statement {
    sid       = "WriteRayLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${module.monitoring.log_groups["ray"].arn}:*"]
  }

  dynamic "statement" {
    for_each = module.key

    content {
      sid       = "EncryptObjects"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value.arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.region}.amazonaws.com"]
      }
    }
  }
}

data "aws_iam_policy_document" "volumes" {
  # A volume is encrypted in the name of who makes it, and EC2 keeps the grant while it is attached.
  dynamic "statement" {
    for_each = module.key

    content {
      sid       = "EncryptVolumes"
      actions   = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt*"]
      resources = [statement.value.arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["ec2.${var.region}.amazonaws.com"]
      }
    }
  }
}

data "aws_iam_policy_document" "lustre" {
  # The controller looks at a file system before it mounts it.
  statement {
    sid       = "FindFileSystems"
    actions   = ["fsx:DescribeFileSystems"]
    resources = ["*"]
  }

  # For classes of chart ray-storage only; a file system that others made is not its to change.
  statement {
    sid       = "MakeFileSystems"
    actions   = ["fsx:CreateFileSystem", "fsx:TagResource"]
    resources = ["${local.arn}:fsx:${var.region}:${local.account}:file-system/*"]

    condition {
      test     = "Null"
      variable = "aws:RequestTag/CSIVolumeName"
      values   = ["false"]
    }
  }

  statement {
    sid       = "ChangeOwnFileSystems"
    actions   = ["fsx:DeleteFileSystem", "fsx:UpdateFileSystem"]
    resources = ["${local.arn}:fsx:${var.region}:${local.account}:file-system/*"]

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/CSIVolumeName"
      values   = ["false"]
    }
  }
}

data "aws_iam_policy_document" "autoscaler" {
  # None of these knows resources; they only look.
  statement {
    sid = "Look"
    actions = [
      "autoscaling:DescribeAutoScalingGroups",
      "autoscaling:DescribeAutoScalingInstances",
      "autoscaling:DescribeLaunchConfigurations",
      "autoscaling:DescribeScalingActivities",
      "ec2:DescribeImages",
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeLaunchTemplateVersions",
      "ec2:GetInstanceTypesFromInstanceRequirements",
    ]
    resources = ["*"]
  }

  # Labels and taints of a group that has no node to look at.
  statement {
    sid       = "LookAtEmptyGroups"
    actions   = ["eks:DescribeNodegroup"]
    resources = ["${local.arn}:eks:${var.region}:${local.account}:nodegroup/${var.name}/*"]
  }

  statement {
    sid       = "SizeOwnGroups"
    actions   = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.name}"
      values   = ["owned"]
    }
  }
}

data "aws_iam_policy_document" "secrets" {
  statement {
    sid       = "ReadOwnSecrets"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds"]
    resources = ["${local.arn}:secretsmanager:${var.region}:${local.account}:secret:${var.name}/*"]
  }

  dynamic "statement" {
    for_each = module.key

    content {
      sid       = "DecryptSecrets"
      actions   = ["kms:Decrypt"]
      resources = [statement.value.arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${var.region}.amazonaws.com"]
      }
    }
  }
}

# As the controller's own documentation has it, without WAF, Shield, Cognito and certificates of IAM, which are not used.
data "aws_iam_policy_document" "load_balancers" {
  #checkov:skip=CKV_AWS_356: load balancers are known by their tag, on which the statements insist, and not by name
  statement {
    sid       = "FirstUseOfTheService"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["elasticloadbalancing.amazonaws.com"]
    }
  }

  # None of these knows resources; they only look.
  statement {
    sid = "Look"
    actions = [
      "acm:DescribeCertificate",
      "acm:ListCertificates",
      "ec2:DescribeAccountAttributes",
      "ec2:DescribeAddresses",
      "ec2:DescribeAvailabilityZones",
      "ec2:DescribeCoipPools",
      "ec2:DescribeInstances",
      "ec2:DescribeInternetGateways",
      "ec2:DescribeIpamPools",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeRouteTables",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSubnets",
      "ec2:DescribeTags",
      "ec2:DescribeVpcPeeringConnections",
      "ec2:DescribeVpcs",
      "ec2:GetCoipPoolUsage",
      "ec2:GetSecurityGroupsForVpc",
      "elasticloadbalancing:DescribeCapacityReservation",
      "elasticloadbalancing:DescribeListenerAttributes",
      "elasticloadbalancing:DescribeListenerCertificates",
      "elasticloadbalancing:DescribeListeners",
      "elasticloadbalancing:DescribeLoadBalancerAttributes",
      "elasticloadbalancing:DescribeLoadBalancers",
      "elasticloadbalancing:DescribeRules",
      "elasticloadbalancing:DescribeSSLPolicies",
      "elasticloadbalancing:DescribeTags",
      "elasticloadbalancing:DescribeTargetGroupAttributes",
      "elasticloadbalancing:DescribeTargetGroups",
      "elasticloadbalancing:DescribeTargetHealth",
      "elasticloadbalancing:DescribeTrustStores",
    ]
    resources = ["*"]
  }

  # It opens the nodes' own group to its load balancers: a group that it has not made.
  statement {
    sid       = "OpenNodesToLoadBalancers"
    actions   = ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"]
    resources = ["${local.arn}:ec2:${var.region}:${local.account}:security-group/*"]

    condition {
      test     = "ArnEquals"
      variable = "ec2:Vpc"
      values   = ["${local.arn}:ec2:${var.region}:${local.account}:vpc/${module.network.vpc_id}"]
    }
  }

  statement {
    sid       = "MakeSecurityGroups"
    actions   = ["ec2:CreateSecurityGroup"]
    resources = ["${local.arn}:ec2:${var.region}:${local.account}:security-group/*", "${local.arn}:ec2:${var.region}:${local.account}:vpc/${module.network.vpc_id}"]
  }

  statement {
    sid       = "TagNewSecurityGroups"
    actions   = ["ec2:CreateTags"]
    resources = ["${local.arn}:ec2:${var.region}:${local.account}:security-group/*"]

    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["CreateSecurityGroup"]
    }

    condition {
      test     = "Null"
      variable = "aws:RequestTag/elbv2.k8s.aws/cluster"
      values   = ["false"]
    }
  }

  statement {
    sid       = "ChangeOwnSecurityGroups"
    actions   = ["ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags", "ec2:DeleteSecurityGroup", "ec2:DeleteTags", "ec2:RevokeSecurityGroupIngress"]
    resources = ["${local.arn}:ec2:${var.region}:${local.account}:security-group/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/elbv2.k8s.aws/cluster"
      values   = [var.name]
    }
  }

  statement {
    sid       = "MakeLoadBalancers"
    actions   = ["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/elbv2.k8s.aws/cluster"
      values   = [var.name]
    }
  }

  statement {
    sid       = "TagNewLoadBalancers"
    actions   = ["elasticloadbalancing:AddTags"]
    resources = ["${local.arn}:elasticloadbalancing:${var.region}:${local.account}:*"]

    condition {
      test     = "StringEquals"
      variable = "elasticloadbalancing:CreateAction"
      values   = ["CreateLoadBalancer", "CreateTargetGroup"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/elbv2.k8s.aws/cluster"
      values   = [var.name]
    }
  }

  # Listeners and rules are made without tags, so that nothing tells whose they are.
  statement {
    sid = "MakeListeners"
    actions = [
      "elasticloadbalancing:AddListenerCertificates",
      "elasticloadbalancing:CreateListener",
      "elasticloadbalancing:CreateRule",
      "elasticloadbalancing:DeleteListener",
      "elasticloadbalancing:DeleteRule",
      "elasticloadbalancing:ModifyListener",
      "elasticloadbalancing:ModifyListenerAttributes",
      "elasticloadbalancing:ModifyRule",
      "elasticloadbalancing:RemoveListenerCertificates",
      "elasticloadbalancing:SetRulePriorities",
    ]
    resources = ["${local.arn}:elasticloadbalancing:${var.region}:${local.account}:*"]
  }

  statement {
    sid     = "TagListeners"
    actions = ["elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"]
    resources = flatten([
      for kind in ["app", "net"] : [
        for what in ["listener", "listener-rule"] : "${local.arn}:elasticloadbalancing:${var.region}:${local.account}:${what}/${kind}/*"
      ]
    ])
  }

  statement {
    sid = "ChangeOwnLoadBalancers"
    actions = [
      "elasticloadbalancing:AddTags",
      "elasticloadbalancing:DeleteLoadBalancer",
      "elasticloadbalancing:DeleteTargetGroup",
      "elasticloadbalancing:DeregisterTargets",
      "elasticloadbalancing:ModifyCapacityReservation",
      "elasticloadbalancing:ModifyIpPools",
      "elasticloadbalancing:ModifyLoadBalancerAttributes",
      "elasticloadbalancing:ModifyTargetGroup",
      "elasticloadbalancing:ModifyTargetGroupAttributes",
      "elasticloadbalancing:RegisterTargets",
      "elasticloadbalancing:RemoveTags",
      "elasticloadbalancing:SetIpAddressType",
      "elasticloadbalancing:SetSecurityGroups",
      "elasticloadbalancing:SetSubnets",
    ]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/elbv2.k8s.aws/cluster"
      values   = [var.name]
    }
  }
}
