// Logs in with a driver for Node and prints the first value of a statement's result. The
// settings come as JSON in the first argument, the password through file descriptor 3.
"use strict";

const dns = require("node:dns");
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join } = require("node:path");

const settings = JSON.parse(process.argv[2]);
const password = readFileSync(3, "utf8");
const load = createRequire(join(settings.modules, "/"));

// The name of the database server leads to this machine. The drivers connect to the name
// and verify the certificate for it.
const lookup = dns.lookup;
dns.lookup = function (name, options, callback) {
  if (name !== settings.host) return lookup.apply(dns, arguments);
  const found = { address: "127.0.0.1", family: 4 };
  if (typeof options === "function") [options, callback] = [{}, options];
  process.nextTick(() => (options.all ? callback(null, [found]) : callback(null, found.address, found.family)));
};

const common = { host: settings.host, port: settings.port, user: settings.user, password };
const tls = settings.tls && { ca: readFileSync(settings.authority), rejectUnauthorized: true };

const drivers = {
  async pg() {
    const { Client } = load("pg");
    const client = new Client({ ...common, database: "postgres", ssl: tls });
    await client.connect();
    try {
      const result = await client.query({ text: settings.statement, rowMode: "array" });
      return result.rows[0][0];
    } finally {
      await client.end();
    }
  },

  async mysql2() {
    const { createConnection } = load("mysql2/promise");
    const connection = await createConnection({
      ...common,
      ssl: tls && { ...tls, verifyIdentity: true },
      enableCleartextPlugin: settings.cleartext,
    });
    try {
      const [rows] = await connection.query({ sql: settings.statement, rowsAsArray: true });
      return rows[0][0];
    } finally {
      await connection.end();
    }
  },
};

drivers[settings.driver]().then(
  (value) => console.log(value),
  (error) => {
    console.error(`${error.code} ${error.sqlState ?? ""} ${error.message}`);
    process.exitCode = 1;
  },
);
