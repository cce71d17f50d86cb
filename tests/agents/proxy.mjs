// Stands before a server that speaks HTTP, and keeps all that goes either way. The first line
// of standard input says `{ target, ca, folder }`; says `{ url }`.

import { createWriteStream, mkdirSync } from "node:fs";
import { createServer } from "node:http";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";
import { read, say } from "./lib/lines.mjs";

const { target, ca, folder } = await read();
const to = new URL(target);
const via = to.protocol === "https:" ? https : http;
const agent = new via.Agent({ keepAlive: true, ca });

mkdirSync(folder, { recursive: true });
const kept = (name) => createWriteStream(join(folder, name), { flags: "a" });
const toServer = kept("to-server");
const toClient = kept("to-client");
let count = 0;

const head = (number, first, raw) => {
  const lines = [];
  for (let at = 0; at < raw.length; at += 2) lines.push(`${raw[at]}: ${raw[at + 1]}`);
  return `\n== ${number} ${first}\n${lines.join("\n")}\n\n`;
};

const server = createServer((asked, answer) => {
  const number = ++count;
  const body = [];
  asked.on("data", (part) => body.push(part));
  asked.on("end", () => {
    const content = Buffer.concat(body);
    toServer.write(head(number, `${asked.method} ${asked.url}`, asked.rawHeaders));
    toServer.write(content);
    const headers = { ...asked.headers, host: to.host };
    const forward = via.request(
      { host: to.hostname, port: to.port, method: asked.method, path: asked.url, headers, agent },
      (given) => {
        toClient.write(head(number, given.statusCode, given.rawHeaders));
        answer.writeHead(given.statusCode, given.headers);
        given.on("data", (part) => {
          toClient.write(part);
          answer.write(part);
        });
        given.on("end", () => answer.end());
        given.on("error", () => answer.destroy());
      },
    );
    forward.on("error", () => answer.destroy());
    answer.on("close", () => answer.writableEnded || forward.destroy());
    forward.end(content);
  });
});
server.keepAliveTimeout = 0;
server.requestTimeout = 0;
server.listen(0, "127.0.0.1", () => say({ url: `http://127.0.0.1:${server.address().port}` }));
