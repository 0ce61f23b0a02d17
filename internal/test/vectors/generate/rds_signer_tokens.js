// Prints the tokens that @aws-sdk/rds-signer makes of the requests in a file, as a vector
// file. The caller sets the clock, see generate.sh. Arguments: requests.json, the folder
// with node_modules.
"use strict";

const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join } = require("node:path");

const [requestsFile, folder] = process.argv.slice(2);
const { Signer } = createRequire(join(folder, "/"))("@aws-sdk/rds-signer");
const manifest = join(folder, "node_modules", "@aws-sdk", "rds-signer", "package.json");
const { version } = JSON.parse(readFileSync(manifest, "utf8"));
const given = JSON.parse(readFileSync(requestsFile, "utf8"));

async function main() {
  const tokens = {};
  for (const request of given.requests) {
    const { accessKeyId, secretAccessKey, sessionToken } = given.credentials[request.credentials];
    const signer = new Signer({
      hostname: request.host,
      port: request.port,
      region: request.region,
      username: request.user,
      credentials: { accessKeyId, secretAccessKey, sessionToken: sessionToken || undefined },
    });
    tokens[request.name] = await signer.getAuthToken();
  }
  process.stdout.write(JSON.stringify({ tool: "@aws-sdk/rds-signer", version, tokens }, null, 2) + "\n");
}

main();
