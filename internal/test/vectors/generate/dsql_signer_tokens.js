// Prints the tokens that @aws-sdk/dsql-signer makes of the requests in a file, as a vector
// file. The caller sets the clock, see generate.sh. Arguments: requests.json, which has the
// credentials, dsql-requests.json, the folder with node_modules.
"use strict";

const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join } = require("node:path");

const [credentialsFile, requestsFile, folder] = process.argv.slice(2);
const { DsqlSigner } = createRequire(join(folder, "/"))("@aws-sdk/dsql-signer");
const manifest = join(folder, "node_modules", "@aws-sdk", "dsql-signer", "package.json");
const { version } = JSON.parse(readFileSync(manifest, "utf8"));
const { credentials } = JSON.parse(readFileSync(credentialsFile, "utf8"));

async function main() {
  const tokens = {};
  for (const request of JSON.parse(readFileSync(requestsFile, "utf8"))) {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials[request.credentials];
    const signer = new DsqlSigner({
      hostname: request.host,
      region: request.region,
      expiresIn: request.expires,
      credentials: { accessKeyId, secretAccessKey, sessionToken: sessionToken || undefined },
    });
    tokens[request.name] = request.user === "admin" ? await signer.getDbConnectAdminAuthToken() : await signer.getDbConnectAuthToken();
  }
  process.stdout.write(JSON.stringify({ tool: "@aws-sdk/dsql-signer", version, tokens }, null, 2) + "\n");
}

main();
