data "aws_iam_policy_document" "app" {
  version = "2012-10-17"

  statement {
    effect  = "Allow"
    actions = ["rds-db:connect"]
    resources = [
      "arn:aws:rds-db:eu-south-2:210987654321:dbuser:prx-0abc12def/app",
      "arn:aws:rds-db:us-west-2:123456789012:dbuser:cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I/$${aws:PrincipalTag/dbuser}",
      "arn:aws:rds-db:us-west-2:123456789012:dbuser:cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I/jane_doe",
      "arn:aws:rds-db:us-west-2:123456789012:dbuser:db-12ABC34DEFG5HIJ6KLMNOP78QR/<a&b> é\"\\$${*}$${?}$${$}{x}%%{y}",
      "arn:aws:rds-db:us-west-2:123456789012:dbuser:db-12ABC34DEFG5HIJ6KLMNOP78QR/david_lu",
    ]
  }
}
