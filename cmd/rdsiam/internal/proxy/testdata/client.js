// Logs in to a proxy with a driver for Node, asks who it is in several connections at a
// time, and prints what each was told. The settings come as JSON in the first argument.
"use strict";

const { createRequire } = require("node:module");
const { join } = require("node:path");

const { driver, modules, connections, ...settings } = JSON.parse(process.argv[2]);
const load = createRequire(join(modules, "/"));

const drivers = {
  async pg() {
    const { Pool } = load("pg");
    const pool = new Pool({ ...settings, database: "postgres", max: connections });
    const ask = async () => (await pool.query("select current_user as me, $1::text as bound", ["bound"])).rows[0];
    const answers = await Promise.all(Array.from({ length: connections }, ask));
    await pool.end();
    return answers;
  },

  async mysql2() {
    const pool = load("mysql2/promise").createPool({ ...settings, connectionLimit: connections });
    const ask = async () => (await pool.execute("select substring_index(current_user(), '@', 1) as me, ? as bound", ["bound"]))[0][0];
    const answers = await Promise.all(Array.from({ length: connections }, ask));
    await pool.end();
    return answers;
  },
};

drivers[driver]().then(
  (answers) => answers.forEach(({ me, bound }) => console.log(me, bound)),
  (error) => {
    console.error(`${error.code} ${error.message}`);
    process.exitCode = 1;
  },
);
