data "aws_iam_policy_document" "app" {
  version = "2012-10-17"

  statement {
    effect  = "Allow"
    actions = ["rds-db:connect"]
    resources = [
      "arn:aws:rds-db:eu-south-2:210987654321:dbuser:prx-0abc12def/app",
    ]
  }
}
