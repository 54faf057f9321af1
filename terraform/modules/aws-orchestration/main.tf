/**
 * # aws-orchestration
 *
 * Train, then infer: two jobs on a standing Ray cluster, one behind the other, within a time. Each is a Kubernetes
 * Job that submits a command of this repository to the Ray cluster and waits for its end.
 */

data "aws_partition" "this" {}
data "aws_caller_identity" "this" {}

locals {
  # A Kubernetes Job that submits a command. What ends with .$ the state machine fills in.
  jobs = {
    for step, arguments in { train = "", infer = " --pipeline" } : step => {
      apiVersion                   = "batch/v1"
      kind                         = "Job"
      metadata = {
        "name.$" = "States.Format('${var.name}-${step}-{}', States.UUID())"
        labels   = { "app.kubernetes.io/managed-by" = "step-functions", "app.kubernetes.io/part-of" = "rayworks" }
      }
      spec = {
        # A training goes on from its last checkpoint, so trying again is cheap; the state machine does it.
        backoffLimit            = 0
        activeDeadlineSeconds   = var.timeout_minutes * 60
        ttlSecondsAfterFinished = 86400
        template = {
          metadata = { labels = { "app.kubernetes.io/part-of" = "rayworks", "app.kubernetes.io/component" = "orchestration" } }
          spec = {
            restartPolicy                = "Never"
            automountServiceAccountToken = false
            enableServiceLinks           = false
            nodeSelector                 = { "rayworks.io/pool" = "head" }
            securityContext = {
              runAsNonRoot   = true
              runAsUser      = 1000
              runAsGroup     = 1000
              seccompProfile = { type = "RuntimeDefault" }
            }
            containers = [{
              name    = "submit"
              image   = var.image
              command = ["ray", "job", "submit", "--address", "http://${var.ray_cluster}-head-svc:8265", "--"]
              # The command and what this execution adds to it, by words.
              "args.$" = "States.StringSplit(States.Format('${var.command}${arguments} --num-workers {} --run-name {}', $.num_workers, $.run_name), ' ')"
              env = [
                { name = "HOME", value = "/tmp" },
                { name = "RAY_AUTH_MODE", value = "token" },
                { name = "RAY_AUTH_TOKEN", valueFrom = { secretKeyRef = { name = var.token_secret, key = "auth_token" } } },
              ]
              resources = { requests = { cpu = "100m", memory = "512Mi" }, limits = { memory = "1Gi" } }
              securityContext = {
                allowPrivilegeEscalation = false
                readOnlyRootFilesystem   = true
                capabilities             = { drop = ["ALL"] }
              }
              volumeMounts = [{ name = "tmp", mountPath = "/tmp" }]
            }]
            volumes = [{ name = "tmp", emptyDir = {} }]
          }
        }
      }
    }
  }

  states = {
    for step, job in local.jobs : step => {
      Type     = "Task"
      Resource = "arn:${data.aws_partition.this.partition}:states:::eks:runJob.sync"
      Parameters = {
        ClusterName          = var.cluster.name
        Endpoint             = var.cluster.endpoint
        CertificateAuthority = var.cluster.certificate_authority
        Namespace            = var.namespace
        LogOptions           = { RetrieveLogs = true }
        Job                  = job
      }
      # What was asked for stays the input of the next step; what was printed is kept beside it.
      ResultSelector = { "logs.$" = "$.logs" }
      ResultPath     = "$.${step}"
      Retry          = [{ ErrorEquals = ["States.TaskFailed"], IntervalSeconds = 60, MaxAttempts = var.retries }]
      Catch          = [{ ErrorEquals = ["States.ALL"], ResultPath = "$.error", Next = "failed" }]
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  # Step Functions writes to groups of this beginning without a policy of the group's own.
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.log_days
  kms_key_id        = one(var.own_key[*].arn)
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["states.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

# The jobs need nothing of IAM: the API server lets the role in by its access entry.
data "aws_iam_policy_document" "this" {
  # The service's own actions on deliveries of logs know no resources.
  statement {
    sid = "DeliverLogs"
    actions = [
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DescribeLogGroups",
      "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role" "this" {
  name               = "${var.name}-train-then-infer"
  description        = "Step Functions: jobs in namespace ${var.namespace} of ${var.cluster.name}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "this" {
  name   = "logs"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.this.json
}

resource "aws_eks_access_entry" "this" {
  cluster_name  = var.cluster.name
  principal_arn = aws_iam_role.this.arn
}

resource "aws_eks_access_policy_association" "this" {
  cluster_name  = var.cluster.name
  principal_arn = aws_eks_access_entry.this.principal_arn
  policy_arn    = "arn:${data.aws_partition.this.partition}:eks::aws:cluster-access-policy/AmazonEKSEditPolicy"

  access_scope {
    type       = "namespace"
    namespaces = [var.namespace]
  }
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_284: two steps, whose log tells how long each took
  name     = "${var.name}-train-then-infer"
  role_arn = aws_iam_role.this.arn

  definition = jsonencode({
    Comment        = "Train, then infer with what was trained, on Ray cluster ${var.ray_cluster}"
    StartAt        = "run"
    TimeoutSeconds = var.timeout_minutes * 60
    States = {
      # The run's name is the execution's, so that both steps share a folder, and each execution has one.
      run = {
        Type       = "Pass"
        Parameters = { "run_name.$" = "$$.Execution.Name", num_workers = var.num_workers }
        Next       = "train"
      }
      train  = merge(local.states.train, { Next = "infer" })
      infer  = merge(local.states.infer, { End = true })
      failed = { Type = "Fail", ErrorPath = "$.error.Error", CausePath = "$.error.Cause" }
    }
  })

  logging_configuration {
    level                  = "ERROR"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.this.arn}:*"
  }

  depends_on = [aws_iam_role_policy.this, aws_eks_access_policy_association.this]
}
