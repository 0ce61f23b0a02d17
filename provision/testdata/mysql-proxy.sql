-- MySQL account iam_sre
-- note: the account must exist with the password that the proxy reads from Secrets Manager; it gets neither rds_iam nor AWSAuthenticationPlugin, since the proxy checks the token

-- check that a grant on database sre hides no older one
SELECT EXTRACTVALUE('<a/>', IF(@@global.partial_revokes = 0 AND NOT EXISTS (SELECT 1 FROM mysql.db WHERE User = 'iam_sre' AND Host = '%' AND Db = 'sre') AND EXISTS (SELECT 1 FROM mysql.db WHERE User = 'iam_sre' AND Host = '%' AND Db <> 'sre' AND 'sre' LIKE Db ESCAPE x'5c'), '~rdsiam: hides an older grant', '/a')) AS passed;

-- check that account `iam_sre`@`%` exists
SELECT EXTRACTVALUE('<a/>', IF(NOT EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%'), '~rdsiam: no such account', '/a')) AS passed;

-- check that it is not for IAM
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%' AND plugin = 'AWSAuthenticationPlugin'), '~rdsiam: account is for IAM', '/a')) AS passed;

-- grant DELETE, INSERT, SELECT, SHOW VIEW, UPDATE on database sre
GRANT DELETE, INSERT, SELECT, SHOW VIEW, UPDATE ON `sre`.* TO `iam_sre`@`%`;

-- MySQL account iam_sre
-- note: the account must exist with the password that the proxy reads from Secrets Manager; it gets neither rds_iam nor AWSAuthenticationPlugin, since the proxy checks the token

-- check that account `iam_sre`@`%` is for IAM
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%' AND (Super_priv = 'Y' OR CONCAT(User, '@', Host) = CURRENT_USER() AND (plugin <> 'AWSAuthenticationPlugin'))), '~rdsiam: account is not for IAM', '/a')) AS passed;

-- check that nothing else gives rights on database sre
SELECT EXTRACTVALUE('<a/>', IF(@@global.partial_revokes = 0 AND EXISTS (SELECT 1 FROM mysql.db WHERE User = 'iam_sre' AND Host = '%' AND Db <> 'sre' AND 'sre' LIKE Db ESCAPE x'5c'), '~rdsiam: granted by a pattern', '/a')) AS passed;

-- revoke DELETE, INSERT, SELECT, SHOW VIEW, UPDATE on database sre
REVOKE DELETE, INSERT, SELECT, SHOW VIEW, UPDATE ON `sre`.* FROM `iam_sre`@`%`;

-- MySQL account iam_sre

-- check that it is no master user
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%' AND (Create_user_priv = 'Y' AND Grant_priv = 'Y' OR EXISTS (SELECT 1 FROM mysql.role_edges WHERE FROM_USER = 'rds_superuser_role' AND TO_USER = User AND TO_HOST = Host)) AND (plugin <> 'AWSAuthenticationPlugin')), '~rdsiam: account is a master', '/a')) AS passed;

-- check that account `iam_sre`@`%`, if it exists, is for IAM
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%' AND (Super_priv = 'Y' OR CONCAT(User, '@', Host) = CURRENT_USER() AND (plugin <> 'AWSAuthenticationPlugin'))), '~rdsiam: account is not for IAM', '/a')) AS passed;

-- check that nothing runs with its rights
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM information_schema.VIEWS WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = 'iam_sre@%') OR EXISTS (SELECT 1 FROM information_schema.ROUTINES WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = 'iam_sre@%') OR EXISTS (SELECT 1 FROM information_schema.TRIGGERS WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = 'iam_sre@%') OR EXISTS (SELECT 1 FROM information_schema.EVENTS WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = 'iam_sre@%'), '~rdsiam: account is a DEFINER', '/a')) AS passed;

-- drop it
DROP USER IF EXISTS `iam_sre`@`%`;
