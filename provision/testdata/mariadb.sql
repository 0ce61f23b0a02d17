-- MariaDB account iam_sre

-- check that a grant on database sre_db hides no older one
SELECT EXTRACTVALUE('<a/>', IF(NOT EXISTS (SELECT 1 FROM mysql.db WHERE User = 'iam_sre' AND Host = '%' AND Db = _utf8mb4 x'7372655c5f6462') AND EXISTS (SELECT 1 FROM mysql.db WHERE User = 'iam_sre' AND Host = '%' AND Db <> _utf8mb4 x'7372655c5f6462' AND 'sre_db' LIKE Db ESCAPE x'5c'), '~rdsiam: hides an older grant', '/a')) AS passed;

-- check that the account starts with no other roles, which it would lose
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%' AND CONVERT(default_role USING utf8mb4) COLLATE utf8mb4_bin NOT IN ('''role` of sre_db') AND EXISTS (SELECT 1 FROM mysql.roles_mapping WHERE User = 'iam_sre' AND Host = '%' AND CONVERT(Role USING utf8mb4) COLLATE utf8mb4_bin = CONVERT(default_role USING utf8mb4) COLLATE utf8mb4_bin)), '~rdsiam: other default roles', '/a')) AS passed;

-- check that account `iam_sre`@`%`, if it exists, is for IAM
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%' AND (Super_priv = 'Y' OR plugin <> 'AWSAuthenticationPlugin' OR EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = 'iam_sre' AND Host = '%' AND JSON_LENGTH(Priv, '$.auth_or') > 1) OR ssl_type IN ('X509', 'SPECIFIED'))), '~rdsiam: account is not for IAM', '/a')) AS passed;

-- create it if it does not exist
CREATE USER IF NOT EXISTS `iam_sre`@`%` IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL;

-- make an existing one the same
ALTER USER `iam_sre`@`%` IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL WITH MAX_USER_CONNECTIONS 7;

-- grant CREATE TEMPORARY TABLES, EXECUTE, INSERT, LOCK TABLES, SELECT, SHOW VIEW on database sre_db
GRANT CREATE TEMPORARY TABLES, EXECUTE, INSERT, LOCK TABLES, SELECT, SHOW VIEW ON `sre\_db`.* TO `iam_sre`@`%`;

-- grant DELETE, INDEX, UPDATE on table sre_db.items
GRANT DELETE, INDEX, UPDATE ON `sre_db`.`items` TO `iam_sre`@`%`;

-- grant REFERENCES (`id`), UPDATE (`id`) on columns of table sre_db.other
GRANT REFERENCES (`id`), UPDATE (`id`) ON `sre_db`.`other` TO `iam_sre`@`%`;

-- grant EXECUTE on function sre_db.f
GRANT EXECUTE ON FUNCTION `sre_db`.`f` TO `iam_sre`@`%`;

-- grant EXECUTE on procedure sre_db.p
GRANT EXECUTE ON PROCEDURE `sre_db`.`p` TO `iam_sre`@`%`;

-- grant membership on role 'role` of sre_db
GRANT `'role`` of sre_db` TO `iam_sre`@`%`;

-- make it start with role 'role` of sre_db
SET DEFAULT ROLE `'role`` of sre_db` FOR `iam_sre`@`%`;

-- MariaDB account iam_sre

-- check that account `iam_sre`@`%` is for IAM
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%' AND (Super_priv = 'Y' OR plugin <> 'AWSAuthenticationPlugin' OR EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = 'iam_sre' AND Host = '%' AND JSON_LENGTH(Priv, '$.auth_or') > 1) OR ssl_type IN ('X509', 'SPECIFIED'))), '~rdsiam: account is not for IAM', '/a')) AS passed;

-- check that nothing else gives rights on database sre_db
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.db WHERE User = 'iam_sre' AND Host = '%' AND Db <> _utf8mb4 x'7372655c5f6462' AND 'sre_db' LIKE Db ESCAPE x'5c'), '~rdsiam: granted by a pattern', '/a')) AS passed;

-- revoke CREATE TEMPORARY TABLES, EXECUTE, INSERT, LOCK TABLES, SELECT, SHOW VIEW on database sre_db
REVOKE CREATE TEMPORARY TABLES, EXECUTE, INSERT, LOCK TABLES, SELECT, SHOW VIEW ON `sre\_db`.* FROM `iam_sre`@`%`;

-- revoke DELETE, INDEX, UPDATE on table sre_db.items
REVOKE DELETE, INDEX, UPDATE ON `sre_db`.`items` FROM `iam_sre`@`%`;

-- revoke REFERENCES (`id`), UPDATE (`id`) on columns of table sre_db.other
REVOKE REFERENCES (`id`), UPDATE (`id`) ON `sre_db`.`other` FROM `iam_sre`@`%`;

-- revoke EXECUTE on function sre_db.f
REVOKE EXECUTE ON FUNCTION `sre_db`.`f` FROM `iam_sre`@`%`;

-- revoke EXECUTE on procedure sre_db.p
REVOKE EXECUTE ON PROCEDURE `sre_db`.`p` FROM `iam_sre`@`%`;

-- MariaDB account iam_sre

-- check that account `iam_sre`@`%`, if it exists, is for IAM
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%' AND (Super_priv = 'Y' OR plugin <> 'AWSAuthenticationPlugin' OR EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = 'iam_sre' AND Host = '%' AND JSON_LENGTH(Priv, '$.auth_or') > 1) OR ssl_type IN ('X509', 'SPECIFIED'))), '~rdsiam: account is not for IAM', '/a')) AS passed;

-- check that nothing runs with its rights
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM information_schema.VIEWS WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = 'iam_sre@%') OR EXISTS (SELECT 1 FROM information_schema.ROUTINES WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = 'iam_sre@%') OR EXISTS (SELECT 1 FROM information_schema.TRIGGERS WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = 'iam_sre@%') OR EXISTS (SELECT 1 FROM information_schema.EVENTS WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = 'iam_sre@%'), '~rdsiam: account is a DEFINER', '/a')) AS passed;

-- drop it
DROP USER IF EXISTS `iam_sre`@`%`;
