data "aws_iam_policy_document" "_handwritten-1" {
  policy_id = "orders+batch"
  version   = "2012-10-17"

  statement {
    sid     = "Orders"
    effect  = "Allow"
    actions = ["rds-db:connect", "rds:DescribeDBInstances"]
    resources = [
      "*",
      "arn:aws:rds-db:us-west-2:123456789012:dbuser:db-12ABC34DEFG5HIJ6KLMNOP78QR/<a&b>$$${*}%%{x}",
      "arn:aws:rds-db:us-west-2:123456789012:dbuser:db-12ABC34DEFG5HIJ6KLMNOP78QR/app",
    ]

    condition {
      test     = "Bool"
      variable = "aws:MultiFactorAuthPresent"
      values   = ["true"]
    }

    condition {
      test     = "NumericLessThan"
      variable = "aws:MultiFactorAuthAge"
      values   = ["3600", "60"]
    }

    condition {
      test     = "StringLike"
      variable = "aws:PrincipalArn"
      values   = ["arn:aws:iam::*:role/$${aws:username}"]
    }

    condition {
      test     = "StringLike"
      variable = "aws:PrincipalTag/team"
      values   = ["dba", "sre"]
    }
  }

  statement {
    effect      = "Deny"
    not_actions = ["s3:GetObject"]
    not_resources = [
      "arn:aws:s3:::bucket/*",
    ]
  }
}
