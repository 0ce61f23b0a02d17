data "aws_iam_policy_document" "app" {
  version = "2012-10-17"

  statement {
    effect  = "Allow"
    actions = ["rds-db:connect"]
    resources = [
      "arn:aws-cn:rds-db:cn-north-1:123456789012:dbuser:prx-0abc12def/app",
      "arn:aws-cn:rds-db:cn-north-1:123456789012:dbuser:prx-0abc12def/batch",
    ]
  }
}
