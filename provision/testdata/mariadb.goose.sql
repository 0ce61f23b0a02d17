-- +goose NO TRANSACTION
-- +goose Up

-- check that a grant on database sre_db hides no older one
-- +goose StatementBegin
SELECT EXTRACTVALUE('<a/>', IF(NOT EXISTS (SELECT 1 FROM mysql.db WHERE User = 'iam_sre' AND Host = '%' AND Db = _utf8mb4 x'7372655c5f6462') AND EXISTS (SELECT 1 FROM mysql.db WHERE User = 'iam_sre' AND Host = '%' AND Db <> _utf8mb4 x'7372655c5f6462' AND 'sre_db' LIKE Db ESCAPE x'5c'), '~rdsiam: hides an older grant', '/a')) AS passed;
-- +goose StatementEnd

-- check that the account starts with no other roles, which it would lose
-- +goose StatementBegin
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%' AND CONVERT(default_role USING utf8mb4) COLLATE utf8mb4_bin NOT IN ('''role` of sre_db') AND EXISTS (SELECT 1 FROM mysql.roles_mapping WHERE User = 'iam_sre' AND Host = '%' AND CONVERT(Role USING utf8mb4) COLLATE utf8mb4_bin = CONVERT(default_role USING utf8mb4) COLLATE utf8mb4_bin)), '~rdsiam: other default roles', '/a')) AS passed;
-- +goose StatementEnd

-- check that it is no master user
-- +goose StatementBegin
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%' AND (Create_user_priv = 'Y' AND Grant_priv = 'Y') AND (plugin <> 'AWSAuthenticationPlugin' OR EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = 'iam_sre' AND Host = '%' AND JSON_LENGTH(Priv, '$.auth_or') > 1))), '~rdsiam: account is a master', '/a')) AS passed;
-- +goose StatementEnd

-- check that account `iam_sre`@`%`, if it exists, is for IAM
-- +goose StatementBegin
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%' AND (Super_priv = 'Y' OR CONCAT(User, '@', Host) = CURRENT_USER() AND (plugin <> 'AWSAuthenticationPlugin' OR EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = 'iam_sre' AND Host = '%' AND JSON_LENGTH(Priv, '$.auth_or') > 1)))), '~rdsiam: account is not for IAM', '/a')) AS passed;
-- +goose StatementEnd

-- create it if it does not exist
-- +goose StatementBegin
CREATE USER IF NOT EXISTS `iam_sre`@`%` IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL;
-- +goose StatementEnd

-- make an existing one the same
-- +goose StatementBegin
ALTER USER `iam_sre`@`%` IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL WITH MAX_USER_CONNECTIONS 7;
-- +goose StatementEnd

-- grant CREATE TEMPORARY TABLES, EXECUTE, INSERT, LOCK TABLES, SELECT, SHOW VIEW on database sre_db
-- +goose StatementBegin
GRANT CREATE TEMPORARY TABLES, EXECUTE, INSERT, LOCK TABLES, SELECT, SHOW VIEW ON `sre\_db`.* TO `iam_sre`@`%`;
-- +goose StatementEnd

-- grant DELETE, INDEX, UPDATE on table sre_db.items
-- +goose StatementBegin
GRANT DELETE, INDEX, UPDATE ON `sre_db`.`items` TO `iam_sre`@`%`;
-- +goose StatementEnd

-- grant REFERENCES (`id`), UPDATE (`id`) on columns of table sre_db.other
-- +goose StatementBegin
GRANT REFERENCES (`id`), UPDATE (`id`) ON `sre_db`.`other` TO `iam_sre`@`%`;
-- +goose StatementEnd

-- grant EXECUTE on function sre_db.f
-- +goose StatementBegin
GRANT EXECUTE ON FUNCTION `sre_db`.`f` TO `iam_sre`@`%`;
-- +goose StatementEnd

-- grant EXECUTE on procedure sre_db.p
-- +goose StatementBegin
GRANT EXECUTE ON PROCEDURE `sre_db`.`p` TO `iam_sre`@`%`;
-- +goose StatementEnd

-- grant membership on role 'role` of sre_db
-- +goose StatementBegin
GRANT `'role`` of sre_db` TO `iam_sre`@`%`;
-- +goose StatementEnd

-- make it start with role 'role` of sre_db
-- +goose StatementBegin
SET DEFAULT ROLE `'role`` of sre_db` FOR `iam_sre`@`%`;
-- +goose StatementEnd

-- +goose Down

-- check that account `iam_sre`@`%`, if it exists, is for IAM
-- +goose StatementBegin
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = 'iam_sre' AND Host = '%' AND (Super_priv = 'Y' OR plugin <> 'AWSAuthenticationPlugin' OR EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = 'iam_sre' AND Host = '%' AND JSON_LENGTH(Priv, '$.auth_or') > 1) OR ssl_type IN ('X509', 'SPECIFIED'))), '~rdsiam: account is not for IAM', '/a')) AS passed;
-- +goose StatementEnd

-- check that nothing runs with its rights
-- +goose StatementBegin
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM information_schema.VIEWS WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = 'iam_sre@%') OR EXISTS (SELECT 1 FROM information_schema.ROUTINES WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = 'iam_sre@%') OR EXISTS (SELECT 1 FROM information_schema.TRIGGERS WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = 'iam_sre@%') OR EXISTS (SELECT 1 FROM information_schema.EVENTS WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = 'iam_sre@%'), '~rdsiam: account is a DEFINER', '/a')) AS passed;
-- +goose StatementEnd

-- drop it
-- +goose StatementBegin
DROP USER IF EXISTS `iam_sre`@`%`;
-- +goose StatementEnd
