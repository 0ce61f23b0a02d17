-- MySQL account o'brien "x" \ `y`

-- check that partial_revokes is off, so that names of databases are patterns
SELECT EXTRACTVALUE('<a/>', IF(@@global.partial_revokes = 1, '~rdsiam: partial_revokes is on', '/a')) AS passed;

-- check that a grant on database sre_db hides no older one
SELECT EXTRACTVALUE('<a/>', IF(@@global.partial_revokes = 0 AND NOT EXISTS (SELECT 1 FROM mysql.db WHERE User = _utf8mb4 x'6f27627269656e20227822205c20607960' AND Host = '10.%' AND Db = _utf8mb4 x'7372655c5f6462') AND EXISTS (SELECT 1 FROM mysql.db WHERE User = _utf8mb4 x'6f27627269656e20227822205c20607960' AND Host = '10.%' AND Db <> _utf8mb4 x'7372655c5f6462' AND 'sre_db' LIKE Db ESCAPE x'5c'), '~rdsiam: hides an older grant', '/a')) AS passed;

-- check that the account starts with no other roles, which it would lose
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.default_roles WHERE User = _utf8mb4 x'6f27627269656e20227822205c20607960' AND Host = '10.%' AND CONCAT(DEFAULT_ROLE_USER, '@', DEFAULT_ROLE_HOST) NOT IN ('''role` of sre_db@%')), '~rdsiam: other default roles', '/a')) AS passed;

-- check that account `o'brien "x" \ ``y```@`10.%`, if it exists, is for IAM
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = _utf8mb4 x'6f27627269656e20227822205c20607960' AND Host = '10.%' AND (Super_priv = 'Y' OR plugin <> 'AWSAuthenticationPlugin' OR ssl_type IN ('X509', 'SPECIFIED'))), '~rdsiam: account is not for IAM', '/a')) AS passed;

-- create it if it does not exist
CREATE USER IF NOT EXISTS `o'brien "x" \ ``y```@`10.%` IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL;

-- make an existing one the same
ALTER USER `o'brien "x" \ ``y```@`10.%` IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL WITH MAX_USER_CONNECTIONS 7 COMMENT 'it''s for tests';

-- grant CREATE TEMPORARY TABLES, EXECUTE, INSERT, LOCK TABLES, SELECT, SHOW VIEW on database sre_db
GRANT CREATE TEMPORARY TABLES, EXECUTE, INSERT, LOCK TABLES, SELECT, SHOW VIEW ON `sre\_db`.* TO `o'brien "x" \ ``y```@`10.%`;
-- where partial_revokes is on: GRANT CREATE TEMPORARY TABLES, EXECUTE, INSERT, LOCK TABLES, SELECT, SHOW VIEW ON `sre_db`.* TO `o'brien "x" \ ``y```@`10.%`;

-- grant DELETE, INDEX, UPDATE on table sre_db.items
GRANT DELETE, INDEX, UPDATE ON `sre_db`.`items` TO `o'brien "x" \ ``y```@`10.%`;

-- grant REFERENCES (`id`), UPDATE (`id`) on columns of table sre_db.other
GRANT REFERENCES (`id`), UPDATE (`id`) ON `sre_db`.`other` TO `o'brien "x" \ ``y```@`10.%`;

-- grant EXECUTE on function sre_db.f
GRANT EXECUTE ON FUNCTION `sre_db`.`f` TO `o'brien "x" \ ``y```@`10.%`;

-- grant EXECUTE on procedure sre_db.p
GRANT EXECUTE ON PROCEDURE `sre_db`.`p` TO `o'brien "x" \ ``y```@`10.%`;

-- grant membership on role 'role` of sre_db
GRANT `'role`` of sre_db`@`%` TO `o'brien "x" \ ``y```@`10.%`;

-- make it start with role 'role` of sre_db
ALTER USER `o'brien "x" \ ``y```@`10.%` DEFAULT ROLE `'role`` of sre_db`@`%`;

-- MySQL account o'brien "x" \ `y`

-- check that partial_revokes is off, so that names of databases are patterns
SELECT EXTRACTVALUE('<a/>', IF(@@global.partial_revokes = 1, '~rdsiam: partial_revokes is on', '/a')) AS passed;

-- check that account `o'brien "x" \ ``y```@`10.%` is for IAM
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = _utf8mb4 x'6f27627269656e20227822205c20607960' AND Host = '10.%' AND (Super_priv = 'Y' OR plugin <> 'AWSAuthenticationPlugin' OR ssl_type IN ('X509', 'SPECIFIED'))), '~rdsiam: account is not for IAM', '/a')) AS passed;

-- check that nothing else gives rights on database sre_db
SELECT EXTRACTVALUE('<a/>', IF(@@global.partial_revokes = 0 AND EXISTS (SELECT 1 FROM mysql.db WHERE User = _utf8mb4 x'6f27627269656e20227822205c20607960' AND Host = '10.%' AND Db <> _utf8mb4 x'7372655c5f6462' AND 'sre_db' LIKE Db ESCAPE x'5c'), '~rdsiam: granted by a pattern', '/a')) AS passed;

-- revoke CREATE TEMPORARY TABLES, EXECUTE, INSERT, LOCK TABLES, SELECT, SHOW VIEW on database sre_db
REVOKE CREATE TEMPORARY TABLES, EXECUTE, INSERT, LOCK TABLES, SELECT, SHOW VIEW ON `sre\_db`.* FROM `o'brien "x" \ ``y```@`10.%`;
-- where partial_revokes is on: REVOKE CREATE TEMPORARY TABLES, EXECUTE, INSERT, LOCK TABLES, SELECT, SHOW VIEW ON `sre_db`.* FROM `o'brien "x" \ ``y```@`10.%`;

-- revoke DELETE, INDEX, UPDATE on table sre_db.items
REVOKE DELETE, INDEX, UPDATE ON `sre_db`.`items` FROM `o'brien "x" \ ``y```@`10.%`;

-- revoke REFERENCES (`id`), UPDATE (`id`) on columns of table sre_db.other
REVOKE REFERENCES (`id`), UPDATE (`id`) ON `sre_db`.`other` FROM `o'brien "x" \ ``y```@`10.%`;

-- revoke EXECUTE on function sre_db.f
REVOKE EXECUTE ON FUNCTION `sre_db`.`f` FROM `o'brien "x" \ ``y```@`10.%`;

-- revoke EXECUTE on procedure sre_db.p
REVOKE EXECUTE ON PROCEDURE `sre_db`.`p` FROM `o'brien "x" \ ``y```@`10.%`;

-- MySQL account o'brien "x" \ `y`

-- check that account `o'brien "x" \ ``y```@`10.%`, if it exists, is for IAM
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM mysql.user WHERE User = _utf8mb4 x'6f27627269656e20227822205c20607960' AND Host = '10.%' AND (Super_priv = 'Y' OR plugin <> 'AWSAuthenticationPlugin' OR ssl_type IN ('X509', 'SPECIFIED'))), '~rdsiam: account is not for IAM', '/a')) AS passed;

-- check that nothing runs with its rights
SELECT EXTRACTVALUE('<a/>', IF(EXISTS (SELECT 1 FROM information_schema.VIEWS WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = _utf8mb4 x'6f27627269656e20227822205c206079604031302e25') OR EXISTS (SELECT 1 FROM information_schema.ROUTINES WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = _utf8mb4 x'6f27627269656e20227822205c206079604031302e25') OR EXISTS (SELECT 1 FROM information_schema.TRIGGERS WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = _utf8mb4 x'6f27627269656e20227822205c206079604031302e25') OR EXISTS (SELECT 1 FROM information_schema.EVENTS WHERE CONVERT(DEFINER USING utf8mb4) COLLATE utf8mb4_bin = _utf8mb4 x'6f27627269656e20227822205c206079604031302e25'), '~rdsiam: account is a DEFINER', '/a')) AS passed;

-- drop it
DROP USER IF EXISTS `o'brien "x" \ ``y```@`10.%`;
