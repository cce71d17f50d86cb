// The only way out of the browser: a proxy that keeps every request and every answer as
// they were sent, from pages, workers, beacons and reports alike. The browser is told to
// use it for all, loopback too. It lets nothing through to places that it was not told of,
// and keeps what was tried.
//
//  browser ── http, or TLS with the server's own certificate ──► recorder ──► server

import { X509Certificate, createHash } from "node:crypto";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import zlib from "node:zlib";

/**
 * Starts it. `servers`: where the browser may go, `{ origin }`, with `cert` and `key` (PEM,
 * the server's own) where that is https.
 */
export async function record(servers) {
  const recorder = new Recorder(servers);
  await new Promise((done) => recorder.door.listen(0, "127.0.0.1", done));
  return recorder;
}

/** What Chromium asks of its maker, whatever it is told. No page's script can: it is refused. */
const CHROMIUM = /^(CONNECT |\w+ http:\/\/)(accounts\.google|[a-z-]+\.googleapis|clients\d\.google|www\.google|redirector\.gvt1)\.com[:/]/;

/** Of a connection, from one hop to the next: never handed on. */
const OF_THE_HOP = ["connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer"];

class Recorder {
  /** What was sent, oldest first; bodies are whole when `done`. */
  exchanges = [];
  /** Requests to places that the recorder was not told of. */
  strangers = [];
  /** How many of them were Chromium's own. */
  chromium = 0;
  #servers = new Map();
  #sockets = new Set();

  constructor(servers) {
    for (const server of servers) {
      const { host, port, protocol } = new URL(server.origin);
      const target = { ...server, host, hostname: new URL(server.origin).hostname, protocol };
      target.port = Number(port || (protocol === "https:" ? 443 : 80));
      // What comes through a tunnel: all of TLS, and WebSockets.
      const secure = { cert: server.cert, key: server.key, ALPNProtocols: ["http/1.1"] };
      target.inside = protocol === "https:" ? https.createServer(secure) : http.createServer();
      this.#serve(target.inside, target);
      this.#servers.set(`${target.hostname}:${target.port}`, target);
    }
    this.door = http.createServer();
    this.#serve(this.door, null);
    this.door.on("connect", (request, socket) => {
      const target = this.#servers.get(request.url);
      if (!target) {
        this.#strange(`CONNECT ${request.url}`);
        socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
        return;
      }
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      target.inside.emit("connection", socket);
    });
  }

  /** Where the browser finds it. */
  get address() {
    return `http://127.0.0.1:${this.door.address().port}`;
  }

  /** The keys of the servers, by which the browser may know them. */
  get keys() {
    const https = [...this.#servers.values()].filter((server) => server.cert);
    return https.map((server) => keyOf(server.cert));
  }

  /** Every request and answer from one on as bytes to search, with a name each. */
  *everything(from = 0) {
    for (const stranger of this.strangers) yield [`stranger: ${stranger}`, stranger];
    for (const [number, one] of this.exchanges.entries()) {
      if (number < from) continue;
      const name = `${number} ${one.method} ${one.origin}${one.path.split("?")[0]}`;
      yield [`request ${name}: line and headers`, `${one.method} ${one.path}\r\n${one.headers.join("\r\n")}`];
      yield [`request ${name}: body`, Buffer.concat(one.body)];
      yield [`answer ${name}: headers`, one.answerHeaders.join("\r\n")];
      yield [`answer ${name}: body`, one.answer()];
    }
  }

  /** Ends it, and whatever goes through it. */
  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    const servers = [this.door, ...[...this.#servers.values()].map((server) => server.inside)];
    for (const server of servers) server.close();
  }

  #serve(server, inside) {
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
    });
    server.on("request", (request, response) => this.#forward(request, response, inside));
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, inside));
    server.on("tlsClientError", () => {});
  }

  #strange(request) {
    if (CHROMIUM.test(request)) this.chromium += 1;
    else this.strangers.push(request);
  }

  /** Where a request goes, and its record. */
  #note(request, inside) {
    const url = new URL(request.url, inside?.origin);
    const target = inside ?? this.#servers.get(`${url.hostname}:${url.port || 80}`);
    // Through the plain door comes what is meant for plain servers alone.
    if (!target || (!inside && target.protocol !== "http:")) {
      this.#strange(`${request.method} ${request.url}`);
      return {};
    }
    const exchange = new Exchange(request, target, url.pathname + url.search);
    this.exchanges.push(exchange);
    return { target, exchange };
  }

  #forward(request, response, inside) {
    const { target, exchange } = this.#note(request, inside);
    if (!target) {
      response.writeHead(403).end();
      return;
    }
    const outgoing = client(target).request(options(request, target, exchange.path));
    request.on("data", (chunk) => exchange.body.push(chunk));
    request.pipe(outgoing);
    outgoing.on("response", (answer) => {
      exchange.answered(answer);
      answer.on("data", (chunk) => exchange.answerBody.push(chunk));
      answer.on("end", () => (exchange.done = true));
      response.writeHead(answer.statusCode, answer.statusMessage, raw(answer.rawHeaders));
      // An event stream's first line must not wait for its second.
      response.flushHeaders();
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    outgoing.on("error", () => {
      exchange.failed = true;
      response.headersSent ? response.destroy() : response.writeHead(502).end();
    });
    response.on("close", () => outgoing.destroy());
    response.on("error", () => {});
  }

  #upgrade(request, socket, inside) {
    const { target, exchange } = this.#note(request, inside);
    if (!target) {
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      return;
    }
    const outgoing = client(target).request({
      ...options(request, target, exchange.path),
      // Without extensions: compressed frames could not be searched.
      headers: raw(request.rawHeaders, ["sec-websocket-extensions", ...OF_THE_HOP.slice(1)]),
    });
    const frames = new Frames(exchange.body);
    outgoing.on("upgrade", (answer, server, first) => {
      exchange.answered(answer);
      const head = lines(answer.rawHeaders).map((line) => `${line}\r\n`).join("");
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${head}\r\n`);
      if (first.length) server.unshift(first);
      socket.on("data", (chunk) => frames.take(chunk));
      server.on("data", (chunk) => exchange.answerBody.push(chunk));
      socket.pipe(server).pipe(socket);
      server.on("error", () => socket.destroy());
      server.on("close", () => socket.destroy());
      socket.on("close", () => server.destroy());
    });
    outgoing.on("response", (answer) => {
      exchange.answered(answer);
      socket.end(`HTTP/1.1 ${answer.statusCode} Refused\r\n\r\n`);
      answer.resume();
    });
    outgoing.on("error", () => socket.destroy());
    outgoing.end();
  }
}

/** One request and its answer. */
class Exchange {
  body = [];
  answerHeaders = [];
  answerBody = [];
  status = 0;
  done = false;
  failed = false;

  constructor(request, target, path) {
    this.time = performance.now();
    this.method = request.method;
    this.origin = target.origin;
    this.path = path;
    this.headers = lines(request.rawHeaders);
  }

  answered(answer) {
    this.status = answer.statusCode;
    this.answerHeaders = lines(answer.rawHeaders);
    this.encoding = answer.headers["content-encoding"];
    this.type = answer.headers["content-type"] ?? "";
  }

  /** How many bytes the answer took, headers too. */
  get weight() {
    const headers = this.answerHeaders.reduce((sum, line) => sum + line.length + 2, 0);
    return headers + this.answerBody.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** The answer's body as the page got it. */
  answer() {
    const body = Buffer.concat(this.answerBody);
    const open = { gzip: zlib.gunzipSync, br: zlib.brotliDecompressSync, deflate: zlib.inflateSync, zstd: zlib.zstdDecompressSync };
    if (!this.encoding || !body.length) return body;
    const way = open[this.encoding];
    if (!way) throw new Error(`an answer in an encoding that can't be searched: ${this.encoding}`);
    const sync = this.encoding === "br" ? zlib.constants.BROTLI_OPERATION_FLUSH : zlib.constants.Z_SYNC_FLUSH;
    return way(body, this.done ? {} : { finishFlush: sync });
  }
}

/** What is in the frames that a browser sends on a WebSocket: they are masked. */
class Frames {
  #rest = Buffer.alloc(0);
  #into;

  constructor(into) {
    this.#into = into;
  }

  take(chunk) {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      if (this.#rest.length < 2) return;
      const short = this.#rest[1] & 0x7f;
      const start = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (this.#rest.length < start + 4) return;
      const length =
        short === 126 ? this.#rest.readUInt16BE(2) : short === 127 ? Number(this.#rest.readBigUInt64BE(2)) : short;
      if (this.#rest.length < start + 4 + length) return;
      const mask = this.#rest.subarray(start, start + 4);
      const payload = Buffer.from(this.#rest.subarray(start + 4, start + 4 + length));
      for (let at = 0; at < length; at++) payload[at] ^= mask[at % 4];
      this.#into.push(payload);
      this.#rest = this.#rest.subarray(start + 4 + length);
    }
  }
}

const client = (target) => (target.protocol === "https:" ? https : http);

function options(request, target, path) {
  const secure = { ca: target.ca ?? target.cert, servername: net.isIP(target.hostname) ? "" : target.hostname };
  return {
    host: target.hostname,
    port: target.port,
    method: request.method,
    path,
    headers: raw(request.rawHeaders),
    setDefaultHeaders: false,
    agent: false,
    // It is the server that the caller started: its key is known, whoever signed it.
    ...(target.protocol === "https:" ? { ...secure, rejectUnauthorized: false } : {}),
  };
}

/** Headers as they came: name, text, name, text …, without some. */
function raw(headers, without = OF_THE_HOP) {
  return headers.filter((_, at) => !without.includes(headers[at - (at % 2)].toLowerCase()));
}

/** Headers as lines. */
function lines(headers, without = []) {
  const left = raw(headers, without);
  return left.flatMap((name, at) => (at % 2 ? [] : [`${name}: ${left[at + 1]}`]));
}

/** A key as Chromium's `--ignore-certificate-errors-spki-list` names it. */
function keyOf(cert) {
  const key = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
}
